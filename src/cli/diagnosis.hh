#pragma once

// What is wrong with a cell, from what its replicas say: plain words, and what to do. Pure.

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

// One replica as it was found.
struct ReplicaFound {
  std::string name, client;
  std::uint64_t id = 0;
  bool voter = true;
  bool started = true;                      // it has told its client address, or was heard
  std::string unreachable;                  // why; empty: it answered
  std::optional<double> heard_seconds_ago;  // by the others, at best; nothing: nobody says

  // Who says that this replica refuses them, and the reason that it gave; each by name.
  std::vector<std::pair<std::string, std::string>> refuses;

  // Only if it answered.
  std::string version;
  std::uint32_t cell_version = 0, cell_version_newest = 0;
  std::uint64_t master = 0, term = 0, commit = 0, applied = 0;
  bool receives_snapshot = false;
  std::uint64_t disk_free = 0, disk_free_min = 0;
  double sync_ms_average = 0, sync_ms_worst = 0;
  std::vector<CertificateFound> certificates;
  std::int64_t wall_clock_seconds = 0;  // since 1970
  double wall_clock_apart = 0;  // seconds from the first replica's, as well as a call can tell
  double clock_rate_apart = 0;  // fraction by which its clock runs faster than the first one's
  double clock_rate_error = 1;  // and how far that may be wrong
  double clock_drift_max = 0;   // what it was told to expect
  double election_timeout_ms = 0;
  std::vector<std::string> warnings;  // its own, with the remedy in them
};

enum class Severity { kFine, kNote, kWarning, kFailure };
const char* to_string(Severity severity);

struct Finding {
  Severity severity = Severity::kNote;
  std::string what;    // what is wrong, with names and numbers
  std::string remedy;  // what to do; empty: nothing
};

// The worst first. Never empty: if all is well, that is said. `deciding`: the voters and the quorum
// rule in force; without it, a majority of those who vote.
std::vector<Finding> diagnose(const std::vector<ReplicaFound>& cell,
                              std::optional<consensus::Configuration> deciding = {});

}  // namespace polis::cli
