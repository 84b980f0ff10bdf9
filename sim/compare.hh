#pragma once

// Compares protocols and quorum rules on the same simulated machines: how long a write takes and
// how many messages, bytes and syncs it costs; how long writes stop when the master is lost; and
// what it costs to bring a replica up to date that is far behind.
//
// The figures come from the protocol, the network and the disks. They have no processor time.
//
// Threads: one comparison at a time in each thread (Stage::with).

#include <string>
#include <vector>

#include "consensus/quorum.hh"
#include "sim/disk.hh"
#include "sim/estimate.hh"
#include "sim/network.hh"
#include "sim/plot.hh"

namespace polis::sim {

struct Contender {
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  std::size_t replicas = 3;
  consensus::QuorumRule quorum;

  std::string name() const;  // the text that parse_contender reads
};

// Reads PROTOCOL[/REPLICAS[/QUORUM]], such as "paxos/5/flexible:4,2". kInvalid: the text says what
// is wrong.
Result<Contender> parse_contender(std::string_view text);

// The network and the disks around the machines.
struct Surroundings {
  std::string name;
  std::string about;
  NetworkFaults network;
  // Added to the delay of a message, one way, for each step between two machines: the machines
  // stand in a row.
  Duration between{};
  DiskFaults disk;
};
// lan, wan or lossy. kInvalid: the name is none of these; the text lists them.
Result<Surroundings> parse_surroundings(std::string_view name);

inline constexpr double kLosses[] = {0, 0.01, 0.05};

struct Compared {
  Contender who;
  struct Writes {
    double loss = 0;             // of messages, 0 to 1
    Times took;                  // of each write
    std::size_t unanswered = 0;  // writes without an answer within ten seconds, or refused
    // Per write; heartbeats between the writes are counted, too.
    double messages = 0, bytes = 0, syncs = 0;
  };
  std::vector<Writes> writes;  // one for each of kLosses
  Times fail_over;             // from the death of a machine to the next write that is done
  struct Return {
    Duration took{};                 // until the replica had everything
    double messages = 0, bytes = 0;  // beyond those of the same time without its return
  };
  Return back;  // the median of all trials
};

// Compares with `trials` simulated cells for each figure. The same seed gives the same figures.
Compared compare(const Contender& who, const Surroundings& where, std::size_t trials,
                 std::uint64_t seed);

// Figures of the results, for svg() in plot.hh.
std::vector<Panel> panels(const std::vector<Compared>& all);

}  // namespace polis::sim
