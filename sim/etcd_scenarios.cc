#include "sim/etcd_scenarios.hh"

#include <fmt/format.h>

#include "sim/stage.hh"
#include "store/watch_hub.hh"

namespace polis::sim {

using namespace std::chrono_literals;

namespace {

// A watcher of everything that writes down the progress it is told.
struct ProgressWatch final : store::WatchSink {
  explicit ProgressWatch(Node& on) : node(on) {}
  void on_events(std::int64_t, std::string_view, std::uint64_t revision, bool) override {
    look(revision);
  }
  void on_compacted(std::int64_t, std::uint64_t) override {}
  void on_progress(std::int64_t, std::uint64_t revision) override { look(revision); }
  bool may_write() const override { return true; }
  void look(std::uint64_t revision) {
    expect(revision <= node.replica().store().revision(),
           fmt::format("a watcher was told of revision {} when the replica was at {}", revision,
                       node.replica().store().revision()));
    expect(revision >= newest, "a watcher was told of an older revision than before");
    newest = revision;
  }
  Node& node;
  std::uint64_t newest = 0;
};

}  // namespace

void single_replica_crash() {
  Stage stage({.replicas = 1});
  stage.watch(1);
  for (int i = 0; i < 30; ++i) {
    expect(stage.put(0, "k", fmt::format("v{}", i)).has_value(), "a cell of one takes no write");
    stage.crash(0);  // the very moment in which it was acknowledged
    stage.start(0);
    stage.master();
    expect(stage.get(0, "k") == fmt::format("v{}", i), "an acknowledged write is gone");
  }
  stage.finish();
}

void watch_after_partition() {
  Stage stage({.replicas = 3});
  stage.watch(3);
  for (int round = 0; round < 5; ++round) {
    std::size_t cut = stage.follower();
    stage.cut_off(cut);
    for (int i = 0; i < 10; ++i) stage.put(stage.master(), "k", fmt::format("v{}-{}", round, i));
    stage.heal();
    stage.run_for(300ms);
    stage.cut_off(stage.master());
    stage.run_for(1500ms);
    stage.heal();
    stage.run_for(500ms);
  }
  stage.finish();
}

void watches_under_crashes() {
  Stage stage({.replicas = 3, .log_retain_bytes = 2 << 10},
              {.clients = 4, .keys = 3, .think_max = 10ms, .compactions = true});
  stage.watch(6);
  stage.load().start();
  for (int round = 0; round < 12; ++round) {
    stage.run_for(400ms);
    std::size_t victim = round % 3;
    if (!stage.node(victim).up()) continue;
    stage.crash(victim);
    stage.run_for(300ms);
    stage.start(victim);
  }
  stage.finish();
}

void crash_during_compaction() {
  Stage stage({.replicas = 3, .engine_commit_max = 50ms, .engine_interval = 20ms});
  stage.watch(2);
  std::uint64_t newest = 0;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 20; ++i) {
      auto revision =
          stage.put(stage.master(), fmt::format("k{}", i % 4), fmt::format("v{}-{}", round, i));
      if (revision) newest = *revision;
    }
    stage.compact(stage.master(), newest - 5);
    for (std::size_t i = 0; i < 3; ++i) stage.crash(i);
    for (std::size_t i = 0; i < 3; ++i) stage.start(i);
    stage.master();
    auto next = stage.put(stage.master(), "after", fmt::format("a{}", round));
    expect(next && *next > newest, "the revision went back after a crash during compaction");
    newest = *next;
  }
  stage.finish();
}

void delete_at_compacted_revision() {
  Stage stage({.replicas = 3, .engine_interval = 20ms});
  stage.put(stage.master(), "a", "1");
  stage.put(stage.master(), "k", "v");
  auto erased = stage.erase(stage.master(), "k");
  expect(erased.has_value(), "a deletion is not answered");
  stage.put(stage.master(), "a", "2");
  expect(stage.compact(stage.master(), *erased), "compaction is refused");
  stage.run_for(2s);  // it is carried out
  struct Sink final : store::WatchSink {
    void on_events(std::int64_t, std::string_view bytes, std::uint64_t, bool) override {
      events += bytes;
    }
    void on_compacted(std::int64_t, std::uint64_t) override { compacted = true; }
    void on_progress(std::int64_t, std::uint64_t) override {}
    bool may_write() const override { return true; }
    std::string events;
    bool compacted = false;
  } sink;
  Node& node = stage.node(stage.follower());
  auto handle = node.watches().add(sink, 0, {.range = {"k", ""}, .start = *erased});
  node.machine().post([] {});
  stage.run_for(200ms);
  expect(!sink.compacted, "the compacted revision itself is refused to a watcher");
  expect(!sink.events.empty(), "the deletion at the compacted revision is missing");
  node.watches().remove(handle);
  stage.finish();
}

void stale_read_after_pause(consensus::Reads reads) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Stage stage({.replicas = 3, .reads = reads}, {}, seed);
    stage.put(stage.master(), "k", "old");
    std::size_t paused = stage.master();
    stage.node(paused).machine().pause(3s);
    // Reads wait at the door of the paused master; it finds them when it goes on.
    for (int i = 0; i < 5; ++i) stage.begin_get(paused, "k");
    stage.run_for(10ms);
    std::size_t next = paused;
    Instant deadline = stage.world().now() + 2500ms;
    while (next == paused && stage.world().now() < deadline) {
      stage.run_for(10ms);
      for (std::size_t i = 0; i < 3; ++i) {
        if (i != paused && stage.node(i).replica().status_role().role == consensus::Role::kMaster)
          next = i;
      }
    }
    expect(next != paused, "nobody takes over from a paused master");
    expect(stage.put(next, "k", "new").has_value(), "the next master takes no write");
    for (int i = 0; i < 5; ++i) stage.begin_get(paused, "k");
    stage.finish();
  }
}

void crash_under_load() {
  Stage stage({.replicas = 3,
               .engine_commit_max = 100ms,
               .engine_interval = 20ms,
               .log_retain_bytes = 2 << 10},
              {.clients = 6, .keys = 4, .think_max = 5ms, .compactions = true});
  stage.load().start();
  for (int round = 0; round < 8; ++round) {
    stage.run_for(700ms);
    for (std::size_t i = 0; i < 3; ++i) stage.crash(i);
    for (std::size_t i = 0; i < 3; ++i) stage.start(i);
  }
  stage.finish();  // compares the replicas
}

void no_future_progress() {
  Stage stage({.replicas = 3}, {.clients = 3, .think_max = 10ms});
  stage.load().start();
  std::vector<std::unique_ptr<ProgressWatch>> sinks;
  for (std::size_t i = 0; i < 3; ++i) {
    sinks.push_back(std::make_unique<ProgressWatch>(stage.node(i)));
    store::WatchSpec spec{.range = {std::string(1, '\0'), std::string(1, '\0')}};
    spec.progress = true;
    stage.node(i).watches().add(*sinks.back(), 0, spec);
  }
  for (int round = 0; round < 5; ++round) {
    stage.cut_off(stage.follower());
    stage.run_for(800ms);
    stage.heal();
    stage.run_for(800ms);
  }
  stage.finish();
}

}  // namespace polis::sim
