#pragma once

// The metrics of a replica: under names of Polis, and under etcd's names where those mean the same.
//
// Threads: the loop's.

#include "base/metrics.hh"
#include "replica/replica.hh"

namespace polis::replica {

// Counts changes of the master as etcd does: each time that a master becomes known that was not
// known just before. So the first master counts, and so does one that was lost and found again.
class MasterChanges {
 public:
  void on_role(const consensus::RoleState& role) {
    if (role.master != consensus::kNoReplica && role.master != known_) ++seen_;
    known_ = role.master;
  }
  std::uint64_t seen() const { return seen_; }

 private:
  ReplicaId known_ = consensus::kNoReplica;
  std::uint64_t seen_ = 0;
};

// Writes all metrics of this replica to `out`.
void report(const Replica& replica, const MasterChanges& changes, MetricSink& out);

}  // namespace polis::replica
