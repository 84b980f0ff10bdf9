#include "sim/stage.hh"

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"
#include "consensus/paxos/message.hh"
#include "consensus/raft/message.hh"
#include "replica/wire.hh"
#include "sim/lease_workload.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;
using namespace etcdserverpb;

constexpr Duration kPatience = 10s;
constexpr Duration kStep = 5ms;

thread_local consensus::Protocol playing = consensus::Protocol::kRaft;

}  // namespace

void broken_because(const std::string& text) { throw Violation(text); }

void expect(bool holds, const std::string& else_text) {
  if (!holds) broken_because(else_text);
}

std::shared_ptr<void> Stage::with(consensus::Protocol protocol) {
  const consensus::Protocol before = std::exchange(playing, protocol);
  return {nullptr, [before](void*) { playing = before; }};
}

namespace {

CellConfig now_playing(CellConfig config) {
  config.protocol = playing;
  return config;
}

}  // namespace

Stage::Stage(CellConfig config, WorkloadConfig workload, std::uint64_t seed)
    : world_(seed),
      cell_(world_, now_playing(config)),
      collector_(history_),
      workload_(world_, cell_, history_, workload) {
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    node(i).after_turn = [this, i] { look(i); };
    if (i < config.replicas) start(i);
  }
}

Stage::~Stage() {
  for (auto& watcher : watchers_) watcher->detach();
}

void Stage::look(std::size_t place) {
  Node& node = cell_.node(place);
  if (node.failed())
    throw Violation(fmt::format("replica {} stopped: {}", place + 1, node.failure()));
  collector_.look(place, node, world_.now());
  protocol_.look(place, node);
  cell_.note_configuration(place);
}

void Stage::start(std::size_t place) {
  node(place).start();
  if (node(place).failed())
    throw Violation(fmt::format("replica {} cannot start: {}", place + 1, node(place).failure()));
  collector_.look(place, node(place), world_.now());
}

std::size_t Stage::master() {
  Instant deadline = world_.now() + kPatience;
  while (world_.now() < deadline) {
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (!node(i).up() || node(i).replica().status_role().role != consensus::Role::kMaster)
        continue;
      std::size_t following = 0;
      for (std::size_t j = 0; j < cell_.size(); ++j) {
        following += node(j).up() &&
                     node(j).replica().status_role().term == node(i).replica().status_role().term &&
                     node(j).replica().status_role().master == node(i).id();
      }
      if (following > cell_.configuration().voters.size() / 2) return i;
    }
    run_for(kStep);
  }
  throw Violation("there is no master");
}

std::size_t Stage::follower() {
  std::size_t leader = master();
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    if (i != leader && node(i).up()) return i;
  }
  throw Violation("there is no follower");
}

std::size_t Stage::heir(std::size_t master) {
  consensus::PeerProgress best;
  for (const consensus::PeerProgress& peer : node(master).replica().status().peers) {
    if (peer.match >= best.match) best = peer;
  }
  return cell_.place_of(best.id);
}

Stage::Said Stage::what_is(std::string_view bytes) const {
  if (bytes.empty() || bytes[0] != static_cast<char>(replica::WireKind::kConsensus)) return {};
  bytes.remove_prefix(1);
  if (cell_.config().protocol == consensus::Protocol::kPaxos) {
    using paxos::MessageType;
    auto message = paxos::Message::decode(bytes);
    if (!message) return {};
    const auto type = message->type;
    return {.to = message->to,
            .take_over = type == MessageType::kStand,
            .read_index = type == MessageType::kReadIndexReply,
            .teaches = type == MessageType::kAccept || type == MessageType::kChosen ||
                       type == MessageType::kCommit,
            .fills = type == MessageType::kChosen,
            .state = type == MessageType::kSnapshotChunk};
  }
  using raft::MessageType;
  auto message = raft::Message::decode(bytes);
  if (!message) return {};
  const auto type = message->type;
  return {.to = message->to,
          .take_over = type == MessageType::kTimeoutNow,
          .read_index = type == MessageType::kReadIndexReply,
          .teaches = type == MessageType::kAppend || type == MessageType::kCommit,
          .fills = type == MessageType::kAppend,
          .state = type == MessageType::kSnapshotChunk};
}

consensus::Term Stage::term() { return node(master()).replica().status_role().term; }

std::size_t Stage::begin(std::size_t place, Operation operation) {
  operation.client = 2000;
  operation.invoked = world_.now();
  history_.operations.push_back(operation);
  std::size_t index = history_.operations.size() - 1;
  node(place).machine().deliver([this, place, index] {
    if (!node(place).up()) return;
    Operation& op = history_.operations[index];
    auto ended = [this, index](Outcome outcome, std::uint64_t revision) {
      Operation& done = history_.operations[index];
      done.outcome = outcome;
      done.revision = revision;
      done.returned = world_.now();
    };
    auto answer = [ended](const store::Reply& reply) {
      ended(reply.status.ok()                                ? Outcome::kOk
            : reply.status.code == store::Code::kUnavailable ? Outcome::kUnknown
                                                             : Outcome::kRefused,
            reply.revision);
    };
    replica::Replica& replica = node(place).replica();
    if (op.lease != 0) {
      return replica.submit(store::CommandKind::kTxn, txn_of(op),
                            [this, index](const store::Reply& reply) {
                              end_txn(history_.operations[index], reply, world_.now());
                            });
    }
    if (op.kind == Operation::Kind::kPut) {
      PutRequest request;
      request.set_key(op.key);
      request.set_value(op.value);
      return replica.submit(store::CommandKind::kPut, request.SerializeAsString(), answer);
    }
    if (op.kind == Operation::Kind::kDelete) {
      DeleteRangeRequest request;
      request.set_key(op.key);
      return replica.submit(store::CommandKind::kDeleteRange, request.SerializeAsString(), answer);
    }
    replica.read_barrier([this, place, index, ended](const store::Status& status) {
      if (!status.ok() || !node(place).up()) return ended(Outcome::kUnknown, 0);
      Operation& read = history_.operations[index];
      store::Reply reply =
          node(place).replica().store().range(store::RangeQuery{.range = {read.key, ""}});
      RangeResponse response;
      response.ParseFromString(reply.body);
      if (response.kvs_size() > 0) read.read = response.kvs(0).value();
      ended(Outcome::kOk, reply.revision);
    });
  });
  return index;
}

std::optional<Operation> Stage::perform(std::size_t place, Operation operation) {
  std::size_t index = begin(place, std::move(operation));
  Instant deadline = world_.now() + kPatience;
  while (history_.operations[index].outcome == Outcome::kUnderWay && world_.now() < deadline)
    run_for(1ms);
  if (history_.operations[index].outcome != Outcome::kOk) return std::nullopt;
  return history_.operations[index];
}

std::optional<std::uint64_t> Stage::put(std::size_t place, const std::string& key,
                                        const std::string& value) {
  auto done = perform(place, {.kind = Operation::Kind::kPut, .key = key, .value = value});
  return done ? std::optional(done->revision) : std::nullopt;
}

void Stage::ask_for(std::size_t place, const replica::MemberChange& change) {
  node(place).machine().deliver([this, place, change] {
    if (!node(place).up()) return;
    node(place).replica().change_members(change, [](const replica::ChangeOutcome&) {});
  });
}

std::optional<std::uint64_t> Stage::erase(std::size_t place, const std::string& key) {
  auto done = perform(place, {.kind = Operation::Kind::kDelete, .key = key});
  return done ? std::optional(done->revision) : std::nullopt;
}

std::optional<std::string> Stage::get(std::size_t place, const std::string& key) {
  auto done = perform(place, {.kind = Operation::Kind::kGet, .key = key});
  return done ? std::optional(done->read.value_or("")) : std::nullopt;
}

bool Stage::grant(std::size_t place, std::int64_t lease, std::int64_t ttl) {
  auto done = std::make_shared<std::optional<bool>>();  // shared with an answer that comes too late
  history_.leases[lease].ttl = std::chrono::seconds(ttl);
  history_.leases[lease].renewed(world_.now());
  node(place).machine().deliver([this, place, lease, ttl, done] {
    LeaseGrantRequest request;
    request.set_id(lease);
    request.set_ttl(ttl);
    node(place).replica().submit(store::CommandKind::kLeaseGrant, request.SerializeAsString(),
                                 [done](const store::Reply& reply) { *done = reply.status.ok(); });
  });
  Instant deadline = world_.now() + kPatience;
  while (!done->has_value() && world_.now() < deadline) run_for(1ms);
  return done->value_or(false);
}

void Stage::begin_renewal(std::size_t place, std::int64_t lease) {
  node(place).machine().deliver([this, place, lease, sent = world_.now()] {
    if (!node(place).up()) return;
    std::string body;
    Writer(body).i64(lease);
    node(place).replica().ask(replica::Question::kLeaseRenew, body,
                              [this, lease, sent](const store::Status& status, const std::string&) {
                                if (status.ok()) history_.leases[lease].renewed(sent);
                                if (status.code == store::Code::kNotFound)
                                  history_.leases[lease].gone(world_.now());
                              });
  });
}

bool Stage::lock(std::size_t place, const std::string& key, std::int64_t lease) {
  auto done = perform(place, {.kind = Operation::Kind::kCompareAndSet,
                              .key = key,
                              .value = lease_value(lease, next_lock_++),
                              .lease = lease});
  return done && done->succeeded;
}

void Stage::begin_lock(std::size_t place, const std::string& key, std::int64_t lease) {
  begin(place, {.kind = Operation::Kind::kCompareAndSet,
                .key = key,
                .value = lease_value(lease, next_lock_++),
                .lease = lease});
}

void Stage::begin_get(std::size_t place, const std::string& key) {
  begin(place, {.kind = Operation::Kind::kGet, .key = key});
}

void Stage::begin_put(std::size_t place, const std::string& key, const std::string& value) {
  begin(place, {.kind = Operation::Kind::kPut, .key = key, .value = value});
}

void Stage::cut(std::size_t a, std::size_t b) {
  cell_.network().cut(a, b);
  cell_.network().cut(b, a);
}

void Stage::until(const std::string& what, const std::function<bool()>& holds) {
  Instant deadline = world_.now() + kPatience;
  while (!holds()) {
    if (world_.now() >= deadline) throw Violation("never: " + what);
    run_for(20us);
  }
}

bool Stage::is_master(std::size_t place) {
  return node(place).up() && node(place).replica().status_role().role == consensus::Role::kMaster;
}

bool Stage::compact(std::size_t place, std::uint64_t revision) {
  auto done = std::make_shared<std::optional<bool>>();  // shared with an answer that comes too late
  node(place).machine().deliver([this, place, revision, done] {
    CompactionRequest request;
    request.set_revision(static_cast<std::int64_t>(revision));
    node(place).replica().submit(store::CommandKind::kCompact, request.SerializeAsString(),
                                 [done](const store::Reply& reply) { *done = reply.status.ok(); });
  });
  Instant deadline = world_.now() + kPatience;
  while (!done->has_value() && world_.now() < deadline) run_for(1ms);
  return done->value_or(false);
}

void Stage::cut_off(std::size_t place) {
  for (std::size_t i = 0; i < cell_.size(); ++i) cut(place, i);
}

void Stage::watch(std::size_t clients) {
  for (std::size_t i = 0; i < clients; ++i)
    watchers_.push_back(std::make_unique<WatchClient>(cell_, history_, world_.fork()));
  if (!std::exchange(attending_, true)) attend();
}

void Stage::attend() {
  for (auto& watcher : watchers_) watcher->attend();
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    if (node(i).up()) node(i).machine().post([] {});
  }
  world_.after(50ms, [this] { attend(); });
}

void Stage::finish() {
  heal();
  workload_.stop();
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    if (node(i).id() != consensus::kNoReplica && cell_.is_member(i) && !node(i).up()) start(i);
  }
  run_for(5s);
  if (!put(master(), "last", "last-" + std::to_string(world_.events())))
    throw Violation("no progress after the faults stopped");
  run_for(3s);
  std::optional<std::uint64_t> revision;
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    if (!cell_.is_member(i)) continue;
    const store::Store& store = node(i).replica().store();
    if (revision.value_or(store.revision()) != store.revision())
      throw Violation(fmt::format("replica {} is not where the others are", i + 1));
    revision = store.revision();
  }
  for (auto& watcher : watchers_) watcher->check_complete(*revision);
  if (history_.changes.size() + 1 != *revision) throw Violation("the history has holes");
  check_linearizable(history_);
  check_leases(history_, cell_.config().clock_drift_max);
}

}  // namespace polis::sim
