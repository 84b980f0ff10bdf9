#pragma once

// How the file descriptors of a replica are shared out: a part is reserved for the log, the state
// and the peers; clients have the rest.
//
// Threads: the reactor's.

#include <cstdint>
#include <string>

#include "base/error.hh"
#include "base/time.hh"
#include "io/descriptors.hh"

namespace polis::cell {

// Client connections that a replica serves where the system allows it.
inline constexpr std::uint64_t kClientConnectionsMax = 10'000;
// For log segments, the engine, snapshots, listeners, and connections from and to peers: a cell of
// seven with Paxos uses about 150.
inline constexpr std::uint64_t kDescriptorsReserved = 256;
// A replica that could serve fewer clients than this does not start.
inline constexpr std::uint64_t kClientConnectionsMin = 64;
inline constexpr std::uint64_t kDescriptorsWanted = kClientConnectionsMax + kDescriptorsReserved;

// How many client connections fit. kInvalid: fewer than kClientConnectionsMin; the text says what
// to set.
Result<std::uint64_t> client_connections_for(const io::DescriptorLimit& limit);

// Decides when the log is to say that connections were refused: at once when it begins, and then at
// most once a minute while it goes on.
class RefusalReport {
 public:
  // `refused`: connections refused since the start. How many of them to report now; 0: say nothing.
  std::uint64_t due(std::uint64_t refused, Instant now);

 private:
  std::uint64_t reported_ = 0;
  Instant not_before_{};
};

}  // namespace polis::cell
