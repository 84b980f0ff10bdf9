// polis dev, polis cell run|status, polis config dump

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "api/etcd/rpc.pb.h"
#include "api/polis/cell.pb.h"
#include "cell/cell.hh"
#include "cli/cli.hh"
#include "cli/json.hh"
#include "cli/setting_flags.hh"

namespace polis::cli {
namespace {

using namespace etcdserverpb;

int run_cell(const Result<host::SettingValues>& values) {
  if (!values) return complain(values.error());
  auto settings = cell::parse_settings(*values);
  if (!settings) return complain(settings.error());
  host::set_up_log(settings->log_level, settings->log_format, settings->name);
  auto opened = cell::Cell::open(*settings);
  if (!opened) {
    host::log_error("cannot start: {}", opened.error().text);
    return opened.error().code == ErrorCode::kInvalid ||
                   opened.error().code == ErrorCode::kUnavailable
               ? kWrongUsage
               : kRefused;
  }
  return (*opened)->run();
}

void add_run(CLI::App& cell_app, Run& run) {
  auto* app = cell_app.add_subcommand("run", "Run one replica of a cell");
  app->footer(
      "Example, three replicas on one machine; each in its own terminal:\n"
      "  polis cell run --name a --data-dir /tmp/a --client :2379 --peer 127.0.0.1:2380 \\\n"
      "    --initial a=127.0.0.1:2380,b=127.0.0.1:3380,c=127.0.0.1:4380\n"
      "Every setting can also stand in the environment (POLIS_DATA_DIR) and in the --config file "
      "(data-dir:).");
  auto flags = std::make_shared<SettingFlags>();
  flags->add_to(*app);
  app->callback([=, &run] { run = [=] { return run_cell(flags->collect()); }; });
}

void add_dev(CLI::App& top, Run& run) {
  auto* app = top.add_subcommand("dev", "Run a cell of one replica, to develop against");
  app->footer("Example:\n  polis dev --data-dir /tmp/polis &\n  polis kv put greeting hello");
  auto flags = std::make_shared<SettingFlags>();
  flags->add_to(*app);
  app->callback([=, &run] {
    run = [=] {
      flags->given["initial"] = "";
      return run_cell(flags->collect());
    };
  });
}

void add_config_dump(CLI::App& top, Run& run) {
  auto* config = top.add_subcommand("config", "Look at settings");
  config->require_subcommand(1);
  add_config_example_command(*config, run);
  auto* app =
      config->add_subcommand("dump", "Print the effective settings and where each came from");
  auto flags = std::make_shared<SettingFlags>();
  auto output = std::make_shared<std::string>("text");
  flags->add_to(*app);
  app->add_option("-o,--output", *output, "text or json")->check(CLI::IsMember({"text", "json"}));
  app->callback([=, &run] {
    run = [=] {
      auto values = flags->collect();
      if (!values) return complain(values.error());
      if (*output == "json") fmt::print("{{");
      bool first = true;
      for (const host::SettingInfo& info : cell::setting_infos()) {
        const host::SettingValue& value = values->at(info.name);
        if (*output == "json") {
          fmt::print("{}\n  {}: {{\"value\": {}, \"source\": \"{}\"}}", first ? "" : ",",
                     json_string(info.name), json_string(value.text), to_string(value.source));
        } else {
          fmt::print("{:<42}# from {}\n",
                     fmt::format("{}: {}", info.name, value.text.empty() ? "\"\"" : value.text),
                     to_string(value.source));
        }
        first = false;
      }
      if (*output == "json") fmt::print("\n}}\n");
      if (auto settings = cell::parse_settings(*values); !settings)
        return complain(settings.error());
      return kDone;
    };
  });
}

struct MemberStatus {
  Member member;
  std::string endpoint;
  http::GrpcStatus reached;
  StatusResponse status;
  polis::v1::StatusResponse own;  // what Polis says beyond etcd's API

  bool is_master() const { return reached.ok() && status.leader() == member.id(); }
};

// Asks one replica for the members, then each member how it is.
Result<std::vector<MemberStatus>> ask_all(const Target& target, http::GrpcStatus& failure) {
  auto members = known_members(target, failure);
  if (!members) return std::unexpected(members.error());
  std::vector<MemberStatus> all;
  for (const KnownMember& known : *members) {
    MemberStatus one{known.member, known.endpoints, {}, {}, {}};
    if (known.endpoints.empty()) {
      one.reached = http::grpc_status(http::GrpcCode::kUnavailable, "its address is not known yet");
    } else {
      auto peer = Session::open(target_of(target, known));
      one.reached =
          peer ? (*peer)->call("/etcdserverpb.Maintenance/Status", StatusRequest(), one.status)
               : http::grpc_status(http::GrpcCode::kUnavailable, peer.error().text);
      if (one.reached.ok())
        one.reached = (*peer)->call("/polis.v1.Cell/Status", polis::v1::StatusRequest(), one.own);
    }
    all.push_back(std::move(one));
  }
  std::sort(all.begin(), all.end(), [](const MemberStatus& a, const MemberStatus& b) {
    return a.member.name() < b.member.name();
  });
  return all;
}

// How long ago the master heard of the member; nothing if there is none to ask.
std::optional<std::int64_t> heard_ago(const std::vector<MemberStatus>& all, std::uint64_t id) {
  for (const MemberStatus& one : all) {
    if (!one.is_master()) continue;
    for (const polis::v1::Peer& peer : one.own.peers()) {
      if (peer.id() == id) return peer.heard_us_ago();
    }
  }
  return std::nullopt;
}

void print_status_json(const std::vector<MemberStatus>& all, std::uint64_t commit_max) {
  fmt::print("[");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [member, endpoint, reached, status, own] = all[i];
    fmt::print(
        "{}\n  {{\"name\": {}, \"id\": \"{}\", \"client\": {}, \"peer\": {}, \"reachable\": {}",
        i ? "," : "", json_string(member.name()), id_text(member.id()), json_string(endpoint),
        json_string(member.peerurls(0)), reached.ok());
    if (auto ago = heard_ago(all, member.id())) fmt::print(", \"heard_us_ago\": {}", *ago);
    if (reached.ok()) {
      fmt::print(
          ", \"role\": \"{}\", \"term\": {}, \"commit\": {}, \"applied\": {}, \"revision\": {}, "
          "\"bytes\": {}, \"lag\": {}, \"version\": {}, \"cell_version\": {}",
          own.role(), status.raftterm(), status.raftindex(), status.raftappliedindex(),
          status.header().revision(), status.dbsize(),
          commit_max - std::min(commit_max, status.raftappliedindex()), json_string(own.version()),
          own.cell_version());
      if (own.has_client_certificate())
        fmt::print(", \"client_certificate_ends\": {}", own.client_certificate().ends());
      if (own.has_peer_certificate())
        fmt::print(", \"peer_certificate_ends\": {}", own.peer_certificate().ends());
      if (all[i].is_master())
        fmt::print(", \"reads\": \"{}\", \"lease_left_us\": {}", own.lease().reads(),
                   own.lease().left_us());
    } else {
      fmt::print(", \"error\": {}", json_string(reached.message));
    }
    fmt::print("}}");
  }
  fmt::print("\n]\n");
}

// When what a replica shows ends; empty: it shows nothing.
std::string certificates_of(const polis::v1::StatusResponse& own) {
  std::string text;
  if (own.has_client_certificate())
    text = fmt::format("for clients until {}", tls::date_text(own.client_certificate().ends()));
  if (own.has_peer_certificate())
    text += fmt::format("{}for replicas until {}", text.empty() ? "" : ", ",
                        tls::date_text(own.peer_certificate().ends()));
  return text;
}

void print_status_table(const std::vector<MemberStatus>& all, std::uint64_t commit_max) {
  fmt::print("{:<10} {:<18} {:<22} {:<13} {:>5} {:>9} {:>9} {:>9} {:>9} {:>6}\n", "NAME", "ID",
             "CLIENT", "ROLE", "TERM", "COMMIT", "APPLIED", "REVISION", "SIZE", "LAG");
  for (const MemberStatus& one : all) {
    const auto& [member, endpoint, reached, status, own] = one;
    if (!reached.ok()) {
      fmt::print("{:<10} {:<18x} {:<22} {:<13} {}\n", member.name(), member.id(),
                 endpoint.empty() ? "?" : endpoint, "down", reached.message);
      continue;
    }
    fmt::print("{:<10} {:<18x} {:<22} {:<13} {:>5} {:>9} {:>9} {:>9} {:>9} {:>6}\n", member.name(),
               member.id(), endpoint, own.role(), status.raftterm(), status.raftindex(),
               status.raftappliedindex(), status.header().revision(),
               fmt::format("{:.1f}M", static_cast<double>(status.dbsize()) / 1e6),
               commit_max - std::min(commit_max, status.raftappliedindex()));
    for (const std::string& error : status.errors()) fmt::print("           ! {}\n", error);
  }
  for (const MemberStatus& one : all) {
    const std::string certificates = certificates_of(one.own);
    if (!certificates.empty())
      fmt::print("certificates of {}: {}\n", one.member.name(), certificates);
  }
  for (const MemberStatus& one : all) {
    if (!one.is_master()) continue;
    const auto& lease = one.own.lease();
    auto left = lease.left_us() == 0 ? std::string("not now")
                                     : fmt::format("for {:.3f} s, and renewed all the time",
                                                   static_cast<double>(lease.left_us()) / 1e6);
    fmt::print("master lease: {}, {} (reads: {})\n", one.member.name(), left, lease.reads());
  }
}

void add_status(CLI::App& cell_app, Run& run) {
  auto* app = cell_app.add_subcommand(
      "status", "Show the replicas of a cell: master, term, indexes, size, lag");
  app->footer(
      "Example:\n  polis cell status --endpoints 127.0.0.1:2379\nEnds with 1 if no master is known "
      "or a replica is down.");
  auto target = std::make_shared<Target>();
  target->add_to(*app);
  app->callback([=, &run] {
    run = [=] {
      http::GrpcStatus failure;
      auto all = ask_all(*target, failure);
      if (!all) return complain(all.error());
      if (!failure.ok()) return complain(failure);
      std::uint64_t commit_max = 0;
      bool healthy = true;
      for (const MemberStatus& one : *all) {
        commit_max = std::max(commit_max, one.status.raftindex());
        healthy = healthy && one.reached.ok() && one.status.leader() != 0;
      }
      target->json() ? print_status_json(*all, commit_max) : print_status_table(*all, commit_max);
      return healthy ? kDone : kRefused;
    };
  });
}

}  // namespace

void add_cell_commands(CLI::App& app, Run& run) {
  add_dev(app, run);
  auto* cell = app.add_subcommand("cell", "Run and look at the replicas of a cell");
  cell->require_subcommand(1);
  add_run(*cell, run);
  add_status(*cell, run);
  add_wait_command(*cell, run);
  add_member_commands(*cell, run);
  add_quorum_command(*cell, run);
  add_snapshot_commands(*cell, run);
  add_recover_command(*cell, run);
  add_config_dump(app, run);
}

}  // namespace polis::cli
