#pragma once

// Checkers of what must hold, whatever the workload did and whatever the faults were. A checker
// throws a Violation if something is broken; else it does nothing.
//
// Threads: one.

#include <functional>
#include <map>
#include <set>
#include <string>

#include "consensus/types.hh"
#include "sim/cell.hh"
#include "sim/history.hh"

namespace polis::sim {

// Thrown when something is broken. what(): what was seen.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Checks that the history is linearizable, for single keys and for the whole store. Every answer
// has a revision, and the revisions put all operations in one order. It is checked that this order
// is legal: each read sees what the changes before it left; no operation stands before one that had
// ended when it began; each change belongs to one operation; and no operation was carried out
// twice. Source: Herlihy and Wing 1990. Because the system itself gives the order, the check takes
// time linear in the history.
void check_linearizable(const History& history);

// Checks leases and locks, in virtual time. When a renewal was answered, the lease and the keys on
// it must exist for the whole TTL, counted from when that renewal was sent, and shortened by the
// fastest clock that is allowed. So no two clients hold a lock at the same time. `drift_max`: a
// replica's clock may run faster than virtual time by this fraction.
void check_leases(const History& history, double drift_max);

// Checks the protocol's safety: if one replica calls an entry committed, no replica calls another
// one committed at that index; and with Raft, a term has at most one master. Violation: it is
// broken.
class ProtocolChecker {
 public:
  // Call it after every turn of a running replica.
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

// Reads the changes of every replica when they are applied, writes them into the history, and
// checks that all replicas have the same changes at the same revision.
class ChangeCollector {
 public:
  explicit ChangeCollector(History& history) : history_(history) {}
  // Call it after every turn of a running replica.
  void look(std::size_t place, Node& node, Instant now);

 private:
  History& history_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::uint64_t>
      seen_;                                       // place and incarnation: revision
  std::map<std::uint64_t, std::uint32_t> hashes_;  // revision: history hash
};

// A client that watches all keys through a replica's WatchHub. When that replica dies, it moves to
// another one. It must see every change once, in order; else it throws a Violation.
class WatchClient final : public store::WatchSink {
 public:
  WatchClient(SimulatedCell& cell, History& history, Random random)
      : cell_(cell), history_(history), random_(random) {}
  ~WatchClient() override { detach(); }
  // Attaches to some running replica if it is not attached. Call it often.
  void attend();
  void detach();
  std::uint64_t seen() const { return next_ - 1; }
  // Violation: not every change through `revision` was seen.
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
