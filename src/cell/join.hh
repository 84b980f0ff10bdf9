#pragma once

// A replica that joins a cell asks some replica of that cell for the members, as a client. It shows
// the certificate that it shows its own clients, and trusts the same authorities. What it requires
// of its own clients it does not require of the replicas of the cell.
//
// Threads: any; blocks. Call it before the replica's own reactor runs.

#include <string>

#include "base/error.hh"
#include "base/time.hh"
#include "cell/settings.hh"
#include "consensus/options.hh"

namespace polis::cell {

struct JoinAnswer {
  std::uint64_t cell_id = 0;
  std::string cluster;
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  consensus::Configuration configuration;  // who takes part
};

// Asks the replicas at the setting 'join' until one answers. kInvalid: the addresses or the files
// of certificates are wrong. kUnavailable: nobody answered within `timeout`, or the answer was an
// error.
Result<JoinAnswer> ask_who_takes_part(const Settings& settings, Duration timeout);

}  // namespace polis::cell
