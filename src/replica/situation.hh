#pragma once

// How this replica stands in its cell right now. There is one Situation in a replica; its parts
// read it, and whoever changes a field is named beside it.

#include "replica/types.hh"

namespace polis::replica {

struct Situation {
  ReplicaId own = consensus::kNoReplica;  // never changes
  // As the replicated log said last. Changed by Replica.
  consensus::RoleState role;
  // The replica has failed, or takes no part any more: nothing may happen. Changed by Replica.
  bool ended = false;
  // A snapshot is becoming the state at this moment. Changed by SnapshotReceiver.
  bool installing = false;
  // The disk has no space left, and the other replicas can do without this one. Changed by
  // Shortage.
  bool exhausted = false;

  bool is_master() const { return role.role == consensus::Role::kMaster; }
  bool knows_master() const { return role.master != consensus::kNoReplica; }
  // Of whom this replica believes that he is master.
  Mastership mastership() const { return {role.term, role.master}; }
  // The log must not move: no message, no proposal and no tick may reach it.
  bool stands_still() const { return installing || exhausted; }
};

}  // namespace polis::replica
