#pragma once

// How a replica that joins a cell learns who takes part: it asks any replica of the cell, as a
// client.
//
// Threads: blocks; before the replica's own reactor runs.

#include <string>

#include "base/error.hh"
#include "base/time.hh"
#include "consensus/options.hh"
#include "tls/credentials.hh"

namespace polis::cell {

struct JoinAnswer {
  std::uint64_t cell_id = 0;
  std::string cluster;
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  consensus::Configuration configuration;  // who takes part
};

// `endpoints` as "HOST:PORT,HOST:PORT". kInvalid: they are wrong. kUnavailable: nobody answered
// within `timeout`.
Result<JoinAnswer> ask_who_takes_part(const std::string& endpoints,
                                      const tls::Credentials& credentials, Duration timeout);

}  // namespace polis::cell
