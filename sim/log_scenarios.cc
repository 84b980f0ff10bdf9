#include "sim/log_scenarios.hh"

#include "sim/stage.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

void expect_refused(Stage& stage, std::size_t place) {
  stage.node(place).start();
  if (!stage.node(place).failed()) broken_because("a replica starts without its log");
  if (stage.node(place).failure().find("must not guess") == std::string::npos)
    broken_because("it says another reason: " + stage.node(place).failure());
}

}  // namespace

// Two of three replicas have a write when all stop; one of the two loses its log. The third replica
// does not have the write: together with the one that lost its log it must not be a quorum.
void a_cell_stops_and_one_log_is_lost(Node::Loss loss) {
  Stage stage({.replicas = 3});
  const std::size_t master = stage.master(), loses = (master + 1) % 3, lags = (master + 2) % 3;
  if (!stage.put(master, "k", "before")) broken_because("no write succeeds");
  stage.run_for(2s);  // the logs come to rest
  stage.cut_off(lags);
  if (!stage.put(master, "k", "acknowledged")) broken_because("two of three take no write");
  stage.crash(master);
  stage.crash(lags);
  stage.node(loses).crash_and_lose_log(loss);
  stage.heal();
  stage.start(lags);
  expect_refused(stage, loses);
  stage.start(master);
  if (stage.get(stage.master(), "k") != "acknowledged")
    broken_because("an acknowledged write is gone");
  stage.node(loses).become(consensus::kNoReplica);  // until it is repaired
  stage.finish();
}

// A state that came from another replica takes the place of the own one: it has to know of the own
// log from that moment on.
void a_log_is_lost_behind_a_snapshot() {
  Stage stage({.replicas = 3, .log_retain_bytes = 1 << 10});
  const std::size_t master = stage.master(), lags = (master + 1) % 3;
  stage.run_for(2s);
  stage.crash(lags);
  for (int i = 0; i < 60; ++i) stage.put(master, "k", std::to_string(i) + std::string(100, 'v'));
  stage.run_for(1s);
  stage.start(lags);
  stage.until("it has been given the state",
              [&] { return stage.node(lags).replica().counters().snapshots_installed == 1; });
  stage.node(lags).crash_and_lose_log(Node::Loss::kCut);
  expect_refused(stage, lags);
  stage.node(lags).become(consensus::kNoReplica);
  stage.finish();
}

}  // namespace polis::sim
