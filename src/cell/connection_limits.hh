#pragma once

// How the file descriptors of a replica are divided: some are reserved for the log, the state and
// the peers; the rest is for clients.
//
// Threads: the loop's.

#include <cstdint>
#include <string>

#include "base/error.hh"
#include "base/time.hh"
#include "io/descriptors.hh"

namespace polis::cell {

// The most client connections that a replica serves, if the system allows as many.
inline constexpr std::uint64_t kClientConnectionsMax = 10'000;
// Reserved for log segments, the engine, snapshots, listeners, and connections from and to peers. A
// cell of seven replicas with Paxos uses about 150.
inline constexpr std::uint64_t kDescriptorsReserved = 256;
// A replica that could serve fewer clients than this does not start.
inline constexpr std::uint64_t kClientConnectionsMin = 64;
inline constexpr std::uint64_t kDescriptorsWanted = kClientConnectionsMax + kDescriptorsReserved;

// How many client connections a replica may serve under this limit. kInvalid: fewer than
// kClientConnectionsMin; the text says what to set.
Result<std::uint64_t> client_connections_for(const io::DescriptorLimit& limit);

// Decides when to log that connections were refused: at the first one, and then at most once a
// minute.
class RefusalReport {
 public:
  // How many refused connections to log now; 0: log nothing. `refused`: how many were refused since
  // the start.
  std::uint64_t due(std::uint64_t refused, Instant now);

 private:
  std::uint64_t reported_ = 0;
  Instant not_before_{};
};

}  // namespace polis::cell
