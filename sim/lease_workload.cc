#include "sim/lease_workload.hh"

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"

namespace polis::sim {

using namespace etcdserverpb;
using namespace std::chrono_literals;

std::string txn_of(const Operation& operation) {
  TxnRequest request;
  if (operation.kind == Operation::Kind::kCompareAndSet) {
    auto* compare = request.add_compare();
    compare->set_key(operation.key);
    compare->set_target(Compare::MOD);
    compare->set_mod_revision(0);
  }
  auto* put = request.add_success()->mutable_request_put();
  put->set_key(operation.key);
  put->set_value(operation.value);
  put->set_lease(operation.lease);
  return request.SerializeAsString();
}

void end_txn(Operation& operation, const store::Reply& reply, Instant now) {
  operation.returned = now;
  operation.revision = reply.revision;
  TxnResponse response;
  response.ParseFromString(reply.body);
  operation.succeeded = response.succeeded();
  operation.outcome = reply.status.ok()                                ? Outcome::kOk
                      : reply.status.code == store::Code::kUnavailable ? Outcome::kUnknown
                                                                       : Outcome::kRefused;
}

LeaseWorkload::LeaseWorkload(World& world, SimulatedCell& cell, History& history,
                             LeaseWorkloadConfig config, std::uint64_t seed)
    : world_(world),
      cell_(cell),
      history_(history),
      config_(config),
      random_(seed),
      clients_(config.clients) {}

Duration LeaseWorkload::below(Duration max) {
  return Duration(
      static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(max.count()))));
}

void LeaseWorkload::start() {
  for (std::size_t client = 0; client < clients_.size(); ++client) rest(client);
}

void LeaseWorkload::at_replica(std::size_t client, std::function<void(replica::Replica&)> f) {
  if (random_.chance(0.2) || !cell_.node(clients_[client].place).up())
    clients_[client].place = random_.below(cell_.size());
  Node& node = cell_.node(clients_[client].place);
  if (!node.up()) return;
  node.machine().deliver([&node, f = std::move(f)] {
    if (node.up()) f(node.replica());
  });
}

void LeaseWorkload::rest(std::size_t client) {
  clients_[client].lease = 0;
  world_.after(below(1s), [this, client, step = next_step(client)] {
    if (is_at(client, step)) get_lease(client);
  });
}

void LeaseWorkload::get_lease(std::size_t client) {
  const std::int64_t id = next_lease_++;
  const std::int64_t ttl = random_.between(2, static_cast<std::uint64_t>(config_.ttl_max));
  const std::uint64_t step = next_step(client);
  const Instant sent = world_.now();
  at_replica(client, [this, client, step, id, ttl, sent](replica::Replica& replica) {
    LeaseGrantRequest request;
    request.set_id(id);
    request.set_ttl(ttl);
    replica.submit(store::CommandKind::kLeaseGrant, request.SerializeAsString(),
                   [this, client, step, id, ttl, sent](const store::Reply& reply) {
                     if (!is_at(client, step)) return;
                     if (!reply.status.ok()) return rest(client);
                     clients_[client].lease = id;
                     clients_[client].ttl = std::chrono::seconds(ttl);
                     history_.leases[id].ttl = clients_[client].ttl;
                     history_.leases[id].renewed(sent);
                     on_lease(client);
                   });
  });
  // A lease that nobody knows of ends by itself.
  world_.after(config_.patience_max, [this, client, step] {
    if (is_at(client, step)) get_lease(client);
  });
}

void LeaseWorkload::on_lease(std::size_t client) {
  Client& one = clients_[client];
  next_step(client);
  one.lets_go = world_.now() + 500ms + below(12s);
  hang_key(client);
  try_lock(client);
  keep_alive(client, one.lease);
}

// Renewals are sent one after the other, whatever becomes of those before: as clients do on a
// stream.
void LeaseWorkload::keep_alive(std::size_t client, std::int64_t lease) {
  const Duration ttl = clients_[client].ttl;
  world_.after(ttl / 6 + below(ttl / 4), [this, client, lease] {
    if (stopping_ || clients_[client].lease != lease) return;
    if (world_.now() >= clients_[client].lets_go) return let_go(client);
    renew(client, lease);
    if (random_.chance(0.3)) try_lock(client);
    keep_alive(client, lease);
  });
}

void LeaseWorkload::renew(std::size_t client, std::int64_t lease) {
  const Instant sent = world_.now();
  at_replica(client, [this, client, lease, sent](replica::Replica& replica) {
    std::string body;
    Writer(body).i64(lease);
    replica.ask(replica::Question::kLeaseRenew, body,
                [this, client, lease, sent](const store::Status& status, const std::string&) {
                  LeaseStory& story = history_.leases[lease];
                  if (status.ok()) return story.renewed(sent);
                  if (status.code != store::Code::kNotFound) return;
                  story.gone(world_.now());
                  if (clients_[client].lease == lease) rest(client);
                });
  });
}

void LeaseWorkload::write(std::size_t client, Operation operation) {
  operation.client = 3000 + client;
  operation.lease = clients_[client].lease;
  operation.value = lease_value(operation.lease, ++next_value_);
  operation.invoked = world_.now();
  history_.operations.push_back(operation);
  const std::size_t index = history_.operations.size() - 1;
  at_replica(client, [this, index](replica::Replica& replica) {
    replica.submit(store::CommandKind::kTxn, txn_of(history_.operations[index]),
                   [this, index](const store::Reply& reply) {
                     end_txn(history_.operations[index], reply, world_.now());
                   });
  });
}

void LeaseWorkload::hang_key(std::size_t client) {
  write(client, {.kind = Operation::Kind::kPut, .key = fmt::format("alive{}", client)});
}

void LeaseWorkload::try_lock(std::size_t client) {
  write(client, {.kind = Operation::Kind::kCompareAndSet,
                 .key = fmt::format("lock{}", random_.below(config_.locks))});
}

void LeaseWorkload::let_go(std::size_t client) {
  if (random_.chance(0.5)) revoke(client);
  rest(client);
}

void LeaseWorkload::revoke(std::size_t client) {
  const std::int64_t lease = clients_[client].lease;
  history_.leases[lease].let_go = world_.now();
  at_replica(client, [lease](replica::Replica& replica) {
    LeaseRevokeRequest request;
    request.set_id(lease);
    replica.submit(store::CommandKind::kLeaseRevoke, request.SerializeAsString(),
                   [](const store::Reply&) {});
  });
}

}  // namespace polis::sim
