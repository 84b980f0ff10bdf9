#pragma once

// Finds what is wrong with a cell from the answers of its replicas, and what to do about it, in
// words for people. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consensus/quorum.hh"
#include "tls/lifetime.hh"

namespace polis::cli {

// A certificate that a replica shows.
struct CertificateFound {
  std::string whom;  // "clients" or "replicas"
  tls::Lifetime lifetime;
};

// One replica, as its own answer and those of the others show it.
struct ReplicaFound {
  std::string name, client;
  std::uint64_t id = 0;
  bool voter = true;
  bool started = true;      // it has told its client address, or another replica heard it
  std::string unreachable;  // why it did not answer; empty: it answered
  // How long ago some other replica last heard it; the shortest of these. nullopt: nobody says.
  std::optional<double> heard_seconds_ago;

  // The replicas that are refused by this one: the name of each, and the reason that was given.
  std::vector<std::pair<std::string, std::string>> refuses;

  // The following are set only if it answered.
  std::string version;
  std::uint32_t cell_version = 0, cell_version_newest = 0;
  std::uint64_t master = 0, term = 0, commit = 0, applied = 0;
  bool receives_snapshot = false;
  std::uint64_t disk_free = 0, disk_free_min = 0;
  double sync_ms_average = 0, sync_ms_worst = 0;
  std::vector<CertificateFound> certificates;
  std::int64_t wall_clock_seconds = 0;  // since 1970
  double wall_clock_apart = 0;          // its wall clock is ahead of the first replica's, seconds
  double clock_rate_apart = 0;  // its clock runs faster than the first one's by this fraction
  double clock_rate_error = 1;  // clock_rate_apart may be wrong by this much
  double clock_drift_max = 0;   // its setting of how far rates may differ, as a fraction
  double election_timeout_ms = 0;
  std::vector<std::string> warnings;  // that it gives itself, each with its remedy
};

enum class Severity { kFine, kNote, kWarning, kFailure };
const char* to_string(Severity severity);

struct Finding {
  Severity severity = Severity::kNote;
  std::string what;    // what is wrong, with names and numbers
  std::string remedy;  // what to do; empty: nothing
};

// The findings, the worst first. Never empty: if all is well, one finding says so. `deciding`: the
// configuration in force, for its voters and quorum rule; nullopt: a majority of the voters in
// `cell` decides.
std::vector<Finding> diagnose(const std::vector<ReplicaFound>& cell,
                              std::optional<consensus::Configuration> deciding = {});

}  // namespace polis::cli
