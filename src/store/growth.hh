#pragma once

// Which commands may make the state larger. They are refused while the cell is full: the same ones
// that etcd refuses under its NOSPACE alarm (etcd server/etcdserver/apply, applierV3Capped).
//
// Threads: pure functions.

#include "store/command.hh"

namespace polis::store {

// True for a put, a grant of a lease, and a transaction with a put on any of its paths.
// Precondition: store::validate accepted the command.
bool may_grow(const Command& command);

}  // namespace polis::store
