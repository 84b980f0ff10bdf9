#include "replica/shortage.hh"

#include "replica/testing/part_test.hh"
#include "replica/wire.hh"

namespace polis::replica {
namespace {

using namespace testing;

// A disk with as much space as the test says.
struct MeasuredDisk final : io::Disk {
  Result<std::unique_ptr<io::File>> open(const std::string&) override { return none(); }
  Result<std::unique_ptr<io::File>> create(const std::string&) override { return none(); }
  Result<void> create_zeroed(const std::string&, std::uint64_t) override { return {}; }
  void create_zeroed_later(const std::string&, std::uint64_t, io::Done) override {}
  Result<void> make_directory(const std::string&) override { return {}; }
  Result<std::vector<std::string>> list(const std::string&) override {
    return std::vector<std::string>();
  }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> rename(const std::string&, const std::string&) override { return {}; }
  Result<void> sync_directory(const std::string&) override { return {}; }
  Result<std::uint64_t> bytes_free(const std::string&) override { return free; }

  std::unexpected<Error> none() { return fail(ErrorCode::kNotFound, "no files here"); }
  std::uint64_t free = 1 << 30;
};

class ShortageTest : public PartTest {
 protected:
  ShortageTest() {
    Configuration three;
    three.voters = {kOwn, kOther, kThird};
    store->set_configuration(three);
  }
  void have_free(std::uint64_t bytes) {
    measured_.free = bytes;
    pass(500ms);
    shortage_.check_disk();
    shortage_.tell();
  }
  void tell(ReplicaId from, DiskSpace::Level level, bool memory) {
    const std::string bytes = {static_cast<char>(level), static_cast<char>(memory)};
    Reader in(bytes);
    shortage_.on_told(from, in);
  }
  Status admit(CommandKind kind, std::string_view bytes) const {
    const store::Command command{kind, bytes};
    return shortage_.admits({&command, 1});
  }
  Status admit_put() const { return admit(CommandKind::kPut, "\x0a\x01k"); }
  Status admit_deletion() const { return admit(CommandKind::kDeleteRange, "\x0a\x01k"); }

  MeasuredDisk measured_;
  std::vector<DiskSpace::Level> levels_;
  Shortage shortage_{
      options_,
      {.situation = situation_,
       .loop = machine,
       .disk = measured_,
       .engine = *engine,
       .transport = transport_,
       .store = *store,
       .space_changed = [this](DiskSpace::Level level) { levels_.push_back(level); }}};
};

TEST_F(ShortageTest, a_change_is_told_to_every_other_member_at_once_and_again_while_it_lasts) {
  have_free(1 << 30);
  EXPECT_TRUE(transport_.sent.empty());
  have_free(options_.disk_free_min / 2);
  ASSERT_EQ(transport_.sent.size(), 2u);
  EXPECT_EQ(transport_.sent[0].to, kOther);
  EXPECT_EQ(transport_.sent[0].bytes,
            (std::string{static_cast<char>(WireKind::kShortage), '\x01', '\x00'}));
  EXPECT_EQ(levels_, std::vector{DiskSpace::Level::kReserve});
  have_free(options_.disk_free_min / 2);
  EXPECT_EQ(transport_.sent.size(), 4u);
  have_free(1 << 30);
  EXPECT_EQ(transport_.sent.size(), 6u);
  have_free(1 << 30);
  EXPECT_EQ(transport_.sent.size(), 6u);
}

TEST_F(ShortageTest, only_what_needs_space_is_refused_when_the_cell_is_full) {
  tell(kOther, DiskSpace::Level::kReserve, false);
  EXPECT_TRUE(admit_put().ok());  // two of three have room
  tell(kThird, DiskSpace::Level::kReserve, false);
  EXPECT_EQ(admit_put().text, store::status::no_space().text);
  EXPECT_TRUE(admit_deletion().ok());
  EXPECT_EQ(shortage_.full_members(), (std::vector{kOther, kThird}));
}

TEST_F(ShortageTest, only_what_needs_memory_is_refused_when_a_majority_is_short) {
  shortage_.on_memory_measured(99 << 20, 100 << 20);
  EXPECT_TRUE(admit_put().ok());
  tell(kOther, DiskSpace::Level::kEnough, true);
  EXPECT_EQ(admit_put().text, store::status::short_of_memory().text);
  EXPECT_TRUE(admit_deletion().ok());
}

TEST_F(ShortageTest, a_replica_whose_reserve_is_used_up_stands_still_if_the_others_can_go_on) {
  have_free(1);
  EXPECT_TRUE(situation_.stands_still());
  EXPECT_EQ(admit_deletion().text, store::status::no_space().text);
  tell(kOther, DiskSpace::Level::kExhausted, false);
  have_free(1);
  EXPECT_FALSE(situation_.stands_still());
  tell(kOther, DiskSpace::Level::kEnough, false);
  have_free(1 << 30);
  EXPECT_FALSE(situation_.stands_still());
  EXPECT_TRUE(admit_put().ok());
}

TEST_F(ShortageTest, an_engine_that_finds_no_space_counts_whatever_the_disk_says) {
  shortage_.on_engine_refused(true);
  EXPECT_TRUE(shortage_.disk_full());
  shortage_.on_engine_refused(false);
  EXPECT_FALSE(shortage_.disk_full());
}

TEST_F(ShortageTest, what_is_malformed_is_not_believed) {
  for (const std::string& bytes : {std::string("\x02"), std::string("\x07\x00", 2)}) {
    Reader in(bytes);
    shortage_.on_told(kOther, in);
  }
  EXPECT_TRUE(shortage_.full_members().empty());
}

}  // namespace
}  // namespace polis::replica
