#pragma once

// What a replica says of itself for monitoring, under names of its own, and under etcd's where
// those mean the same.
//
// Threads: the loop's.

#include "base/metrics.hh"
#include "replica/replica.hh"

namespace polis::replica {

// Counts as etcd does: whenever a master is known that is not the one known last, the first one
// included.
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

void report(const Replica& replica, const MasterChanges& changes, MetricSink& out);

}  // namespace polis::replica
