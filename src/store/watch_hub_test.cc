#include "store/watch_hub.hh"

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "base/random.hh"
#include "sim/disk.hh"
#include "storage/memory_engine.hh"

namespace polis::store {
namespace {

// Remembers what it is given, as text.
class Sink : public WatchSink {
 public:
  void on_events(std::int64_t watch, std::string_view events, std::uint64_t, bool) override {
    etcdserverpb::WatchResponse response;
    ASSERT_TRUE(response.ParseFromArray(events.data(), static_cast<int>(events.size())));
    for (const auto& event : response.events()) {
      got += std::to_string(watch) + (event.type() == mvccpb::Event::DELETE ? "-" : "+") +
             event.kv().key() + "@" + std::to_string(event.kv().mod_revision());
      if (event.has_prev_kv()) got += "(" + event.prev_kv().value() + ")";
      got += " ";
    }
  }
  void on_compacted(std::int64_t watch, std::uint64_t at) override {
    got += std::to_string(watch) + "!" + std::to_string(at) + " ";
  }
  void on_progress(std::int64_t watch, std::uint64_t at) override {
    got += std::to_string(watch) + "?" + std::to_string(at) + " ";
  }
  bool may_write() const override { return !full; }
  std::string take() { return std::exchange(got, {}); }
  std::string got;
  bool full = false;
};

class WatchHubTest : public ::testing::Test, public ApplySink {
 protected:
  WatchHubTest() { EXPECT_TRUE(store.open().has_value()); }
  bool wants_replies(const Origin&) override { return false; }
  void on_reply(const Origin&, std::size_t, Reply) override {}
  void on_duplicate(const Origin&) override {}
  void on_lease(std::int64_t, std::int64_t, bool) override {}

  void run(CommandKind kind, const std::string& bytes) {
    Bundle bundle;
    bundle.add(kind, bytes);
    std::string payload;
    bundle.take({ReplicaId(1), 1, ++index}, payload);
    store.apply({Term(1), LogIndex(index), consensus::EntryKind::kCommand, share(payload)}, *this);
  }
  void put(const std::string& key, const std::string& value = "v") {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    run(CommandKind::kPut, request.SerializeAsString());
  }
  void del(const std::string& key) {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(key);
    run(CommandKind::kDeleteRange, request.SerializeAsString());
  }
  void compact(std::int64_t revision) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(revision);
    run(CommandKind::kCompact, request.SerializeAsString());
  }

  sim::World world{1};
  sim::Machine machine{world, 0};
  sim::SimulatedDisk disk{machine, std::make_shared<sim::DiskContents>(),
                          std::make_shared<sim::DiskFaults>(), Random(1)};
  storage::MemoryEngine engine{std::make_shared<storage::MemoryEngineState>(), machine, disk,
                               Random(1)};
  Store store{engine};
  WatchHub hub{store};
  Sink sink;
  std::uint64_t index = 0;
};

TEST_F(WatchHubTest, new_changes_go_to_those_whose_range_they_are_in) {
  hub.add(sink, 1, {.range = {"a", ""}});
  hub.add(sink, 2, {.range = {"a", "c"}});
  hub.add(sink, 3, {.range = {"b", std::string(1, '\0')}});
  put("a");
  put("b");
  put("c");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1+a@2 2+a@2 2+b@3 3+b@3 3+c@4 ");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "");
}

TEST_F(WatchHubTest, the_past_is_read_from_the_start_revision_on_and_then_the_present) {
  for (int i = 0; i < 5; ++i) put("k");
  hub.turn_end();
  hub.add(sink, 1, {.range = {"k", ""}, .start = 4});
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1+k@4 1+k@5 1+k@6 ");
  put("k");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1+k@7 ");
}

TEST_F(WatchHubTest, a_start_in_the_future_waits_for_it) {
  auto handle = hub.add(sink, 1, {.range = {"k", ""}, .start = 4});
  put("k");
  put("k");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "");
  put("k");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1+k@4 ");
  hub.remove(handle);
  put("k");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "");
}

TEST_F(WatchHubTest, a_slow_reader_misses_nothing_and_gets_nothing_twice) {
  hub.add(sink, 1, {.range = {"k", ""}});
  put("k");
  hub.turn_end();
  sink.full = true;
  put("k");
  hub.turn_end();
  put("k");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1+k@2 ");
  sink.full = false;
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1+k@3 1+k@4 ");
  put("k");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1+k@5 ");
}

TEST_F(WatchHubTest, filters_and_previous_values) {
  hub.add(sink, 1, {.range = {"k", ""}, .put = false});
  hub.add(sink, 2, {.range = {"k", ""}, .erase = false, .previous = true});
  put("k", "old");
  put("k", "new");
  del("k");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1-k@4 2+k@2 2+k@3(old) ");
}

TEST_F(WatchHubTest, what_is_compacted_is_said_and_a_deletion_at_that_revision_is_seen) {
  put("k");
  del("k");  // 3
  put("x");
  hub.turn_end();
  compact(3);
  hub.add(sink, 1, {.range = {"k", ""}, .start = 2});
  hub.add(sink, 2, {.range = {"k", ""}, .start = 3});
  hub.turn_end();
  EXPECT_EQ(sink.take(), "1!3 2-k@3 ");
  EXPECT_EQ(hub.size(), 1u);
}

TEST_F(WatchHubTest, progress_is_told_to_those_who_asked_and_heard_nothing) {
  hub.add(sink, 1, {.range = {"k", ""}, .progress = true});
  hub.add(sink, 2, {.range = {"k", ""}});
  put("other");
  hub.turn_end();
  hub.notify_progress();
  EXPECT_EQ(sink.take(), "1?2 ");
  put("k");
  hub.turn_end();
  sink.take();
  hub.notify_progress();
  EXPECT_EQ(sink.take(), "");
}

// Counts what it is given and takes no more than it has room for.
class CountingSink : public WatchSink {
 public:
  void on_events(std::int64_t, std::string_view events, std::uint64_t, bool) override {
    ++given;
    held += events.size();
  }
  void on_compacted(std::int64_t, std::uint64_t) override { ++given; }
  void on_progress(std::int64_t, std::uint64_t) override {}
  bool may_write() const override { return held < room; }
  std::size_t given = 0, held = 0, room = SIZE_MAX;
};

TEST_F(WatchHubTest, many_watches_of_one_key_are_served_in_bounded_turns) {
  constexpr std::size_t kWatches = 100'000, kPerTurnMax = 15'000;
  CountingSink many;
  for (std::size_t i = 0; i < kWatches; ++i)
    hub.add(many, static_cast<std::int64_t>(i), {.range = {"a", ""}});
  hub.add(sink, 7, {.range = {"b", ""}});
  put("a");
  std::size_t turns = 0, before = 0;
  for (bool more = true; more; ++turns) {
    put("b", std::to_string(turns));
    more = hub.turn_end();
    EXPECT_LE(many.given - before, kPerTurnMax);
    before = many.given;
    EXPECT_EQ(sink.take(),
              "7+b@" + std::to_string(turns + 3) + " ");  // who asks for little waits for nobody
  }
  EXPECT_EQ(many.given, kWatches);
  EXPECT_TRUE(hub.synced(many));
  EXPECT_LT(turns, 100u);
}

TEST_F(WatchHubTest, many_watches_of_a_client_that_does_not_read_cost_no_memory_and_few_steps) {
  constexpr std::size_t kWatches = 50'000;
  CountingSink many;
  many.room = 100'000;
  std::vector<WatchHub::Handle> handles;
  for (std::size_t i = 0; i < kWatches; ++i)
    handles.push_back(hub.add(many, static_cast<std::int64_t>(i), {.range = {"a", ""}}));
  put("a", std::string(10'000, 'v'));
  EXPECT_FALSE(hub.turn_end());  // nothing can be done before the client has read
  EXPECT_LT(many.held, 2u << 20);
  EXPECT_FALSE(hub.synced(many));
  const std::size_t given = many.given;
  for (int i = 0; i < 1000; ++i) {
    put("a");
    EXPECT_FALSE(hub.turn_end());
  }
  EXPECT_EQ(many.given, given);
  for (WatchHub::Handle handle : handles) hub.remove(handle);  // linear: a list would need minutes
  EXPECT_EQ(hub.size(), 0u);
  EXPECT_TRUE(hub.synced(many));
}

TEST_F(WatchHubTest, a_watch_that_ends_among_many_leaves_the_others_alone) {
  Sink other;
  auto a = hub.add(sink, 1, {.range = {"a", "c"}});
  auto b = hub.add(other, 2, {.range = {"a", "c"}});
  auto c = hub.add(sink, 3, {.range = {"b", std::string(1, '\0')}});
  hub.remove(a);
  put("b");
  hub.turn_end();
  EXPECT_EQ(sink.take(), "3+b@2 ");
  EXPECT_EQ(other.take(), "2+b@2 ");
  hub.remove(b);
  hub.remove(c);
  put("b");
  hub.turn_end();
  EXPECT_EQ(sink.take() + other.take(), "");
}

TEST(IntervalIndex, finds_what_a_scan_finds) {
  Random random(5);
  IntervalIndex<int> index;
  std::map<std::pair<std::string, std::string>, int> model;
  auto key_of = [&] {
    return std::string(1, static_cast<char>('a' + random.below(26))) +
           std::to_string(random.below(10));
  };
  for (int step = 1; step <= 20'000; ++step) {
    KeyRange range{key_of(), random.below(8) == 0 ? std::string(1, '\0') : key_of()};
    if (!range.to_the_end() && range.end <= range.key)
      std::swap(range.key, range.end), range.end += "x";
    if (random.below(step / 5000 % 2 == 0 ? 4 : 2) != 0) {
      index[range] = step;
      model[{range.key, range.end}] = step;
    } else if (!model.empty()) {
      auto found = model.lower_bound({range.key, range.end});
      if (found == model.end()) found = model.begin();
      index.erase({found->first.first, found->first.second});
      model.erase(found);
    }
    if (step % 50 != 0) continue;
    std::string key = key_of();
    std::vector<int> got, expected;
    index.visit(key, [&](int value) { got.push_back(value); });
    for (const auto& [r, value] : model) {
      if (KeyRange{r.first, r.second}.contains(key)) expected.push_back(value);
    }
    ASSERT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace polis::store
