#pragma once

// What scenarios are played on: a simulated cell, steps that wait for their outcome, and all
// checkers at the end.

#include "sim/cell.hh"
#include "sim/checkers.hh"
#include "sim/workload.hh"

namespace polis::sim {

class Stage {
 public:
  explicit Stage(CellConfig config, WorkloadConfig workload = {}, std::uint64_t seed = 1);
  ~Stage();

  // What every stage of this thread runs with from now on, while the returned object lives.
  static std::shared_ptr<void> with(consensus::Protocol protocol);

  World& world() { return world_; }
  SimulatedCell& cell() { return cell_; }
  Node& node(std::size_t place) { return cell_.node(place); }
  void run_for(Duration time) { world_.run_until(world_.now() + time); }

  // The place of the master whom a quorum follows. Violation: there is none within ten seconds.
  std::size_t master();
  std::size_t follower();  // one that is up
  // Whom the master would hand over to now.
  std::size_t heir(std::size_t master);
  consensus::Term term();  // the newest

  // Each waits up to ten seconds for its answer; nothing: no answer, or a refusal. What they do is
  // part of the history.
  std::optional<std::uint64_t> put(std::size_t place, const std::string& key,
                                   const std::string& value);
  std::optional<std::uint64_t> erase(std::size_t place, const std::string& key);
  std::optional<std::string> get(std::size_t place, const std::string& key);  // "" if there is none
  bool compact(std::size_t place, std::uint64_t revision);
  // The lease lives for `ttl` seconds, whatever the log says.
  bool grant(std::size_t place, std::int64_t lease, std::int64_t ttl);
  // Writes the key, hanging on the lease, if there is none: who has done so holds the lock.
  bool lock(std::size_t place, const std::string& key, std::int64_t lease);
  // The same without waiting.
  void begin_lock(std::size_t place, const std::string& key, std::int64_t lease);
  void begin_renewal(std::size_t place, std::int64_t lease);
  void begin_put(std::size_t place, const std::string& key, const std::string& value);
  void begin_get(std::size_t place, const std::string& key);

  // A request for a change of who takes part; its answer is not waited for.
  void ask_for(std::size_t place, const replica::MemberChange& change);

  void crash(std::size_t place) { node(place).crash(); }
  void start(std::size_t place);
  void cut_off(std::size_t place);  // from all others, in both directions
  void cut(std::size_t a, std::size_t b);
  // Runs in small steps until it holds; at most ten seconds. Violation: it never did.
  void until(const std::string& what, const std::function<bool()>& holds);
  bool is_master(std::size_t place);
  consensus::Status status(std::size_t place) { return node(place).replica().status(); }
  bool has_lease(std::size_t place, std::int64_t lease) {
    return node(place).replica().store().leases().contains(lease);
  }
  void heal() { cell_.network().heal(); }
  void watch(std::size_t clients);
  Workload& load() { return workload_; }
  const History& history() const { return history_; }

  // What a message between replicas says, in either protocol.
  struct Said {
    consensus::ReplicaId to;
    bool take_over = false;   // mastership
    bool read_index = false;  // as of which a read may be answered
    bool teaches = false;     // what is chosen, or may be
    bool fills = false;       // what somebody lacks of the log
    bool state = false;       // part of a state machine's: a snapshot
  };
  Said what_is(std::string_view bytes) const;

  // Faults are over: everyone is started, catches up, and everything that was recorded is checked.
  void finish();

 private:
  void look(std::size_t place);
  void attend();
  std::optional<Operation> perform(std::size_t place, Operation operation);
  std::size_t begin(std::size_t place, Operation operation);

  World world_;
  SimulatedCell cell_;
  History history_;
  ChangeCollector collector_;
  ProtocolChecker protocol_;
  Workload workload_;
  std::vector<std::unique_ptr<WatchClient>> watchers_;
  std::uint64_t next_lock_ = 1;
  bool attending_ = false;  // attend() calls itself
};

// A violation of the rules of the scenario itself.
[[noreturn]] void broken_because(const std::string& text);
void expect(bool holds, const std::string& else_text);

}  // namespace polis::sim
