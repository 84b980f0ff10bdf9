// The write-ahead log on a simulated disk.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/disk.hh"
#include "storage/wal.hh"
#include "storage/wal_format.hh"

namespace polis::storage {
namespace {

using namespace std::chrono_literals;
using consensus::EntryKind;
using consensus::ReplicaId;

Entry entry(std::uint64_t index, std::uint64_t term, const std::string& text) {
  return {Term(term), LogIndex(index), EntryKind::kCommand, share(text)};
}

// One simulated machine whose log can be closed and opened again.
class WalTest : public ::testing::Test {
 protected:
  explicit WalTest(bool gaps = false) : gaps_(gaps) { open(); }

  Result<void> try_open(Identity identity = {7, ReplicaId(1)}, std::uint64_t reached = 0) {
    wal_.reset();
    disk_ = std::make_unique<sim::SimulatedDisk>(machine_, contents_, faults_, Random(1));
    recovered_ = {};
    auto wal = Wal::open(*disk_,
                         {.directory = "/wal",
                          .identity = identity,
                          .gaps = gaps_,
                          .segment_bytes = 4096,
                          .reached = reached},
                         recovered_);
    if (!wal) return std::unexpected(wal.error());
    wal_ = std::move(*wal);
    return {};
  }
  void open() {
    auto done = try_open();
    ASSERT_TRUE(done.has_value()) << done.error().text;
  }
  void append(std::uint64_t index, std::uint64_t term, const std::string& text) {
    ASSERT_TRUE(wal_->append(HardState{Term(term), ReplicaId(1), LogIndex(index - 1)},
                             {entry(index, term, text)})
                    .has_value());
  }
  void sync() {
    bool done = false;
    wal_->sync_later([&](Result<void> r) { done = r.has_value(); });
    world_.run_until(world_.now() + 1s);
    ASSERT_TRUE(done);
  }
  void crash(std::uint64_t seed) {
    Random random(seed);
    machine_.crash();
    wal_.reset();
    contents_->crash(random);
  }
  std::string texts() {
    std::string all;
    for (const Entry& e : recovered_.entries) all += *e.data + " ";
    return all;
  }

  bool gaps_;
  sim::World world_{1};
  sim::Machine machine_{world_, 0};
  std::shared_ptr<sim::DiskContents> contents_ = std::make_shared<sim::DiskContents>();
  std::shared_ptr<sim::DiskFaults> faults_ = std::make_shared<sim::DiskFaults>();
  std::unique_ptr<sim::SimulatedDisk> disk_;
  std::unique_ptr<Wal> wal_;
  Recovered recovered_;
};

TEST_F(WalTest, what_was_synced_is_recovered) {
  append(1, 1, "a");
  append(2, 1, "b");
  sync();
  crash(1);
  open();
  EXPECT_EQ(texts(), "a b ");
  EXPECT_EQ(recovered_.hard_state.term, Term(1));
  EXPECT_EQ(recovered_.hard_state.vote, ReplicaId(1));
}

TEST_F(WalTest, many_segments_are_one_log) {
  std::string expected;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    std::string text(200, static_cast<char>('a' + i % 26));
    append(i, 1, text);
    expected += text + " ";
    if (i % 7 == 0) sync();
  }
  sync();
  crash(2);
  open();
  EXPECT_EQ(texts(), expected);
}

TEST_F(WalTest, the_longest_promise_is_recovered) {
  ASSERT_TRUE(wal_->append(HardState{Term(1), ReplicaId(1), LogIndex(), 300ms}, {}).has_value());
  sync();
  open();
  EXPECT_EQ(recovered_.hard_state.promise_longest, Duration(300ms));
}

TEST_F(WalTest, a_segment_of_format_1_is_read_and_the_next_one_begun) {
  std::string bytes, payload;
  Writer head(payload);
  head.u32(1);
  head.u64(7);
  head.u64(1);
  head.u64(1);
  head.u64(4096);
  for (int i = 0; i < 5; ++i) head.varint(0);
  wal::append_record(bytes, {wal::kSegmentHead, 0, 0, payload});
  payload.clear();
  Writer state(payload);
  for (std::uint64_t value : {4, 1, 0}) state.varint(value);
  wal::append_record(bytes, {wal::kHardState, bytes.size(), 0, payload});
  payload.clear();
  Writer out(payload);
  encode(out, entry(1, 4, "old"));
  wal::append_record(bytes, {wal::kEntry, bytes.size(), 0, payload});
  bytes.resize(4096);
  auto file = contents_->names.begin()->second;
  file->durable = file->current = bytes;
  file->unsynced.clear();
  open();
  EXPECT_EQ(texts(), "old ");
  EXPECT_EQ(recovered_.hard_state, (HardState{Term(4), ReplicaId(1), LogIndex()}));
  EXPECT_EQ(contents_->names.size(), 2u);  // an older polis would not understand what follows
  append(2, 5, "new");
  sync();
  crash(1);
  open();
  EXPECT_EQ(texts(), "old new ");
}

TEST_F(WalTest, a_later_entry_replaces_those_behind_it) {
  append(1, 1, "a");
  append(2, 1, "b");
  append(3, 1, "c");
  append(2, 2, "B");
  sync();
  open();
  EXPECT_EQ(texts(), "a B ");
}

TEST_F(WalTest, a_reset_begins_anew) {
  append(1, 1, "a");
  ASSERT_TRUE(wal_->reset(LogIndex(50), Term(3)).has_value());
  append(51, 3, "z");
  sync();
  open();
  EXPECT_EQ(texts(), "z ");
  EXPECT_EQ(recovered_.base_index, LogIndex(50));
  EXPECT_EQ(recovered_.base_term, Term(3));
}

TEST_F(WalTest, calls_that_come_while_a_sync_runs_share_the_next_one) {
  int syncs = 0, done = 0;
  faults_->sync_min = faults_->sync_max = 10ms;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    append(i, 1, "x");
    wal_->sync_later([&](Result<void>) { ++done; });
  }
  Instant start = world_.now();
  while (done < 20) {
    world_.step(world_.now() + 1s);
    ++syncs;
  }
  EXPECT_LE(world_.now() - start, 25ms);  // two syncs
}

TEST_F(WalTest, released_segments_are_gone_and_the_rest_is_recovered) {
  for (std::uint64_t i = 1; i <= 100; ++i) append(i, 1, std::string(200, 'x'));
  sync();
  std::uint64_t before = wal_->bytes();
  ASSERT_TRUE(wal_->release_through(LogIndex(80)).has_value());
  EXPECT_LT(wal_->bytes(), before / 2);
  crash(3);
  open();
  EXPECT_LE(recovered_.base_index, LogIndex(80));
  EXPECT_EQ(recovered_.entries.back().index, LogIndex(100));
  EXPECT_EQ(recovered_.base_term, Term(1));
}

// Entries of a segment may be replaced in the next one; when the first is released, the second one
// stands alone.
TEST_F(WalTest, a_released_segment_may_have_held_entries_that_were_replaced_later) {
  std::uint64_t i = 1;
  std::uint64_t before = wal_->bytes();
  for (; wal_->bytes() == before; ++i) append(i, 1, std::string(200, 'x'));
  sync();
  std::uint64_t replaced = i - 3;
  for (std::uint64_t k = replaced; k < replaced + 8; ++k) append(k, 2, "new" + std::to_string(k));
  sync();
  ASSERT_TRUE(wal_->release_through(LogIndex(replaced + 5)).has_value());
  EXPECT_EQ(wal_->bytes(), before);
  crash(5);
  open();
  EXPECT_EQ(recovered_.base_index, LogIndex(replaced));
  EXPECT_EQ(recovered_.base_term, Term(2));
  EXPECT_EQ(recovered_.entries.size(), 7u);
  EXPECT_EQ(*recovered_.entries.back().data, "new" + std::to_string(replaced + 7));
}

TEST_F(WalTest, a_torn_write_never_says_that_entries_are_committed_which_it_was_to_replace) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    contents_ = std::make_shared<sim::DiskContents>();
    open();
    for (std::uint64_t i = 1; i <= 3; ++i) append(i, 1, "old");
    sync();
    ASSERT_TRUE(wal_->append(HardState{Term(2), ReplicaId(1), LogIndex(4)},
                             {entry(3, 2, std::string(300, 'n')), entry(4, 2, "new")})
                    .has_value());
    crash(seed);
    open();
    const LogIndex commit = recovered_.hard_state.commit;
    ASSERT_LE(commit.value, recovered_.entries.size()) << "seed " << seed;
    if (recovered_.entries[2].term == Term(1)) {
      ASSERT_LE(commit, LogIndex(2)) << "seed " << seed;
    }
  }
}

// On a slow disk a segment may be made in haste, filled and released before the one that was to be
// prepared for it is there.
TEST_F(WalTest, a_segment_that_is_prepared_too_late_is_taken_away) {
  faults_->stall = 1;
  faults_->stall_length = 10s;
  std::uint64_t i = 1;
  while (wal_->bytes() < 5 * 4096) append(i++, 1, std::string(200, 'x'));
  faults_->stall = 0;
  bool synced = false;
  wal_->sync_later([&](Result<void> r) { synced = r.has_value(); });
  ASSERT_TRUE(wal_->release_through(LogIndex(i - 2)).has_value());
  world_.run_until(world_.now() + 20s);
  ASSERT_TRUE(synced);
  crash(3);
  auto opened = try_open();
  EXPECT_TRUE(opened.has_value()) << opened.error().text;
  EXPECT_EQ(disk_->list("/wal")->size(), 1u);
}

TEST_F(WalTest, a_crash_before_that_leaves_nothing_that_stops_recovery) {
  std::uint64_t i = 1;
  while (wal_->bytes() < 5 * 4096) append(i++, 1, std::string(200, 'x'));
  sync();
  ASSERT_TRUE(wal_->release_through(LogIndex(i - 2)).has_value());
  ASSERT_TRUE(disk_->create_zeroed("/wal/000000000002.wal", 4096).has_value());
  crash(3);
  auto opened = try_open();
  EXPECT_TRUE(opened.has_value()) << opened.error().text;
}

// The heart of it: whatever a crash does to unsynced bytes, what was synced comes back and nothing
// else is believed.
TEST_F(WalTest, after_any_crash_the_log_is_a_prefix_that_holds_all_that_was_synced) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    contents_ = std::make_shared<sim::DiskContents>();
    open();
    Random random(seed);
    std::vector<std::string> written;
    std::size_t synced = 0;
    for (int life = 0; life < 4; ++life) {
      std::uint64_t count = random.below(40);
      for (std::uint64_t i = 0; i < count; ++i) {
        std::string text = std::to_string(random.next()) + std::string(random.below(900), 'p');
        append(written.size() + 1, 1, text);
        written.push_back(text);
        if (random.chance(0.2)) {
          sync();
          synced = written.size();
        }
      }
      crash(random.next());
      open();
      ASSERT_GE(recovered_.entries.size(), synced);
      ASSERT_LE(recovered_.entries.size(), written.size());
      for (std::size_t i = 0; i < recovered_.entries.size(); ++i)
        ASSERT_EQ(*recovered_.entries[i].data, written[i]);
      written.resize(recovered_.entries.size());
      synced = written.size();
    }
  }
}

TEST_F(WalTest, a_flipped_bit_in_what_was_acknowledged_is_called_corruption) {
  append(1, 1, "first");
  sync();
  append(2, 1, "second");
  sync();
  wal_.reset();
  auto& bytes = contents_->names.begin()->second->current;
  std::size_t at = bytes.find("first");
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 4;
  auto opened = try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(opened.error().text.find("000000000001.wal: record 2"), std::string::npos)
      << opened.error().text;
}

// The last write before a long silence.
TEST_F(WalTest, a_flipped_bit_in_a_sealed_end_is_called_corruption) {
  auto open_with_flipped_bit = [&] {
    wal_.reset();
    std::string& bytes = contents_->names.begin()->second->current;
    const std::string right = bytes;
    bytes[bytes.find("last")] ^= 4;
    auto opened = try_open();
    bytes = right;
    return opened;
  };
  append(1, 1, "first");
  sync();
  append(2, 1, "last");
  sync();
  const std::uint64_t written = wal_->bytes_written();
  EXPECT_TRUE(open_with_flipped_bit().has_value());  // it might be a torn write
  EXPECT_EQ(texts(), "first ");

  open();
  ASSERT_EQ(texts(), "first last ");
  EXPECT_EQ(wal_->proven(), 0u);
  bool sealed = false;
  ASSERT_TRUE(wal_->seal({}, [&](Result<void> r) { sealed = r.has_value(); }));
  world_.run_until(world_.now() + 1s);
  EXPECT_TRUE(sealed);
  EXPECT_EQ(wal_->proven(), written);
  EXPECT_FALSE(wal_->seal({}, [](Result<void>) {}));  // once is enough
  auto opened = open_with_flipped_bit();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  open();
  EXPECT_EQ(texts(), "first last ");
}

// What is committed is told after the last write, by a heartbeat.
TEST_F(WalTest, a_sealed_end_says_what_is_committed) {
  append(1, 1, "first");
  append(2, 1, "last");
  sync();
  ASSERT_TRUE(wal_->seal(LogIndex(1), [](Result<void>) {}));
  world_.run_until(world_.now() + 1s);
  EXPECT_FALSE(wal_->seal(LogIndex(1), [](Result<void>) {}));
  ASSERT_TRUE(wal_->seal(LogIndex(2), [](Result<void>) {}));
  world_.run_until(world_.now() + 1s);
  EXPECT_FALSE(wal_->seal(LogIndex(1), [](Result<void>) {}));  // nothing is taken back
  wal_.reset();
  open();
  EXPECT_EQ(texts(), "first last ");
  EXPECT_EQ(recovered_.hard_state.commit, LogIndex(2));
}

// What the disk holds is unknown after that; the system may well call clean what it never wrote.
TEST_F(WalTest, nothing_is_written_behind_a_failed_sync) {
  append(1, 1, "durable");
  sync();
  append(2, 1, "lost");
  faults_->fail_sync = true;
  Result<void> result;
  wal_->sync_later([&](Result<void> r) { result = std::move(r); });
  world_.run_until(world_.now() + 1s);
  ASSERT_FALSE(result.has_value());
  EXPECT_FALSE(wal_->append({}, {entry(3, 1, "more")}).has_value());
  EXPECT_FALSE(wal_->seal({}, [](Result<void>) {}));
  result = {};
  wal_->sync_later([&](Result<void> r) { result = std::move(r); });
  world_.run_until(world_.now() + 1s);
  EXPECT_FALSE(result.has_value());
  crash(1);
  open();
  EXPECT_EQ(texts(), "durable ");
}

// --- a log that does not come back

class LostWalTest : public WalTest, public ::testing::WithParamInterface<bool> {
 protected:
  LostWalTest() : WalTest(GetParam()) {}
  // Several segments, all durable; gives how far.
  std::uint64_t fill() {
    for (std::uint64_t i = 1; i <= 60; ++i) append(i, 1, std::string(200, 'x'));
    sync();
    const std::uint64_t reached = wal_->durable();
    crash(1);
    return reached;
  }
  void expect_missed(std::uint64_t reached, const std::string& text) {
    auto before = contents_->names;
    auto opened = try_open({7, ReplicaId(1)}, reached);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(opened.error().text.find(text), std::string::npos) << opened.error().text;
    EXPECT_NE(opened.error().text.find(std::to_string(reached)), std::string::npos)
        << opened.error().text;
    for (auto& [name, file] : contents_->names) EXPECT_TRUE(before.contains(name)) << name;
  }
};

TEST_P(LostWalTest, all_that_was_durable_is_enough) {
  const std::uint64_t reached = fill();
  auto opened = try_open({7, ReplicaId(1)}, reached);
  EXPECT_TRUE(opened.has_value()) << opened.error().text;
  EXPECT_EQ(wal_->durable(), reached);
}

TEST_P(LostWalTest, a_log_that_is_gone_is_missed) {
  const std::uint64_t reached = fill();
  contents_->lose("/wal");
  expect_missed(reached, "/wal holds no log");
  expect_missed(1, "/wal holds no log");  // all that is known is that there was one
}

TEST_P(LostWalTest, a_log_that_was_emptied_is_missed) {
  const std::uint64_t reached = fill();
  contents_->empty("/wal");
  expect_missed(reached, "its end is missing");
}

TEST_P(LostWalTest, a_log_that_was_cut_anywhere_is_missed) {
  const std::uint64_t reached = fill();
  const auto all = contents_->names;
  for (auto& [path, file] : all) {
    for (std::size_t at : {0, 8, 2000, 4000}) {
      SCOPED_TRACE(path + " at " + std::to_string(at));
      contents_->names.clear();
      for (auto& [name, whole] : all)
        contents_->names[name] = std::make_shared<sim::FileContents>(*whole);
      contents_->durable_names = contents_->names;
      if (path == all.rbegin()->first && at > reached % 4096) continue;  // nothing was there
      contents_->cut(path, at);
      auto opened = try_open({7, ReplicaId(1)}, reached);
      ASSERT_FALSE(opened.has_value());
      EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt) << opened.error().text;
    }
  }
}

// Which disk does not come back may also be one that holds a file of the middle.
TEST_P(LostWalTest, a_segment_that_ends_too_soon_is_missed_though_others_follow) {
  fill();
  auto second = std::next(contents_->names.begin())->second;
  const std::string whole = second->current;
  for (std::size_t at : {0, 1000, 3000}) {
    SCOPED_TRACE(at);
    std::string& bytes = second->current;
    bytes = whole;
    // From a record's border on: what is left looks whole.
    std::size_t border = 0;
    Reader position(std::string_view(whole).substr(8));
    const std::uint64_t base = position.u64();
    while (border < at)
      border +=
          wal::parse_record(std::string_view(whole).substr(border), base + border)->stored_bytes();
    std::fill(bytes.begin() + static_cast<long>(border), bytes.end(), '\0');
    auto opened = try_open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt) << opened.error().text;
    EXPECT_NE(opened.error().text.find("000000000002.wal: the records end at byte"),
              std::string::npos)
        << opened.error().text;
  }
}

TEST_P(LostWalTest, a_hole_in_the_segments_is_missed) {
  fill();
  contents_->names.erase("/wal/000000000002.wal");
  auto opened = try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(opened.error().text.find("000000000002.wal is missing"), std::string::npos);
}

TEST_P(LostWalTest, a_segment_of_another_time_is_noticed) {
  fill();
  auto names = contents_->names;
  contents_ = std::make_shared<sim::DiskContents>();
  open();
  for (std::uint64_t i = 1; i <= 200; ++i) append(i, 1, std::string(150, 'y'));
  sync();
  ASSERT_TRUE(wal_->release_through(LogIndex(150)).has_value());
  crash(1);
  // Numbers go on, positions do not.
  const auto from = contents_->names.rbegin();
  names["/wal/000000000002.wal"] = from->second;
  contents_->names = names;
  auto opened = try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt) << opened.error().text;
}

// A process ends by itself, the system lives on: what the process wrote and never synced can be
// read. When the power fails after that, it is gone.
TEST_P(LostWalTest, what_is_recovered_is_durable) {
  append(1, 1, "written");
  wal_.reset();
  open();
  const std::uint64_t reached = wal_->durable();
  crash(2);
  for (auto& [name, file] : contents_->names) EXPECT_TRUE(file->unsynced.empty());
  auto opened = try_open({7, ReplicaId(1)}, reached);
  ASSERT_TRUE(opened.has_value()) << opened.error().text;
  EXPECT_EQ(recovered_.entries.size() + recovered_.accepted.size(), 1u);
}

// Never so far that a crash makes it too far.
TEST_P(LostWalTest, no_crash_loses_what_was_said_to_be_durable) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    contents_ = std::make_shared<sim::DiskContents>();
    open();
    Random random(seed);
    std::uint64_t reached = 0;
    for (std::uint64_t i = 1, life = 0; life < 4; ++life) {
      for (std::uint64_t count = random.below(40); count > 0; --count, ++i) {
        append(i, 1, std::string(random.below(900), 'p'));
        if (random.chance(0.2)) sync();
        if (random.chance(0.3)) reached = std::max(reached, wal_->durable());
      }
      crash(random.next());
      auto opened = try_open({7, ReplicaId(1)}, reached);
      ASSERT_TRUE(opened.has_value()) << opened.error().text;
      i = 1 + recovered_.entries.size();
      if (!recovered_.accepted.empty()) i = 1 + recovered_.accepted.rbegin()->first.value;
      reached = std::max(reached, wal_->durable());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, LostWalTest, ::testing::Bool(),
                         [](const auto& gaps) { return gaps.param ? "gaps" : "consecutive"; });

TEST_F(WalTest, another_cells_log_is_refused_by_name) {
  auto opened = try_open({8, ReplicaId(1)});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
  EXPECT_NE(opened.error().text.find("belongs to cell 7"), std::string::npos)
      << opened.error().text;
}

TEST_F(WalTest, a_full_disk_is_reported_and_what_was_there_stays) {
  for (std::uint64_t i = 1; i <= 10; ++i) append(i, 1, "x");
  sync();
  world_.run_until(world_.now() + 1s);
  faults_->full = true;
  Result<void> last;
  for (std::uint64_t i = 11; last && i < 100; ++i)
    last = wal_->append(std::nullopt, {entry(i, 1, std::string(500, 'y'))});
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().code, ErrorCode::kNoSpace);
  faults_->full = false;
  open();
  EXPECT_GE(recovered_.entries.size(), 10u);
}

TEST(WalFormat, no_mutation_of_a_record_is_accepted) {
  std::string bytes;
  wal::append_record(bytes, {wal::kEntry, 4096, 4000, "payload"});
  ASSERT_TRUE(wal::parse_record(bytes, 4096).has_value());
  EXPECT_FALSE(wal::parse_record(bytes, 8192).has_value());  // misdirected
  for (std::size_t i = 0; i < wal::kHeaderBytes + 7; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string mutated = bytes;
      mutated[i] = static_cast<char>(mutated[i] ^ (1 << bit));
      EXPECT_FALSE(wal::parse_record(mutated, 4096).has_value()) << i;
    }
  }
}

// The log of a cell with protocol paxos: entries come in any order, each instead of its own alone.
class GapsTest : public WalTest {
 protected:
  GapsTest() : WalTest(true) {}

  std::string accepted() {
    std::string all;
    for (auto& [index, held] : recovered_.accepted)
      all += fmt::format("{}:{} ", index.value, *held.data);
    return all;
  }
};

TEST_F(GapsTest, what_was_accepted_in_any_order_is_recovered) {
  append(5, 1, "e");
  append(2, 1, "b");
  append(9, 2, "i");
  sync();
  crash(1);
  open();
  EXPECT_EQ(accepted(), "2:b 5:e 9:i ");
  EXPECT_TRUE(recovered_.entries.empty());
}

TEST_F(GapsTest, a_later_entry_replaces_its_own_slot_alone) {
  for (std::uint64_t i = 1; i <= 4; ++i) append(i, 1, "old");
  append(2, 3, "new");
  sync();
  open();
  EXPECT_EQ(accepted(), "1:old 2:new 3:old 4:old ");
  EXPECT_EQ(recovered_.accepted.at(LogIndex(2)).term, Term(3));
}

TEST_F(GapsTest, the_ballot_of_an_entry_is_recovered_whole) {
  Entry accepted_one = entry(3, 7, "x");
  accepted_one.proposer = ReplicaId(4);
  ASSERT_TRUE(wal_->append(std::nullopt, {accepted_one}).has_value());
  sync();
  open();
  ASSERT_TRUE(recovered_.accepted.contains(LogIndex(3)));
  EXPECT_EQ(recovered_.accepted.at(LogIndex(3)).term, Term(7));
  EXPECT_EQ(recovered_.accepted.at(LogIndex(3)).proposer, ReplicaId(4));
}

TEST_F(GapsTest, a_reset_forgets_what_is_before_it_and_keeps_what_is_behind) {
  append(2, 1, "b");
  append(8, 1, "h");
  append(5, 1, "e");
  sync();
  ASSERT_TRUE(wal_->reset(LogIndex(5), Term(1)).has_value());
  sync();
  open();
  EXPECT_EQ(accepted(), "8:h ");
  EXPECT_EQ(recovered_.base_index, LogIndex(5));
}

TEST_F(GapsTest, released_segments_take_no_open_slot_with_them) {
  append(100, 1, "far");
  for (std::uint64_t i = 1; i <= 60; ++i) {
    append(i, 1, std::string(200, 'x'));
    sync();
  }
  const std::uint64_t before = wal_->bytes();
  ASSERT_TRUE(wal_->release_through(LogIndex(60)).has_value());
  sync();
  open();
  ASSERT_TRUE(recovered_.accepted.contains(LogIndex(100)));
  EXPECT_EQ(*recovered_.accepted.at(LogIndex(100)).data, "far");
  EXPECT_LE(wal_->bytes(), before);
}

// What was synced is there whatever a crash leaves of the rest, and nothing is there that was not
// appended.
TEST_F(GapsTest, after_any_crash_all_that_was_synced_is_there) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    contents_ = std::make_shared<sim::DiskContents>();
    open();
    Random random(seed);
    std::map<std::uint64_t, std::string> synced, appended;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t index = 1 + random.below(20);
      const std::string text = fmt::format("{}.{}", index, i);
      append(index, static_cast<std::uint64_t>(i) + 1, text);
      appended[index] = text;
      if (random.chance(0.3)) {
        sync();
        synced = appended;
      }
    }
    crash(seed);
    open();
    for (auto& [index, text] : synced) {
      ASSERT_TRUE(recovered_.accepted.contains(LogIndex(index))) << "seed " << seed;
      const std::string& found = *recovered_.accepted.at(LogIndex(index)).data;
      // Instead of it only something newer of the same slot.
      EXPECT_GE(std::stoi(found.substr(found.find('.') + 1)),
                std::stoi(text.substr(text.find('.') + 1)));
      EXPECT_EQ(found.substr(0, found.find('.')), std::to_string(index));
    }
  }
}

TEST_F(GapsTest, a_log_of_the_other_protocol_is_refused) {
  append(1, 1, "a");
  sync();
  gaps_ = false;
  auto done = try_open();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::kInvalid);
  gaps_ = true;
  open();
  EXPECT_EQ(accepted(), "1:a ");
}

}  // namespace
}  // namespace polis::storage
