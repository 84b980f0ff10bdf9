#pragma once

// How a replica that joins a cell learns who takes part: it asks any replica of the cell, as a
// client. It shows the certificate that it shows its own clients, and trusts the same authorities;
// what it asks of its clients it does not ask of the replicas of the cell.
//
// Threads: blocks; before the replica's own reactor runs.

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

// Asks at 'join'. kInvalid: the addresses or the files of certificates are wrong. kUnavailable:
// nobody answered within `timeout`.
Result<JoinAnswer> ask_who_takes_part(const Settings& settings, Duration timeout);

}  // namespace polis::cell
