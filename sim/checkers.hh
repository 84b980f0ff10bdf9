#pragma once

// What must hold, whatever the workload did and whatever the faults were. Each checker says what is
// broken, or nothing.

#include <functional>
#include <map>
#include <set>
#include <string>

#include "consensus/types.hh"
#include "sim/cell.hh"
#include "sim/history.hh"

namespace polis::sim {

// Thrown where something is broken, with the text of what was seen.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Linearizability of single keys and of the whole store at once. Every answer carries a revision,
// which places it in one order; what has to be shown is that this order is legal: each read sees
// what the changes before it left, no operation stands before one that had ended when it began,
// each change belongs to one operation, and none happened twice. Source: Herlihy and Wing 1990;
// using the system's own order as the witness makes the check linear in the history.
void check_linearizable(const History& history);

// Leases and locks, in the world's own time. A lease of which a renewal was answered, and what
// hangs on it, is there for its whole term from when that renewal was sent, as the fastest clock
// measures it. So no two clients ever hold a lock at once. `drift_max`: how much faster than time a
// replica's clock may run, as a fraction.
void check_leases(const History& history, double drift_max);

// The protocol's own safety, looked at after every turn of a replica that runs: what one calls
// committed, all do.
class ProtocolChecker {
 public:
  void look(std::size_t place, Node& node);

 private:
  void look_at_leader(consensus::ReplicaId id, consensus::Term term);
  void look_at_chosen(std::size_t place, const Node& node, consensus::LogIndex first,
                      consensus::LogIndex commit,
                      const std::function<consensus::Entry(consensus::LogIndex)>& at);

  std::map<consensus::Term, consensus::ReplicaId> masters_;
  std::map<std::uint64_t, std::pair<consensus::Term, std::uint32_t>>
      committed_;  // index: term and checksum
  std::map<std::pair<std::size_t, std::uint64_t>, std::uint64_t>
      looked_;  // place and incarnation: commit
};

// Reads the changes of every replica as they are applied, and compares: equal at equal revision.
class ChangeCollector {
 public:
  explicit ChangeCollector(History& history) : history_(history) {}
  void look(std::size_t place, Node& node, Instant now);

 private:
  History& history_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::uint64_t>
      seen_;                                       // place and incarnation: revision
  std::map<std::uint64_t, std::uint32_t> hashes_;  // revision: history hash
};

// A client that watches all keys, moves to another replica when its own dies, and must see every
// change once, in order.
class WatchClient final : public store::WatchSink {
 public:
  WatchClient(SimulatedCell& cell, History& history, Random random)
      : cell_(cell), history_(history), random_(random) {}
  ~WatchClient() override { detach(); }
  // Attaches to some replica if it is not attached; call often.
  void attend();
  void detach();
  std::uint64_t seen() const { return next_ - 1; }
  // Everything through `revision` must have been seen by now.
  void check_complete(std::uint64_t revision) const;

  // WatchSink
  void on_events(std::int64_t watch, std::string_view events, std::uint64_t revision,
                 bool fragment) override;
  void on_compacted(std::int64_t watch, std::uint64_t compacted) override;
  void on_progress(std::int64_t, std::uint64_t) override {}
  bool may_write() const override { return !slow_; }

 private:
  SimulatedCell& cell_;
  History& history_;
  Random random_;
  bool attached_ = false, slow_ = false;
  std::size_t place_ = 0;
  std::uint64_t incarnation_ = 0;
  store::WatchHub::Handle handle_ = 0;
  std::uint64_t next_ = 2;  // first revision not yet seen; the first change of all is 2
};

}  // namespace polis::sim
