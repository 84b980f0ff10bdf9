// polis doctor: looks at a cell and says what is wrong and what to do.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "api/etcd/rpc.pb.h"
#include "api/polis/cell.pb.h"
#include "cli/cli.hh"
#include "cli/diagnosis.hh"
#include "cli/json.hh"

namespace polis::cli {
namespace {

struct Asked {
  etcdserverpb::Member member;
  http::GrpcStatus status;
  v1::StatusResponse first, second;  // some time apart, to compare clocks
  Duration uncertainty{};            // of when the two were answered
};

// One call, and how long it took.
http::GrpcStatus ask(const Target& target, const std::string& endpoint,
                     v1::StatusResponse& response, Duration& took) {
  Target single = target;
  single.endpoints = endpoint;
  single.timeout_seconds = std::min(target.timeout_seconds, 2.0);
  auto session = Session::open(single);
  if (!session) return http::grpc_status(http::GrpcCode::kUnavailable, session.error().text);
  v1::StatusResponse warm;  // the second call does not pay for the connection
  auto status = (*session)->call("/polis.v1.Cell/Status", v1::StatusRequest(), warm);
  if (!status.ok()) return status;
  Instant before = (*session)->reactor().now();
  status = (*session)->call("/polis.v1.Cell/Status", v1::StatusRequest(), response);
  took += (*session)->reactor().now() - before;
  return status;
}

std::vector<Asked> ask_all(const Target& target, const etcdserverpb::MemberListResponse& list,
                           Duration between) {
  std::vector<Asked> all;
  for (const etcdserverpb::Member& member : list.members()) all.push_back({.member = member});
  auto round = [&](bool second) {
    for (Asked& one : all) {
      if (one.member.clienturls_size() == 0) {
        one.status = http::grpc_status(http::GrpcCode::kUnavailable, "it has never started");
      } else if (!second || one.status.ok()) {
        one.status =
            ask(target, endpoints_of(one.member), second ? one.second : one.first, one.uncertainty);
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
  const auto& [a1, a2] = std::pair(reference.first, reference.second);
  const auto& [b1, b2] = std::pair(one.first, one.second);
  const double mine = static_cast<double>(b2.boot_clock_ns() - b1.boot_clock_ns());
  const double theirs = static_cast<double>(a2.boot_clock_ns() - a1.boot_clock_ns());
  if (mine <= 0 || theirs <= 0) return;
  // Both were asked one after the other, twice, in the same order: the order cancels, the time
  // that the calls took does not.
  found.clock_rate_apart = mine / theirs - 1;
  found.clock_rate_error =
      static_cast<double>((reference.uncertainty + one.uncertainty).count()) / theirs;
  found.wall_clock_apart = static_cast<double>(b2.wall_clock_ns() - a2.wall_clock_ns()) / 1e9;
}

std::vector<ReplicaFound> describe(const std::vector<Asked>& all) {
  std::map<std::uint64_t, double> heard;  // by whoever heard it last
  std::map<std::uint64_t, bool> receives_snapshot;
  const Asked* reference = nullptr;
  for (const Asked& one : all) {
    if (!one.status.ok()) continue;
    if (reference == nullptr) reference = &one;
    for (const v1::Peer& peer : one.second.peers()) {
      if (peer.receives_snapshot()) receives_snapshot[peer.id()] = true;
      if (peer.heard_us_ago() < 0) continue;
      double seconds = static_cast<double>(peer.heard_us_ago()) / 1e6;
      auto [known, is_new] = heard.emplace(peer.id(), seconds);
      if (!is_new) known->second = std::min(known->second, seconds);
    }
  }
  std::vector<ReplicaFound> cell;
  for (const Asked& one : all) {
    const v1::StatusResponse& s = one.second;
    ReplicaFound found{.name = one.member.name().empty() ? fmt::format("{:x}", one.member.id())
                                                         : one.member.name(),
                       .client = one.member.clienturls_size() > 0 ? one.member.clienturls(0) : "",
                       .id = one.member.id(),
                       .voter = !one.member.islearner(),
                       .started = one.member.clienturls_size() > 0};
    if (!one.status.ok()) found.unreachable = one.status.message;
    if (auto last = heard.find(found.id); last != heard.end())
      found.heard_seconds_ago = last->second;
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
      compare_clocks(*reference, one, found);
    }
    cell.push_back(std::move(found));
  }
  return cell;
}

int examine(const Target& target, double seconds) {
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  etcdserverpb::MemberListResponse list;
  // Not linearizable: it has to work without a quorum.
  auto status =
      (*session)->call("/etcdserverpb.Cluster/MemberList", etcdserverpb::MemberListRequest(), list);
  if (!status.ok()) return complain(status);
  auto between = Duration(static_cast<std::int64_t>(seconds * 1e9));
  auto findings = diagnose(describe(ask_all(target, list, between)));
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
