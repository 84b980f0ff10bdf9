// polis cell wait: until a cell serves.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "api/etcd/rpc.pb.h"
#include "cli/cli.hh"

namespace polis::cli {
namespace {

// Between two looks; a look at a replica that is not there yet costs nothing.
constexpr Duration kLookInterval = std::chrono::milliseconds(100);
// Of one look: a replica that has no master yet answers late.
constexpr Duration kLookMax = std::chrono::seconds(1);

// A linearizable read: who answers it has a master and a quorum behind it.
http::GrpcStatus look(const Target& target, Duration left) {
  Target once = target;
  once.timeout_seconds = std::chrono::duration<double>(std::min(left, kLookMax)).count();
  auto session = Session::open(once);
  if (!session) return http::grpc_status(http::GrpcCode::kInvalidArgument, session.error().text);
  etcdserverpb::RangeRequest request;
  request.set_key(std::string(1, '\0'));
  request.set_count_only(true);
  etcdserverpb::RangeResponse response;
  return (*session)->call("/etcdserverpb.KV/Range", request, response);
}

int wait(const Target& target) {
  if (auto session = Session::open(target); !session) return complain(session.error());
  io::Reactor reactor;
  const Instant deadline = reactor.now() + target.timeout();
  while (true) {
    auto status = look(target, std::max<Duration>(deadline - reactor.now(), kLookInterval));
    if (status.ok()) return kDone;
    if (reactor.now() >= deadline) {
      return refuse(fmt::format("the cell does not serve after {} s: {}", target.timeout_seconds,
                                status.message));
    }
    auto timer = reactor.after(kLookInterval, [&] { reactor.stop(); });
    reactor.run();
  }
}

}  // namespace

void add_wait_command(CLI::App& cell, Run& run) {
  auto* app = cell.add_subcommand("wait", "Wait until the cell serves reads and writes");
  app->footer(
      "Example, in a script:\n  polis dev --data-dir /tmp/polis &\n  polis cell wait && polis kv "
      "put greeting hello\nEnds with 1 if it does not serve within --timeout.");
  auto target = std::make_shared<Target>();
  target->timeout_seconds = 30;
  target->add_to(*app);
  app->callback([=, &run] { run = [=] { return wait(*target); }; });
}

}  // namespace polis::cli
