#pragma once

// A replica that joins a cell asks some replica of that cell for the members, as a client.
//
// Threads: any; blocks. Call it before the replica's own reactor runs.

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

// Asks the endpoints, "HOST:PORT,HOST:PORT", until one answers. kInvalid: `endpoints` is malformed.
// kUnavailable: nobody answered within `timeout`, or the answer was an error.
Result<JoinAnswer> ask_who_takes_part(const std::string& endpoints,
                                      const tls::Credentials& credentials, Duration timeout);

}  // namespace polis::cell
