#include "sim/wire_workload.hh"

#include <fmt/format.h>

#include "sim/lease_workload.hh"

namespace polis::sim {
namespace {

using namespace etcdserverpb;
using namespace std::chrono_literals;

constexpr Duration kRetryMax = 200ms;

Duration below(Random& random, Duration max) {
  return Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(max.count()))));
}

RangeRequest range_of_all() {
  RangeRequest request;
  request.set_key(std::string(1, '\0'));
  request.set_range_end(std::string(1, '\0'));
  return request;
}

bool says(const http::GrpcStatus& status, http::GrpcCode code) {
  return status.code == static_cast<int>(code);
}

}  // namespace

Outcome outcome_of(const http::GrpcStatus& status, client::Client::Sent sent) {
  if (status.ok()) return Outcome::kOk;
  if (sent == client::Client::Sent::kNo) return Outcome::kRefused;
  const bool unknown = says(status, http::GrpcCode::kDeadlineExceeded) ||
                       says(status, http::GrpcCode::kCancelled) ||
                       (says(status, http::GrpcCode::kUnavailable) &&
                        status.message != "etcdserver: server stopped");
  return unknown ? Outcome::kUnknown : Outcome::kRefused;
}

// --- keys

WireKeys::WireKeys(StreamNetwork& network, std::vector<io::Address> endpoints, History& history,
                   Options options)
    : world_(network.world()),
      random_(network.random().next()),
      history_(history),
      options_(options),
      process_(network, fmt::format("keys{}", options.number), std::move(endpoints)) {
  for (std::uint64_t i = random_.below(5); i > 0; --i) process_.client().move_on();
}

void WireKeys::next() {
  if (stopping_) return;
  world_.after(below(random_, options_.think_max), [this] {
    if (stopping_) return;
    if (options_.compactions && random_.chance(0.01)) compact();
    Operation op;
    op.client = options_.number;
    const bool all = random_.chance(0.08);
    if (all) op.read_all.emplace();
    op.key = all ? "(all)" : fmt::format("k{}", random_.below(options_.keys));
    op.kind = all ? Operation::Kind::kGet : static_cast<Operation::Kind>(random_.below(4));
    if (op.kind == Operation::Kind::kPut || op.kind == Operation::Kind::kCompareAndSet)
      op.value = fmt::format(
          "v{}-{}-{}", options_.number, ++next_value_,
          std::string(random_.below(random_.chance(0.05) ? options_.value_bytes_max : 64), 'x'));
    op.invoked = world_.now();
    history_.operations.push_back(op);
    const std::size_t index = history_.operations.size() - 1;
    process_.machine().deliver([this, index] { run(index); });
  });
}

void WireKeys::run(std::size_t index) {
  switch (history_.operations[index].kind) {
    case Operation::Kind::kPut:
      return put(index);
    case Operation::Kind::kGet:
      if (!history_.operations[index].read_all) return get(index);
      return random_.chance(0.5) ? get_all(index) : get_all_in_pieces(index);
    case Operation::Kind::kDelete:
      return erase(index);
    case Operation::Kind::kCompareAndSet:
      return compare_and_set(index);
  }
}

void WireKeys::put(std::size_t index) {
  PutRequest request;
  request.set_key(history_.operations[index].key);
  request.set_value(history_.operations[index].value);
  process_.call<PutResponse>(kPutPath, request, options_.timeout,
                             [this, index](Outcome outcome, const PutResponse& response) {
                               end(index, outcome, response.header().revision());
                             });
}

void WireKeys::get(std::size_t index) {
  RangeRequest request;
  request.set_key(history_.operations[index].key);
  process_.call<RangeResponse>(kRangePath, request, options_.timeout,
                               [this, index](Outcome outcome, const RangeResponse& response) {
                                 Operation& op = history_.operations[index];
                                 if (response.kvs_size() > 0) op.read = response.kvs(0).value();
                                 if (outcome == Outcome::kOk)
                                   last_revision_[op.key] =
                                       response.kvs_size() > 0 ? response.kvs(0).mod_revision() : 0;
                                 end(index, outcome, response.header().revision());
                               });
}

// A large answer is read from the store while it is sent, and the store goes on.
void WireKeys::get_all(std::size_t index) {
  process_.call<RangeResponse>(kRangePath, range_of_all(), options_.timeout,
                               [this, index](Outcome outcome, const RangeResponse& response) {
                                 take_all(index, response);
                                 end(index, outcome, response.header().revision());
                               });
}

void WireKeys::get_all_in_pieces(std::size_t index) {
  struct Pieces {
    RangeResponse all;
    bool over = false;
  };
  auto pieces = std::make_shared<Pieces>();  // shared by the callbacks
  auto finish = [this, index, pieces](Outcome outcome) {
    if (std::exchange(pieces->over, true)) return;
    take_all(index, pieces->all);
    end(index, outcome, pieces->all.header().revision());
  };
  stream_ = process_.client().stream(
      kRangeStreamPath,
      [pieces](std::string_view bytes) {
        RangeStreamResponse piece;
        if (!piece.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
          throw Violation("a piece of a range cannot be read");
        pieces->all.MergeFrom(piece.range_response());
      },
      [finish](const http::GrpcStatus& status) {
        finish(outcome_of(status, client::Client::Sent::kPerhaps));
      });
  stream_->send(range_of_all().SerializeAsString());
  stream_->half_close();
  world_.after(options_.timeout, [this, finish] {
    process_.machine().deliver([finish] { finish(Outcome::kUnknown); });
  });
}

void WireKeys::take_all(std::size_t index, const RangeResponse& response) {
  auto& all = *history_.operations[index].read_all;
  for (const auto& one : response.kvs()) all[one.key()] = one.value();
}

void WireKeys::erase(std::size_t index) {
  DeleteRangeRequest request;
  request.set_key(history_.operations[index].key);
  process_.call<DeleteRangeResponse>(
      kDeletePath, request, options_.timeout,
      [this, index](Outcome outcome, const DeleteRangeResponse& response) {
        history_.operations[index].succeeded = response.deleted() > 0;
        end(index, outcome, response.header().revision());
      });
}

void WireKeys::compare_and_set(std::size_t index) {
  const Operation& op = history_.operations[index];
  TxnRequest request;
  auto* compare = request.add_compare();
  compare->set_key(op.key);
  compare->set_target(Compare::MOD);
  compare->set_mod_revision(last_revision_[op.key]);
  auto* write = request.add_success()->mutable_request_put();
  write->set_key(op.key);
  write->set_value(op.value);
  request.add_failure()->mutable_request_range()->set_key(op.key);
  process_.call<TxnResponse>(kTxnPath, request, options_.timeout,
                             [this, index](Outcome outcome, const TxnResponse& response) {
                               Operation& done = history_.operations[index];
                               done.succeeded = response.succeeded();
                               if (outcome == Outcome::kOk && !response.succeeded()) {
                                 const auto& range = response.responses(0).response_range();
                                 last_revision_[done.key] =
                                     range.kvs_size() > 0 ? range.kvs(0).mod_revision() : 0;
                               }
                               end(index, outcome, response.header().revision());
                             });
}

void WireKeys::end(std::size_t index, Outcome outcome, std::int64_t revision) {
  Operation& op = history_.operations[index];
  op.outcome = outcome;
  op.returned = world_.now();
  op.revision = static_cast<std::uint64_t>(revision);
  if (outcome == Outcome::kOk && op.succeeded && !op.value.empty())
    last_revision_[op.key] = revision;
  next();
}

void WireKeys::compact() {
  if (history_.changes.empty()) return;
  CompactionRequest request;
  request.set_revision(
      static_cast<std::int64_t>(1 + random_.below(history_.changes.rbegin()->first)));
  process_.call<CompactionResponse>(kCompactPath, request, options_.timeout,
                                    [](Outcome, const CompactionResponse&) {});
}

void WireKeys::put(const std::string& key, const std::string& value,
                   std::function<void(Outcome)> done) {
  Operation op{.client = 1000 + options_.number,
               .kind = Operation::Kind::kPut,
               .key = key,
               .value = value,
               .invoked = world_.now()};
  history_.operations.push_back(op);
  const std::size_t index = history_.operations.size() - 1;
  PutRequest request;
  request.set_key(key);
  request.set_value(value);
  process_.call<PutResponse>(
      kPutPath, request, options_.timeout,
      [this, index, done = std::move(done)](Outcome outcome, const PutResponse& response) {
        Operation& written = history_.operations[index];
        written.outcome = outcome;
        written.returned = world_.now();
        written.revision = static_cast<std::uint64_t>(response.header().revision());
        done(outcome);
      });
}

// --- leases

WireLeases::WireLeases(StreamNetwork& network, std::vector<io::Address> endpoints, History& history,
                       Options options)
    : world_(network.world()),
      random_(network.random().next()),
      history_(history),
      options_(options),
      process_(network, fmt::format("leases{}", options.number), std::move(endpoints)),
      next_lease_(1 + 1'000'000 * static_cast<std::int64_t>(options.number)) {
  for (std::uint64_t i = random_.below(5); i > 0; --i) process_.client().move_on();
}

void WireLeases::rest() {
  lease_ = 0;
  world_.after(below(random_, 1s), [this, step = ++step_] {
    process_.machine().deliver([this, step] {
      if (is_at(step)) grant();
    });
  });
}

void WireLeases::grant() {
  const std::int64_t id = next_lease_++;
  LeaseGrantRequest request;
  request.set_id(id);
  request.set_ttl(
      static_cast<std::int64_t>(random_.between(2, static_cast<std::uint64_t>(options_.ttl_max))));
  const Duration ttl = std::chrono::seconds(request.ttl());
  process_.call<LeaseGrantResponse>(kGrantPath, request, 2s,
                                    [this, id, ttl, step = ++step_, sent = world_.now()](
                                        Outcome outcome, const LeaseGrantResponse&) {
                                      if (!is_at(step)) return;
                                      if (outcome == Outcome::kOk) return on_lease(id, sent, ttl);
                                      rest();  // a lease that nobody knows of ends by itself
                                    });
}

void WireLeases::on_lease(std::int64_t id, Instant sent, Duration ttl) {
  lease_ = id;
  ttl_ = ttl;
  history_.leases[id].ttl = ttl;
  history_.leases[id].renewed(sent);
  lets_go_ = world_.now() + 500ms + below(random_, 12s);
  write({.kind = Operation::Kind::kPut, .key = fmt::format("alive{}", options_.number)});
  keep_alive(++step_);
}

void WireLeases::keep_alive(std::uint64_t step) {
  if (random_.chance(0.4))
    write({.kind = Operation::Kind::kCompareAndSet,
           .key = fmt::format("lock{}", random_.below(options_.locks))});
  world_.after(ttl_ / 6 + below(random_, ttl_ / 4), [this, step] {
    process_.machine().deliver([this, step] {
      if (!is_at(step) || lease_ == 0) return;
      if (world_.now() >= lets_go_) return let_go();
      renew();
      keep_alive(step);
    });
  });
}

void WireLeases::renew() {
  if (stream_ && !stream_->asked.empty() && world_.now() - stream_->asked.front() > 2s) {
    process_.leave(stream_->endpoint);  // nobody waits for ever for an answer
    stream_.reset();
  }
  if (stream_ && stream_->half_closed) {
    if (!stream_->asked.empty()) return;
    stream_.reset();
  }
  if (!stream_) stream_ = open();
  const std::shared_ptr<Stream> stream = stream_;
  LeaseKeepAliveRequest request;
  request.set_id(lease_);
  stream->asked.push_back(world_.now());
  stream->call->send(request.SerializeAsString());
  if (!options_.half_closes) return;
  stream->half_closed = true;
  stream->call->half_close();
}

std::shared_ptr<WireLeases::Stream> WireLeases::open() {
  auto stream = std::make_shared<Stream>();
  stream->endpoint = process_.client().endpoint();
  const std::weak_ptr<Stream> weak = stream;  // the stream holds its call, and that its callbacks
  stream->call = process_.client().stream(
      kKeepAlivePath,
      [this, weak](std::string_view bytes) {
        if (auto open = weak.lock()) on_answer(open, bytes);
      },
      [this, weak](const http::GrpcStatus& status) {
        auto ended = weak.lock();
        if (!ended) return;
        if (status.ok() && !ended->asked.empty())
          throw Violation(
              fmt::format("a stream of keep-alives ended well with {} of them unanswered",
                          ended->asked.size()));
        if (stream_ != ended) return;
        stream_.reset();
        if (!status.ok()) process_.leave(ended->endpoint);
      });
  return stream;
}

void WireLeases::on_answer(const std::shared_ptr<Stream>& stream, std::string_view bytes) {
  LeaseKeepAliveResponse response;
  if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw Violation("an answer to a keep-alive cannot be read");
  if (stream->asked.empty()) throw Violation("a keep-alive was answered twice");
  const Instant sent = stream->asked.front();
  stream->asked.pop_front();
  LeaseStory& story = history_.leases[response.id()];
  if (response.ttl() > 0) {
    ++renewals_;
    return story.renewed(sent);
  }
  story.gone(world_.now());
  if (response.id() == lease_) rest();
}

void WireLeases::write(Operation operation) {
  operation.client = 3000 + options_.number;
  operation.lease = lease_;
  operation.value = lease_value(lease_, 1'000'000 * (options_.number + 1) + ++next_value_);
  operation.invoked = world_.now();
  history_.operations.push_back(operation);
  const std::size_t index = history_.operations.size() - 1;
  TxnRequest request;
  request.ParseFromString(txn_of(operation));
  process_.call<TxnResponse>(
      kTxnPath, request, 3s, [this, index](Outcome outcome, const TxnResponse& response) {
        Operation& op = history_.operations[index];
        op.returned = world_.now();
        op.outcome = outcome;
        op.succeeded = response.succeeded();
        op.revision = static_cast<std::uint64_t>(response.header().revision());
      });
}

void WireLeases::let_go() {
  if (random_.chance(0.5)) {
    history_.leases[lease_].let_go = world_.now();
    LeaseRevokeRequest request;
    request.set_id(lease_);
    process_.call<LeaseRevokeResponse>(kRevokePath, request, 2s,
                                       [](Outcome, const LeaseRevokeResponse&) {});
  }
  rest();
}

// --- watches

WireWatch::WireWatch(StreamNetwork& network, std::vector<io::Address> endpoints, History& history,
                     Options options)
    : world_(network.world()),
      history_(history),
      options_(options),
      process_(network, fmt::format("watch{}", options.number), std::move(endpoints)) {
  for (std::uint64_t i = network.random().below(5); i > 0; --i) process_.client().move_on();
}

void WireWatch::open() {
  ++streams_;
  endpoint_ = process_.client().endpoint();
  call_ = process_.client().stream(
      kWatchPath,
      [this](std::string_view bytes) {
        WatchResponse response;
        if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
          throw Violation("an answer to a watch cannot be read");
        on_response(response);
      },
      [this](const http::GrpcStatus& status) {
        if (status.ok()) throw Violation("a watch ended that nobody had ended");
        process_.machine().post([this] { move_on(); });
      });
  WatchRequest request;
  auto* create = request.mutable_create_request();
  create->set_key(std::string(1, '\0'));
  create->set_range_end(std::string(1, '\0'));
  create->set_start_revision(static_cast<std::int64_t>(next_));
  create->set_progress_notify(true);
  call_->send(request.SerializeAsString());
  if (options_.half_closes) call_->half_close();
}

void WireWatch::move_on() {
  call_.reset();
  process_.leave(endpoint_);
  world_.after(kRetryMax, [this] {
    process_.machine().deliver([this] {
      if (!call_) open();
    });
  });
}

void WireWatch::on_response(const WatchResponse& response) {
  if (response.compact_revision() > 0) {
    // It was too slow for the compaction, and has been told so: it goes on from there.
    const auto compacted = static_cast<std::uint64_t>(response.compact_revision());
    if (compacted < next_)
      throw Violation(fmt::format("a watch at {} was told that {} is compacted", next_, compacted));
    next_ = compacted;
    return process_.machine().post([this] { move_on(); });
  }
  if (response.canceled()) throw Violation("a watch was cancelled: " + response.cancel_reason());
  if (response.created()) return;
  if (response.events_size() > 0) return on_events(response);
  promised_ = std::max(promised_, static_cast<std::uint64_t>(response.header().revision()));
  if (promised_ >= next_)
    throw Violation(fmt::format("a watch at {} was told that it has seen {}", next_, promised_));
}

void WireWatch::on_events(const WatchResponse& response) {
  std::map<std::uint64_t, std::vector<Change>> got;
  for (const auto& event : response.events()) {
    const auto revision = static_cast<std::uint64_t>(event.kv().mod_revision());
    got[revision].push_back(
        {event.kv().key(), event.type() == mvccpb::Event::DELETE, event.kv().value()});
  }
  for (const auto& [revision, changes] : got) {
    if (revision != next_)
      throw Violation(fmt::format("a watch at {} was sent revision {}", next_, revision));
    auto known = history_.changes.find(revision);
    if (known == history_.changes.end() || known->second != changes)
      throw Violation(
          fmt::format("a watch was sent other changes of revision {} than there are", revision));
    next_ = revision + 1;
  }
}

}  // namespace polis::sim
