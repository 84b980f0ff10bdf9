// polis lease grant|revoke|keepalive|list|ttl

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "api/etcd/rpc.pb.h"
#include "cli/cli.hh"
#include "cli/json.hh"

namespace polis::cli {
namespace {

using namespace etcdserverpb;

Result<std::int64_t> parse_id(const std::string& text) {
  std::uint64_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("'{}' is not a lease id (a number in hex); `polis lease list` shows them",
                    text));
  }
  return static_cast<std::int64_t>(id);
}

// A subcommand with a lease id: parses it, opens a session, and hands both on.
void add_with_id(CLI::App& lease, Run& run, const char* name, const char* help, const char* footer,
                 const std::function<int(const Target&, Session&, std::int64_t)>& act,
                 const std::function<void(CLI::App&)>& more = {}) {
  auto* app = lease.add_subcommand(name, help);
  app->footer(footer);
  auto target = std::make_shared<Target>();
  auto text = std::make_shared<std::string>();
  target->add_to(*app);
  app->add_option("id", *text, "the lease, in hex")->required()->type_name("LEASE");
  if (more) more(*app);
  app->callback([=, &run] {
    run = [=] {
      auto id = parse_id(*text);
      if (!id) return complain(id.error());
      auto session = Session::open(*target);
      if (!session) return complain(session.error());
      return act(*target, **session, *id);
    };
  });
}

void add_grant(CLI::App& lease, Run& run) {
  auto* app = lease.add_subcommand("grant", "Make a lease; its keys are deleted when it ends");
  app->footer("Example:\n  polis lease grant 60");
  auto target = std::make_shared<Target>();
  auto ttl = std::make_shared<std::int64_t>(0);
  target->add_to(*app);
  app->add_option("ttl", *ttl, "seconds it lives without being renewed")
      ->required()
      ->check(CLI::PositiveNumber);
  app->callback([=, &run] {
    run = [=] {
      auto session = Session::open(*target);
      if (!session) return complain(session.error());
      LeaseGrantRequest request;
      request.set_ttl(*ttl);
      LeaseGrantResponse response;
      if (auto status = (*session)->call("/etcdserverpb.Lease/LeaseGrant", request, response);
          !status.ok())
        return complain(status);
      if (target->json()) {
        print_json(response);
      } else {
        fmt::print("lease {} granted with TTL({}s)\n", lease_text(response.id()), response.ttl());
      }
      return kDone;
    };
  });
}

int revoke(const Target& target, Session& session, std::int64_t id) {
  LeaseRevokeRequest request;
  request.set_id(id);
  LeaseRevokeResponse response;
  if (auto status = session.call("/etcdserverpb.Lease/LeaseRevoke", request, response);
      !status.ok())
    return complain(status);
  if (target.json()) {
    print_json(response);
  } else {
    fmt::print("lease {} revoked\n", lease_text(id));
  }
  return kDone;
}

int ttl(const Target& target, Session& session, std::int64_t id, bool keys) {
  LeaseTimeToLiveRequest request;
  request.set_id(id);
  request.set_keys(keys);
  LeaseTimeToLiveResponse response;
  if (auto status = session.call("/etcdserverpb.Lease/LeaseTimeToLive", request, response);
      !status.ok())
    return complain(status);
  if (target.json()) {
    print_json(response);
  } else if (response.ttl() < 0) {
    return refuse(fmt::format("there is no lease {}: it has ended or was revoked", lease_text(id)));
  } else {
    fmt::print("lease {} granted with TTL({}s), remaining({}s)\n", lease_text(id),
               response.grantedttl(), response.ttl());
    for (const std::string& key : response.keys()) fmt::print("{}\n", printable(key));
  }
  return response.ttl() < 0 ? kRefused : kDone;
}

int keep_alive(const Target& target, Session& session, std::int64_t id, bool once) {
  io::Reactor& reactor = session.reactor();
  int exit_code = kDone;
  std::unique_ptr<http::ClientCall> call;
  std::unique_ptr<io::Timer> next;
  LeaseKeepAliveRequest request;
  request.set_id(id);
  auto renew = [&] { call->send(request.SerializeAsString()); };
  call = session.client().stream(
      "/etcdserverpb.Lease/LeaseKeepAlive",
      [&](std::string_view bytes) {
        LeaseKeepAliveResponse response;
        response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
        if (response.ttl() <= 0) {
          exit_code = refuse(
              fmt::format("there is no lease {}: it has ended or was revoked", lease_text(id)));
          return reactor.stop();
        }
        if (target.json()) {
          print_json(response);
        } else {
          fmt::print("lease {} kept alive with TTL({})\n", lease_text(id), response.ttl());
          std::fflush(stdout);
        }
        if (once) return reactor.stop();
        next = reactor.after(std::chrono::milliseconds(response.ttl() * 1000 / 3), renew);
      },
      [&](const http::GrpcStatus& status) {
        exit_code = complain(status);
        reactor.stop();
      });
  renew();
  reactor.on_signal([&](int) { reactor.stop(); });
  reactor.run();
  return exit_code;
}

void add_list(CLI::App& lease, Run& run) {
  auto* app = lease.add_subcommand("list", "Show all leases");
  auto target = std::make_shared<Target>();
  target->add_to(*app);
  app->callback([=, &run] {
    run = [=] {
      auto session = Session::open(*target);
      if (!session) return complain(session.error());
      LeaseLeasesResponse response;
      if (auto status =
              (*session)->call("/etcdserverpb.Lease/LeaseLeases", LeaseLeasesRequest(), response);
          !status.ok())
        return complain(status);
      if (target->json()) {
        print_json(response);
      } else {
        for (const auto& one : response.leases()) fmt::print("{}\n", lease_text(one.id()));
      }
      return kDone;
    };
  });
}

}  // namespace

void add_lease_commands(CLI::App& app, Run& run) {
  auto* lease = app.add_subcommand("lease", "Make, renew and end leases");
  lease->require_subcommand(1);
  add_grant(*lease, run);
  add_with_id(*lease, run, "revoke", "End a lease now and delete its keys",
              "Example:\n  polis lease revoke 5a3f0c", revoke);
  auto once = std::make_shared<bool>(false), keys = std::make_shared<bool>(false);
  add_with_id(
      *lease, run, "keepalive", "Renew a lease until interrupted",
      "Example:\n  polis lease keepalive 5a3f0c",
      [once](const Target& t, Session& s, std::int64_t id) { return keep_alive(t, s, id, *once); },
      [once](CLI::App& a) { a.add_flag("--once", *once, "renew once and end"); });
  add_with_id(
      *lease, run, "ttl", "Show how long a lease still lives",
      "Example:\n  polis lease ttl 5a3f0c --keys",
      [keys](const Target& t, Session& s, std::int64_t id) { return ttl(t, s, id, *keys); },
      [keys](CLI::App& a) { a.add_flag("--keys", *keys, "with its keys"); });
  add_list(*lease, run);
}

}  // namespace polis::cli
