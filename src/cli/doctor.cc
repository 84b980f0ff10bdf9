// polis doctor: looks at a cell and says what is wrong and what to do.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "api/etcd/rpc.pb.h"
#include "api/polis/cell.pb.h"
#include "cli/cli.hh"
#include "cli/clock_rates.hh"
#include "cli/diagnosis.hh"
#include "cli/json.hh"

namespace polis::cli {
namespace {

struct Asked {
  KnownMember known;
  http::GrpcStatus status;
  v1::StatusResponse said;  // the newest answer
  ClockPair clocks;
};

// One call, and what it says of the replica's clocks.
http::GrpcStatus ask(const Target& single, v1::StatusResponse& response,
                     std::optional<ClockSample>& sample) {
  auto session = Session::open(single);
  if (!session) return http::grpc_status(http::GrpcCode::kUnavailable, session.error().text);
  v1::StatusResponse warm;  // the second call does not pay for the connection
  auto status = (*session)->call("/polis.v1.Cell/Status", v1::StatusRequest(), warm);
  if (!status.ok()) return status;
  const Instant asked = (*session)->reactor().now();
  status = (*session)->call("/polis.v1.Cell/Status", v1::StatusRequest(), response);
  if (!status.ok()) return status;
  sample = ClockSample{.asked = asked,
                       .answered = (*session)->reactor().now(),
                       .boot_clock_ns = response.boot_clock_ns(),
                       .wall_clock_ns = response.wall_clock_ns()};
  return status;
}

std::vector<Asked> ask_all(const Target& target, const std::vector<KnownMember>& members,
                           Duration between) {
  std::vector<Asked> all;
  for (const KnownMember& known : members) all.push_back({.known = known});
  auto round = [&](bool second) {
    for (Asked& one : all) {
      if (one.known.endpoints.empty()) {
        one.status = http::grpc_status(http::GrpcCode::kUnavailable, "its address is not known");
      } else if (!second || one.status.ok()) {
        one.status = ask(target_of(target, one.known), one.said,
                         second ? one.clocks.second : one.clocks.first);
      }
    }
  };
  round(false);
  io::Reactor reactor;
  auto timer = reactor.after(between, [&] { reactor.stop(); });
  reactor.run();
  round(true);
  return all;
}

void compare_clocks(const Asked& reference, const Asked& one, ReplicaFound& found) {
  auto apart = difference(reference.clocks, one.clocks);
  if (!apart) return;
  found.clock_rate_apart = apart->rate;
  found.clock_rate_error = apart->rate_error;
  found.wall_clock_apart = apart->wall_seconds;
}

// Who decides, as the replica with the newest configuration says; nothing if none of them says.
std::optional<consensus::Configuration> deciding_in(const std::vector<Asked>& all) {
  const v1::StatusResponse* newest = nullptr;
  for (const Asked& one : all) {
    if (!one.status.ok() || !one.said.has_deciding()) continue;
    if (newest == nullptr || one.said.commit() > newest->commit()) newest = &one.said;
  }
  if (newest == nullptr) return std::nullopt;
  auto rule = consensus::parse_quorum(newest->deciding().quorum());
  if (!rule) return std::nullopt;
  consensus::Configuration configuration;
  configuration.quorum = *rule;
  for (std::uint64_t id : newest->deciding().voters()) configuration.voters.emplace_back(id);
  for (std::uint64_t id : newest->deciding().voters_outgoing())
    configuration.voters_outgoing.emplace_back(id);
  for (const auto& [id, place] : newest->deciding().places())
    configuration.put({.id = consensus::ReplicaId(id), .place = place});
  return configuration;
}

// What one replica says of another one that refuses it.
void note_refusals(const Asked& one, std::vector<ReplicaFound>& cell) {
  for (const v1::Peer& peer : one.said.peers()) {
    if (peer.refuses().empty()) continue;
    for (ReplicaFound& found : cell) {
      if (found.id == peer.id()) found.refuses.emplace_back(one.said.name(), peer.refuses());
    }
  }
}

void note_certificate(const char* whom, const v1::Certificate& shown, ReplicaFound& found) {
  found.certificates.push_back({whom, {.begins = shown.begins(), .ends = shown.ends()}});
}

std::vector<ReplicaFound> describe(const std::vector<Asked>& all) {
  std::map<std::uint64_t, double> heard;  // by whoever heard it last
  std::map<std::uint64_t, bool> receives_snapshot;
  const Asked* reference = nullptr;
  for (const Asked& one : all) {
    if (!one.status.ok()) continue;
    // A replica that was paused while it was asked is no measure for the others.
    if (reference == nullptr ||
        (!difference(reference->clocks, reference->clocks) && difference(one.clocks, one.clocks)))
      reference = &one;
    for (const v1::Peer& peer : one.said.peers()) {
      if (peer.receives_snapshot()) receives_snapshot[peer.id()] = true;
      if (peer.heard_us_ago() < 0) continue;
      double seconds = static_cast<double>(peer.heard_us_ago()) / 1e6;
      auto [known, is_new] = heard.emplace(peer.id(), seconds);
      if (!is_new) known->second = std::min(known->second, seconds);
    }
  }
  std::vector<ReplicaFound> cell;
  for (const Asked& one : all) {
    const v1::StatusResponse& s = one.said;
    const etcdserverpb::Member& member = one.known.member;
    ReplicaFound found{
        .name = member.name().empty() ? fmt::format("{:x}", member.id()) : member.name(),
        .client = one.known.endpoints,
        .id = member.id(),
        .voter = !member.islearner()};
    if (!one.status.ok()) found.unreachable = one.status.message;
    if (auto last = heard.find(found.id); last != heard.end())
      found.heard_seconds_ago = last->second;
    found.started = !one.known.endpoints.empty() || found.heard_seconds_ago.has_value();
    if (!found.started) found.unreachable = "it has never started";
    if (one.status.ok()) {
      found.version = s.version();
      found.cell_version = s.cell_version();
      found.cell_version_newest = s.cell_version_newest();
      found.master = s.master();
      found.term = s.term();
      found.commit = s.commit();
      found.applied = s.applied();
      found.receives_snapshot = receives_snapshot[found.id];
      found.disk_free = s.disk_free();
      found.disk_free_min = s.disk_free_min();
      found.sync_ms_average = static_cast<double>(s.sync_us_average()) / 1e3;
      found.sync_ms_worst = static_cast<double>(s.sync_us_worst()) / 1e3;
      found.clock_drift_max = s.clock_drift_max();
      found.election_timeout_ms = static_cast<double>(s.election_timeout_us()) / 1e3;
      found.warnings.assign(s.warnings().begin(), s.warnings().end());
      found.wall_clock_seconds = s.wall_clock_ns() / 1'000'000'000;
      if (s.has_client_certificate()) note_certificate("clients", s.client_certificate(), found);
      if (s.has_peer_certificate()) note_certificate("replicas", s.peer_certificate(), found);
      compare_clocks(*reference, one, found);
    }
    cell.push_back(std::move(found));
  }
  for (const Asked& one : all) {
    if (one.status.ok()) note_refusals(one, cell);
  }
  return cell;
}

int examine(const Target& target, double seconds) {
  http::GrpcStatus refused;
  auto members = known_members(target, refused);
  if (!members) return complain(members.error());
  if (!refused.ok()) return complain(refused);
  auto between = Duration(static_cast<std::int64_t>(seconds * 1e9));
  const std::vector<Asked> all = ask_all(target, *members, between);
  auto findings = diagnose(describe(all), deciding_in(all));
  if (target.json()) {
    fmt::print("[");
    for (std::size_t i = 0; i < findings.size(); ++i) {
      fmt::print("{}\n  {{\"severity\": \"{}\", \"what\": {}, \"remedy\": {}}}", i ? "," : "",
                 to_string(findings[i].severity), json_string(findings[i].what),
                 json_string(findings[i].remedy));
    }
    fmt::print("\n]\n");
  } else {
    for (const Finding& finding : findings) {
      fmt::print("{:<8} {}\n", to_string(finding.severity), finding.what);
      if (!finding.remedy.empty()) fmt::print("         -> {}\n", finding.remedy);
    }
  }
  return findings.front().severity >= Severity::kWarning ? kRefused : kDone;
}

}  // namespace

void add_doctor_command(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("doctor", "Look at a cell and say what is wrong and what to do");
  command->footer(
      "Example:\n  polis doctor --endpoints 10.0.0.1:2379\nOne replica that answers is enough; it "
      "works without a quorum. Ends with 1 if there is a warning or a failure.");
  auto target = std::make_shared<Target>();
  auto seconds = std::make_shared<double>(1.0);
  target->add_to(*command);
  command->add_option("--watch-clocks", *seconds, "seconds between two looks at the clocks")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  command->callback([=, &run] { run = [=] { return examine(*target, *seconds); }; });
}

}  // namespace polis::cli
