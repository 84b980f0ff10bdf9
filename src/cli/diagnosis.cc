#include "cli/diagnosis.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace polis::cli {
namespace {

// A sync that takes this long on average makes every write wait for it.
constexpr double kSlowSyncMs = 20;
constexpr double kStalledSyncMs = 500;
// Entries behind the furthest replica.
constexpr std::uint64_t kFarBehind = 10'000;
constexpr double kWallClockApart = 1.0;

using Findings = std::vector<Finding>;
using consensus::Configuration;
using consensus::kNoReplica;
using consensus::Phase;
using consensus::QuorumKind;
using consensus::QuorumRule;
using consensus::ReplicaId;

std::string ago(const ReplicaFound& replica) {
  if (!replica.heard_seconds_ago) return "";
  return fmt::format(", last heard by the others {:.1f} s ago", *replica.heard_seconds_ago);
}

// Who decides, and what those who answer can still do together.
class Voting {
 public:
  Voting(const std::vector<ReplicaFound>& cell, Configuration deciding)
      : configuration_(std::move(deciding)) {
    for (const ReplicaFound& replica : cell) {
      if (!configuration_.is_voter(ReplicaId(replica.id))) continue;
      ++voters_;
      if (replica.unreachable.empty()) {
        answering_.insert(ReplicaId(replica.id));
        master_answers_ = master_answers_ || replica.master == replica.id;
      } else {
        missing_ += fmt::format("{}{} ({}{})", missing_.empty() ? "" : ", ", replica.name,
                                replica.unreachable, ago(replica));
      }
    }
  }

  bool can_commit() const { return decides(Phase::kCommit, kNoReplica); }
  bool can_elect() const { return decides(Phase::kElect, kNoReplica); }
  bool master_answers() const { return master_answers_; }
  bool majority() const { return configuration_.quorum.kind == QuorumKind::kMajority; }
  std::size_t voters() const { return voters_; }
  const std::string& missing() const { return missing_; }
  std::string count() const {
    return fmt::format("{} of {} voters answer", answering_.size(), voters_);
  }

  // Whether the cell takes writes, and finds a master, whichever one of them is lost next.
  bool bears_one_more() const {
    return std::all_of(answering_.begin(), answering_.end(), [this](ReplicaId lost) {
      return decides(Phase::kCommit, lost) && decides(Phase::kElect, lost);
    });
  }

  // What it takes, in words.
  std::string needed() const {
    const QuorumRule& rule = configuration_.quorum;
    switch (rule.kind) {
      case QuorumKind::kMajority:
        return fmt::format("{} are needed", voters_ / 2 + 1);
      case QuorumKind::kFlexible:
        return fmt::format("{} are needed to write, {} to elect a master", rule.commit, rule.elect);
      case QuorumKind::kPlaces:
        return "a majority of the places is needed, and in each a majority of its voters";
    }
    return "";
  }

 private:
  bool decides(Phase phase, ReplicaId without) const {
    return is_quorum(configuration_, phase,
                     [&](ReplicaId id) { return id != without && answering_.contains(id); });
  }

  Configuration configuration_;
  std::size_t voters_ = 0;
  std::set<ReplicaId> answering_;
  bool master_answers_ = false;
  std::string missing_;
};

void look_for_the_quorum(const Voting& voting, Findings& found) {
  if (!voting.can_commit()) {
    found.push_back(
        {Severity::kFailure,
         fmt::format("no quorum: {}, {}; missing: {}", voting.count(), voting.needed(),
                     voting.missing()),
         "start the missing replicas, or restore their network; the cell takes no writes and no "
         "linearizable reads until then. If they are lost for good: polis cell snapshot restore"});
  } else if (!voting.can_elect()) {
    found.push_back(
        {Severity::kFailure,
         fmt::format("{}: {}, {}; missing: {}",
                     voting.master_answers()
                         ? "the cell takes writes, but stops as soon as its master does, since "
                           "nobody could be elected"
                         : "nobody can be elected master",
                     voting.count(), voting.needed(), voting.missing()),
         voting.master_answers()
             ? "start the missing replicas before anything happens to the master; do not restart it"
             : "start the missing replicas, or restore their network; the cell takes no writes "
               "until then. If they are lost for good: polis cell snapshot restore"});
  } else if (!voting.missing().empty()) {
    found.push_back(
        {Severity::kWarning,
         fmt::format("{}; missing: {}. {}", voting.count(), voting.missing(),
                     voting.bears_one_more() ? "The cell can lose another one"
                     : voting.majority()     ? "If one more fails, the cell stops"
                                             : "If one more fails, the cell may stop"),
         "start it again, or replace it: polis cell replace NAME --with NEW=HOST:PORT"});
  }
}

void look_for_a_master(const std::vector<ReplicaFound>& cell, const Voting& voting,
                       Findings& found) {
  std::map<std::uint64_t, std::string> believed;
  std::string without;
  for (const ReplicaFound& replica : cell) {
    if (!replica.unreachable.empty()) continue;
    if (replica.master == 0) {
      without += (without.empty() ? "" : ", ") + replica.name;
    } else {
      believed[replica.master] += (believed[replica.master].empty() ? "" : ", ") + replica.name;
    }
  }
  if (!voting.can_elect()) return;  // that has been said
  if (believed.empty()) {
    found.push_back(
        {Severity::kFailure, "nobody knows a master",
         "wait a second and look again; if it stays so, the "
         "replicas do not reach each other at their peer addresses (polis cell members)"});
  } else if (!without.empty()) {
    found.push_back({Severity::kWarning, fmt::format("{} knows no master, others do", without),
                     "it does not reach the master at its peer address, or the other way round"});
  }
  if (believed.size() > 1) {
    std::string views;
    for (auto& [master, who] : believed)
      views += fmt::format("{}{:x} (say {})", views.empty() ? "" : "; ", master, who);
    found.push_back({Severity::kWarning, "the replicas name different masters: " + views,
                     "an election is under way, or some are cut off from the others; look again in "
                     "a second"});
  }
}

void look_at_disks(const ReplicaFound& replica, Findings& found) {
  if (replica.disk_free < replica.disk_free_min) {
    found.push_back(
        {Severity::kFailure,
         fmt::format("the disk of {} is full: {} MB free, {} MB are the least; it refuses writes",
                     replica.name, replica.disk_free >> 20, replica.disk_free_min >> 20),
         "make room; it goes on by itself. Old history: polis kv compact, or --compact-keep-time"});
  } else if (replica.disk_free < 3 * replica.disk_free_min) {
    found.push_back(
        {Severity::kWarning,
         fmt::format("the disk of {} is nearly full: {} MB free; below {} MB it refuses "
                     "writes",
                     replica.name, replica.disk_free >> 20, replica.disk_free_min >> 20),
         "make room, or polis kv compact"});
  }
  if (replica.sync_ms_average > kSlowSyncMs) {
    found.push_back(
        {Severity::kWarning,
         fmt::format("the disk of {} is slow: a sync of the log takes {:.0f} ms on average, {:.0f} "
                     "at worst lately",
                     replica.name, replica.sync_ms_average, replica.sync_ms_worst),
         "give the data directory a disk of its own; if it is the master, hand over: etcdctl "
         "move-leader"});
  } else if (replica.sync_ms_worst > kStalledSyncMs) {
    found.push_back({Severity::kNote,
                     fmt::format("the disk of {} stalled: a sync of the log took {:.0f} ms lately "
                                 "({:.1f} on average)",
                                 replica.name, replica.sync_ms_worst, replica.sync_ms_average),
                     "look what else writes to it"});
  }
}

void look_at_clocks(const ReplicaFound& replica, Findings& found) {
  const double sure = std::abs(replica.clock_rate_apart) - replica.clock_rate_error;
  if (sure > replica.clock_drift_max) {
    found.push_back(
        {Severity::kFailure,
         fmt::format(
             "the clock of {} runs {:.0f} ppm {} than the first replica's (+-{:.0f}); reads "
             "by lease are safe up to {:.0f} ppm only",
             replica.name, std::abs(replica.clock_rate_apart) * 1e6,
             replica.clock_rate_apart > 0 ? "faster" : "slower", replica.clock_rate_error * 1e6,
             replica.clock_drift_max * 1e6),
         "run the cell with --reads quorum until the clock is mended"});
  }
  if (std::abs(replica.wall_clock_apart) > kWallClockApart) {
    found.push_back(
        {Severity::kNote,
         fmt::format("the wall clock of {} is {:.1f} s {} the first replica's; the cell "
                     "does not rely on it, logs do",
                     replica.name, std::abs(replica.wall_clock_apart),
                     replica.wall_clock_apart > 0 ? "ahead of" : "behind"),
         "set up time synchronisation (chrony)"});
  }
}

void look_at_certificates(const ReplicaFound& replica, Findings& found) {
  for (const CertificateFound& one : replica.certificates) {
    const tls::Ending ending = tls::ending_of(one.lifetime, replica.wall_clock_seconds);
    if (ending == tls::Ending::kFar) continue;
    found.push_back({ending == tls::Ending::kPast ? Severity::kFailure : Severity::kWarning,
                     fmt::format("the certificate that {} shows to {} {}", replica.name, one.whom,
                                 tls::ending_text(one.lifetime, replica.wall_clock_seconds)),
                     tls::kRenewal});
  }
}

void look_at_lag(const ReplicaFound& replica, std::uint64_t furthest, Findings& found) {
  if (replica.receives_snapshot) {
    found.push_back({Severity::kNote,
                     fmt::format("{} was away for longer than the log is kept and receives a "
                                 "snapshot",
                                 replica.name),
                     ""});
  } else if (furthest - std::min(furthest, replica.applied) > kFarBehind) {
    found.push_back(
        {Severity::kWarning,
         fmt::format("{} is {} log entries behind", replica.name, furthest - replica.applied),
         "if the distance grows, its disk, its network or its CPU is too slow"});
  }
}

void look_at_differences(const std::vector<ReplicaFound>& cell, Findings& found) {
  std::map<std::string, std::string> versions;
  std::set<double> timeouts;
  for (const ReplicaFound& replica : cell) {
    if (!replica.unreachable.empty()) continue;
    auto& who = versions[replica.version];
    who += (who.empty() ? "" : ", ") + replica.name;
    timeouts.insert(replica.election_timeout_ms);
  }
  if (versions.size() > 1) {
    std::string text;
    for (auto& [version, who] : versions)
      text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", version, who);
    found.push_back({Severity::kNote, "different versions run: " + text,
                     "finish the upgrade, one replica after the other"});
  }
  for (const ReplicaFound& replica : cell) {
    if (!replica.unreachable.empty() || replica.cell_version >= replica.cell_version_newest)
      continue;
    // Seen in the moment of the upgrade, too: the master raises it when all are connected.
    found.push_back({Severity::kNote,
                     fmt::format("the cell is at version {}, {} knows {}", replica.cell_version,
                                 replica.name, replica.cell_version_newest),
                     "the version rises by itself when every member runs a release that knows it"});
    break;
  }
  if (timeouts.size() > 1) {
    found.push_back({Severity::kNote, "the replicas have different election timeouts",
                     "give all the same --election-timeout-min and -max"});
  }
}

void look_at_members(const std::vector<ReplicaFound>& cell, const Voting& voting, Findings& found) {
  for (const ReplicaFound& replica : cell) {
    for (const std::string& warning : replica.warnings)
      found.push_back({Severity::kWarning, fmt::format("{} says: {}", replica.name, warning), ""});
    if (replica.started) continue;
    if (replica.voter) {
      found.push_back({Severity::kWarning, fmt::format("{} has never taken part", replica.name),
                       "start it with the same --initial as the others. If it runs: it was started "
                       "without --initial and founded a cell of its own; stop it, delete its data "
                       "directory and start it again"});
    } else {
      found.push_back({Severity::kWarning,
                       fmt::format("{} was added and has never started", replica.name),
                       fmt::format("start it with --join, or take it back: polis cell remove {}",
                                   replica.name)});
    }
  }
  if (voting.majority() && voting.voters() % 2 == 0) {
    found.push_back({Severity::kNote,
                     fmt::format("{} voters bear no more failures than {}", voting.voters(),
                                 voting.voters() - 1),
                     "add one, or remove one"});
  }
}

// The same reason given to several replicas is one finding.
void look_at_refusals(const std::vector<ReplicaFound>& cell, Findings& found) {
  for (const ReplicaFound& replica : cell) {
    std::map<std::string, std::string> refused;
    for (const auto& [who, why] : replica.refuses)
      refused[why] += (refused[why].empty() ? "" : ", ") + who;
    for (const auto& [why, who] : refused) {
      found.push_back(
          {Severity::kWarning, fmt::format("{} refuses {}: {}", replica.name, who, why), ""});
    }
  }
}

// Where no replica says who decides.
Configuration majority_of(const std::vector<ReplicaFound>& cell) {
  Configuration configuration;
  for (const ReplicaFound& replica : cell) {
    if (replica.voter) configuration.voters.emplace_back(replica.id);
  }
  std::sort(configuration.voters.begin(), configuration.voters.end());
  return configuration;
}

}  // namespace

const char* to_string(Severity severity) {
  switch (severity) {
    case Severity::kFine:
      return "fine";
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kFailure:
      return "FAILURE";
  }
  return "?";
}

std::vector<Finding> diagnose(const std::vector<ReplicaFound>& cell,
                              std::optional<consensus::Configuration> deciding) {
  Findings found;
  const Voting voting(cell, deciding ? std::move(*deciding) : majority_of(cell));
  look_for_the_quorum(voting, found);
  look_for_a_master(cell, voting, found);
  std::uint64_t furthest = 0;
  for (const ReplicaFound& replica : cell) furthest = std::max(furthest, replica.commit);
  for (const ReplicaFound& replica : cell) {
    if (!replica.unreachable.empty()) continue;
    look_at_disks(replica, found);
    look_at_clocks(replica, found);
    look_at_certificates(replica, found);
    look_at_lag(replica, furthest, found);
  }
  look_at_differences(cell, found);
  look_at_members(cell, voting, found);
  look_at_refusals(cell, found);
  std::stable_sort(found.begin(), found.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  if (found.empty()) {
    found.push_back({Severity::kFine,
                     fmt::format("all {} replicas answer, follow one master, and are up to date; "
                                 "disks, clocks and versions are in order",
                                 cell.size()),
                     ""});
  }
  return found;
}

}  // namespace polis::cli
