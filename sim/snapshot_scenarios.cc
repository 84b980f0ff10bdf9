#include "sim/snapshot_scenarios.hh"

#include "sim/stage.hh"

namespace polis::sim {

using namespace std::chrono_literals;

// Cut off when it was removed, and then too far behind for the log: the state that it is given says
// so alone.
void removed_in_a_snapshot() {
  Stage stage({.replicas = 4, .log_retain_bytes = 1 << 10});
  const std::size_t master = stage.master(), leaves = (master + 1) % 4;
  stage.cut_off(leaves);
  for (int i = 0; i < 40; ++i) stage.put(master, "k", std::to_string(i) + std::string(100, 'v'));
  stage.ask_for(master,
                {.kind = replica::MemberChange::Kind::kRemove, .id = stage.node(leaves).id()});
  stage.until("it is removed, durably", [&] {
    const auto& mark = stage.node(master).replica().store().durable_mark();
    return mark.configuration.voters.size() == 3 && !mark.configuration.joint();
  });
  stage.heal();
  stage.until("it has been given the state",
              [&] { return stage.node(leaves).replica().counters().snapshots_installed == 1; });
  stage.until("it knows that it was removed", [&] { return stage.node(leaves).removed(); });
  stage.finish();
}

// A replica holds a value that was never chosen, is given a state from behind it, and loses power
// before its log says so. What becomes of the log's last bytes is chance: several times.
void power_fails_behind_a_snapshot(std::uint64_t seed) {
  Stage stage({.replicas = 5, .log_retain_bytes = 2 << 10}, {}, seed);
  const std::size_t old = stage.master(), lags = (old + 1) % 5;
  for (std::size_t i = 0; i < 5; ++i) {
    if (i == old || i == lags) continue;
    stage.cut(old, i);
    stage.cut(lags, i);
  }
  const auto last = stage.status(lags).last;
  stage.begin_put(old, "k", "never chosen");
  stage.until("it is held and not chosen", [&] { return stage.status(lags).last > last; });
  stage.crash(old);
  std::size_t master = old;
  stage.until("there is another master", [&] {
    for (master = 0; master < 5; ++master)
      if (master != old && master != lags && stage.is_master(master)) return true;
    return false;
  });
  if (!stage.put(master, "k", "chosen there")) broken_because("no write succeeds");
  // It accepts what follows, and only what it lacks does not come.
  const consensus::ReplicaId id = stage.node(lags).id();
  stage.cell().network().set_slow([&stage, id](const std::string& message) {
    const Stage::Said said = stage.what_is(message);
    return said.fills && said.to == id ? Duration(30s) : Duration();
  });
  stage.heal();
  for (int i = 0; i < 60; ++i) stage.put(master, "k", std::to_string(i) + std::string(100, 'v'));
  stage.until("it has been given the state",
              [&] { return stage.node(lags).replica().counters().snapshots_installed == 1; });
  stage.crash(lags);
  stage.cell().network().set_slow(nullptr);
  stage.start(lags);
  stage.finish();
}

// Each replica stops after some silence, when its state on disk is ahead of its last write to the
// log. What lags must still be fed from a log.
void all_stop_in_silence() {
  Stage stage({.replicas = 3});
  const std::size_t master = stage.master(), lags = (master + 1) % 3, third = (master + 2) % 3;
  stage.crash(lags);
  for (int i = 0; i < 20; ++i) stage.put(master, "k", std::to_string(i));
  for (std::size_t place : {master, third}) {
    stage.until("its state is durable", [&] {
      const auto& store = stage.node(place).replica().store();
      return store.durable_mark().index == store.applied() &&
             store.applied() == stage.status(master).last;
    });
  }
  stage.run_for(1s);
  stage.crash(master);
  stage.crash(third);
  for (std::size_t place = 0; place < 3; ++place) stage.start(place);
  stage.finish();
  if (stage.node(lags).replica().counters().snapshots_installed > 0)
    broken_because("a log that nobody lacked was thrown away");
}

}  // namespace polis::sim
