#pragma once

// The stage for scenarios: a simulated cell, steps that wait for their outcome, and all checkers at
// the end. All times are virtual time.
//
// Threads: one.
// Life: construct (all founders are started) -> steps -> finish().

#include "sim/cell.hh"
#include "sim/checkers.hh"
#include "sim/workload.hh"

namespace polis::sim {

class Stage {
 public:
  explicit Stage(CellConfig config, WorkloadConfig workload = {}, std::uint64_t seed = 1);
  ~Stage();

  // While the returned object lives, all stages that this thread makes use this protocol.
  static std::shared_ptr<void> with(consensus::Protocol protocol);

  World& world() { return world_; }
  SimulatedCell& cell() { return cell_; }
  Node& node(std::size_t place) { return cell_.node(place); }
  void run_for(Duration time) { world_.run_until(world_.now() + time); }

  // The place of the master that a quorum follows; waits for one. Violation: there is none within
  // ten seconds.
  std::size_t master();
  std::size_t follower();  // the place of a replica that is up and not master
  // The place of the replica to which the master would hand over now.
  std::size_t heir(std::size_t master);
  consensus::Term term();  // the highest term of all replicas

  // Each of these makes one request at the replica at `place`, and waits up to ten seconds for the
  // answer. The result of put and erase is the revision. nullopt or false: no answer came, or a
  // refusal. The operations become part of the history.
  std::optional<std::uint64_t> put(std::size_t place, const std::string& key,
                                   const std::string& value);
  std::optional<std::uint64_t> erase(std::size_t place, const std::string& key);
  std::optional<std::string> get(std::size_t place, const std::string& key);  // "" if there is none
  bool compact(std::size_t place, std::uint64_t revision);
  // Grants a lease. `ttl`: seconds.
  bool grant(std::size_t place, std::int64_t lease, std::int64_t ttl);
  // Takes a lock: writes the key and hangs it on the lease, if there is no such key. True: the lock
  // is held.
  bool lock(std::size_t place, const std::string& key, std::int64_t lease);
  // These begin a request and do not wait for its answer.
  void begin_lock(std::size_t place, const std::string& key, std::int64_t lease);
  void begin_renewal(std::size_t place, std::int64_t lease);
  void begin_put(std::size_t place, const std::string& key, const std::string& value);
  void begin_get(std::size_t place, const std::string& key);

  // Asks for a change of members, without waiting for the answer.
  void ask_for(std::size_t place, const replica::MemberChange& change);

  void crash(std::size_t place) { node(place).crash(); }
  void start(std::size_t place);
  void cut_off(std::size_t place);  // from all others, in both directions
  void cut(std::size_t a, std::size_t b);
  // Runs in small steps until holds() is true. Violation: it is not within ten seconds; the text
  // has `what`.
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

  // The kind of a message between replicas, for either protocol.
  struct Said {
    consensus::ReplicaId to;
    bool take_over = false;   // a hand-over: tells the receiver to become master
    bool read_index = false;  // the answer to a read: the index that it needs
    bool teaches = false;     // tells entries, or what is committed
    bool fills = false;       // sends entries that the receiver lacks
    bool state = false;       // a part of a snapshot
  };
  Said what_is(std::string_view bytes) const;

  // Ends the scenario: all faults stop, all replicas are started and catch up, and everything that
  // was recorded is checked. Violation: a check fails, or progress does not come.
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

// Throws a Violation with this text: the scenario's own fact does not hold.
[[noreturn]] void broken_because(const std::string& text);
// broken_because(else_text), unless `holds`.
void expect(bool holds, const std::string& else_text);

}  // namespace polis::sim
