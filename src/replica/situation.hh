#pragma once

// How this replica stands in its cell right now. A replica has one Situation. All its parts read
// it; the part that may change a field is named beside the field.
//
// Threads: the loop's.

#include "replica/types.hh"

namespace polis::replica {

struct Situation {
  ReplicaId own = consensus::kNoReplica;  // never changes
  // Role, term and master, as the replicated log last reported them. Changed by Replica.
  consensus::RoleState role;
  // The replica has failed, or was removed from the cell. It does nothing any more, and waits to be
  // destroyed. Never becomes false again. Changed by Replica.
  bool ended = false;
  // A snapshot from another replica is replacing the state at this moment. Changed by
  // SnapshotReceiver.
  bool installing = false;
  // The disk of this replica is exhausted, and the voters whose disks are not are a quorum
  // (DiskSpace::should_stand_still). Changed by Shortage.
  bool exhausted = false;

  bool is_master() const { return role.role == consensus::Role::kMaster; }
  bool knows_master() const { return role.master != consensus::kNoReplica; }
  // The newest mastership that this replica knows of. Its master is kNoReplica while no master is
  // known.
  Mastership mastership() const { return {role.term, role.master}; }
  // While this is true, the replicated log must not change: give it no message, proposal or tick.
  bool stands_still() const { return installing || exhausted; }
};

}  // namespace polis::replica
