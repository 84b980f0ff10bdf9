#pragma once

// Names that every part of a replica uses.

#include <functional>
#include <string>

#include "base/error.hh"
#include "consensus/options.hh"
#include "consensus/replicated_log.hh"
#include "store/command.hh"
#include "store/status.hh"

namespace polis::replica {

using consensus::Configuration;
using consensus::LogIndex;
using consensus::Protocol;
using consensus::ReadId;
using consensus::ReplicaId;
using consensus::SnapshotMark;
using consensus::Term;
using consensus::Ticket;
using store::CommandKind;
using store::Mastership;
using store::Status;

// The replica cannot go on. It must be destroyed; what it had acknowledged is safe.
using Fatal = std::function<void(const Error&)>;

// The answer to what was asked of the master; called once.
using Answered = std::function<void(Status, std::string body)>;

}  // namespace polis::replica
