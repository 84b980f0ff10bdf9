#include "sim/workload.hh"

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"

namespace polis::sim {

using namespace etcdserverpb;

Workload::Workload(World& world, SimulatedCell& cell, History& history, WorkloadConfig config)
    : world_(world), cell_(cell), history_(history), config_(config), random_(world.fork()) {}

void Workload::start() {
  for (std::size_t client = 0; client < config_.clients; ++client) next(client);
}

std::size_t Workload::pick_place() { return random_.below(cell_.size()); }

void Workload::next(std::size_t client) {
  if (stopping_) return;
  world_.after(
      Duration(static_cast<std::int64_t>(
          random_.below(static_cast<std::uint64_t>(config_.think_max.count())))),
      [this, client] {
        if (stopping_) return;
        std::size_t place = pick_place();
        Node& node = cell_.node(place);
        if (!node.up()) return next(client);
        Operation op;
        op.client = client;
        op.key = fmt::format("k{}", random_.below(config_.keys));
        op.kind = static_cast<Operation::Kind>(random_.below(4));
        if (op.kind == Operation::Kind::kPut || op.kind == Operation::Kind::kCompareAndSet) {
          op.value = fmt::format("v{}-{}", ++next_value_, std::string(random_.below(64), 'x'));
        }
        op.invoked = world_.now();
        history_.operations.push_back(op);
        std::size_t index = history_.operations.size() - 1;
        auto patience = Duration(static_cast<std::int64_t>(
            random_.below(static_cast<std::uint64_t>(config_.patience_max.count()))));
        world_.after(patience, [this, client, index] { end(client, index, Outcome::kUnknown); });
        node.machine().deliver([this, client, index, place] { run(client, index, place); });
      });
}

void Workload::run(std::size_t client, std::size_t index, std::size_t place) {
  Node& node = cell_.node(place);
  if (!node.up()) return;
  Operation& op = history_.operations[index];
  auto answer = [this, client, index](const store::Reply& reply) {
    on_reply(client, index, reply);
  };
  switch (op.kind) {
    case Operation::Kind::kPut: {
      PutRequest request;
      request.set_key(op.key);
      request.set_value(op.value);
      node.replica().submit(store::CommandKind::kPut, request.SerializeAsString(), answer);
      break;
    }
    case Operation::Kind::kDelete: {
      DeleteRangeRequest request;
      request.set_key(op.key);
      node.replica().submit(store::CommandKind::kDeleteRange, request.SerializeAsString(), answer);
      break;
    }
    case Operation::Kind::kCompareAndSet: {
      TxnRequest request;
      auto* compare = request.add_compare();
      compare->set_key(op.key);
      compare->set_target(Compare::MOD);
      compare->set_mod_revision(last_revision_[op.key]);
      auto* put = request.add_success()->mutable_request_put();
      put->set_key(op.key);
      put->set_value(op.value);
      request.add_failure()->mutable_request_range()->set_key(op.key);
      node.replica().submit(store::CommandKind::kTxn, request.SerializeAsString(), answer);
      break;
    }
    case Operation::Kind::kGet:
      node.replica().read_barrier([this, client, index, place,
                                   incarnation = node.incarnation()](const store::Status& status) {
        on_readable(client, index, place, incarnation, status);
      });
      break;
  }
  if (config_.compactions && random_.chance(0.02) && node.replica().store().revision() > 20) {
    CompactionRequest request;
    request.set_revision(
        static_cast<std::int64_t>(node.replica().store().revision() - random_.below(15)));
    node.replica().submit(store::CommandKind::kCompact, request.SerializeAsString(),
                          [](const store::Reply&) {});
  }
}

void Workload::on_readable(std::size_t client, std::size_t index, std::size_t place,
                           std::uint64_t incarnation, const store::Status& status) {
  Node& node = cell_.node(place);
  if (!status.ok() || !node.up() || node.incarnation() != incarnation)
    return end(client, index, Outcome::kUnknown);
  Operation& op = history_.operations[index];
  if (op.outcome != Outcome::kUnderWay) return;
  store::RangeQuery query{.range = {op.key, ""}};
  store::Reply reply = node.replica().store().range(query);
  RangeResponse response;
  response.ParseFromString(reply.body);
  if (response.kvs_size() > 0) op.read = response.kvs(0).value();
  last_revision_[op.key] = response.kvs_size() > 0 ? response.kvs(0).mod_revision() : 0;
  op.revision = reply.revision;
  end(client, index, Outcome::kOk);
}

void Workload::on_reply(std::size_t client, std::size_t index, const store::Reply& reply) {
  Operation& op = history_.operations[index];
  if (op.outcome != Outcome::kUnderWay) return;
  if (!reply.status.ok()) {
    // "Timed out" says that nobody knows; every other refusal is one.
    return end(
        client, index,
        reply.status.code == store::Code::kUnavailable ? Outcome::kUnknown : Outcome::kRefused);
  }
  op.revision = reply.revision;
  if (op.kind == Operation::Kind::kDelete) {
    DeleteRangeResponse response;
    response.ParseFromString(reply.body);
    op.succeeded = response.deleted() > 0;
  } else if (op.kind == Operation::Kind::kCompareAndSet) {
    TxnResponse response;
    response.ParseFromString(reply.body);
    op.succeeded = response.succeeded();
    if (!op.succeeded) {
      const auto& range = response.responses(0).response_range();
      last_revision_[op.key] = range.kvs_size() > 0 ? range.kvs(0).mod_revision() : 0;
    }
  }
  if (op.succeeded && op.kind != Operation::Kind::kDelete)
    last_revision_[op.key] = static_cast<std::int64_t>(reply.revision);
  end(client, index, Outcome::kOk);
}

void Workload::end(std::size_t client, std::size_t index, Outcome outcome) {
  Operation& op = history_.operations[index];
  if (op.outcome != Outcome::kUnderWay) return;
  op.outcome = outcome;
  op.returned = world_.now();
  next(client);
}

void Workload::probe(std::size_t place, std::function<void(bool)> done) {
  Operation op;
  op.client = 1000 + place;
  op.kind = Operation::Kind::kPut;
  op.key = fmt::format("probe{}", place);
  op.value = fmt::format("v{}-probe", ++next_value_);
  op.invoked = world_.now();
  history_.operations.push_back(op);
  std::size_t index = history_.operations.size() - 1;
  Node& node = cell_.node(place);
  node.machine().deliver([this, place, index, done] {
    PutRequest request;
    request.set_key(history_.operations[index].key);
    request.set_value(history_.operations[index].value);
    cell_.node(place).replica().submit(store::CommandKind::kPut, request.SerializeAsString(),
                                       [this, index, done](const store::Reply& reply) {
                                         Operation& written = history_.operations[index];
                                         written.outcome =
                                             reply.status.ok() ? Outcome::kOk : Outcome::kUnknown;
                                         written.revision = reply.revision;
                                         written.returned = world_.now();
                                         done(reply.status.ok());
                                       });
  });
}

}  // namespace polis::sim
