#pragma once

// Names that all parts of a replica use.

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

// Called when the replica cannot go on, with the reason. It must be destroyed, but not within this
// call. What it had acknowledged is safe.
using Fatal = std::function<void(const Error&)>;

// Called once, with the master's answer to a question. `body`: as Question says (questions.hh);
// empty unless the status is OK or the question says otherwise.
using Answered = std::function<void(Status, std::string body)>;

}  // namespace polis::replica
