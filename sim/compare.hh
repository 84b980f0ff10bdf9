#pragma once

// Protocols and quorums beside each other, on the same simulated machines: what a write costs and
// takes, how long writes stop when the master is lost, and what it costs to bring back a replica
// that is far behind.
//
// The figures are of the protocol, the network and the disks; no processor time is in them.
//
// Threads: one at a time in each (Stage::with).

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

  std::string name() const;  // as parse_contender reads it
};

// PROTOCOL[/REPLICAS[/QUORUM]], as in "paxos/5/flexible:4,2". kInvalid: says what is wrong.
Result<Contender> parse_contender(std::string_view text);

// What the machines stand in: lan, wan or lossy. kInvalid: says what is known.
struct Surroundings {
  std::string name;
  std::string about;
  NetworkFaults network;
  Duration between{};  // one way, on top, to the next machine, twice as much to the one after it
  DiskFaults disk;
};
Result<Surroundings> parse_surroundings(std::string_view name);

inline constexpr double kLosses[] = {0, 0.01, 0.05};

struct Compared {
  Contender who;
  struct Writes {
    double loss = 0;
    Times took;
    std::size_t unanswered = 0;  // within ten seconds, or refused
    // Per write. Heartbeats between are part of it.
    double messages = 0, bytes = 0, syncs = 0;
  };
  std::vector<Writes> writes;  // one for each of kLosses
  Times fail_over;             // from the death of a machine to the next write that is done
  struct Return {
    Duration took{};                 // until it had everything
    double messages = 0, bytes = 0;  // more than in the same time without it
  };
  Return back;  // the median one
};

// `trials` cells for each figure.
Compared compare(const Contender& who, const Surroundings& where, std::size_t trials,
                 std::uint64_t seed);

std::vector<Panel> panels(const std::vector<Compared>& all);

}  // namespace polis::sim
