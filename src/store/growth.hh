#pragma once

// Which commands may make the state larger: these are refused while the disks are full. What etcd
// refuses under its NOSPACE alarm is refused here (etcd server/etcdserver/apply, applierV3Capped).
//
// Threads: pure functions.

#include "store/command.hh"

namespace polis::store {

// A put, a grant of a lease, a transaction with a put on any of its paths. The bytes are those of a
// request that store::validate accepted.
bool may_grow(const Command& command);

}  // namespace polis::store
