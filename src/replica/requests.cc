// Commands, reads and questions: from a client of this replica to the master and back.

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "replica/replica.hh"
#include "replica/wire.hh"
#include "store/growth.hh"

namespace polis::replica {
namespace {

// Rounds of reads that one replica has under way; what comes meanwhile shares the next one.
constexpr std::size_t kReadRoundsMax = 1;
// After a refusal.
constexpr Duration kReadRetryInterval = std::chrono::milliseconds(10);
// One entry's worth of commands.
constexpr std::size_t kProposalBytesMax = 4 << 20;

}  // namespace

// --- commands
// ------------------------------------------------------------------------------------------------------

Status Replica::may_accept(CommandKind kind, std::string_view bytes, std::uint64_t work) const {
  if (failed_) return store::status::stopped();
  if (space_.own() == DiskSpace::Level::kExhausted) return store::status::no_space();
  if (cell_is_full() && store::may_grow({kind, bytes})) return store::status::no_space();
  if (cell_is_short_of_memory() && store::may_grow({kind, bytes}))
    return store::status::short_of_memory();
  if (pending_bytes_ > 0 && pending_bytes_ + bytes.size() > options_.pending_bytes_max)
    return store::status::too_many_requests();
  if (work > 0 && pending_work_ > 0 && pending_work_ + work > options_.pending_work_max)
    return store::status::too_many_requests();
  if (store_.unsaved_bytes() > options_.unsaved_bytes_max)
    return store::status::too_many_requests();
  return {};
}

void Replica::submit(CommandKind kind, std::string_view bytes, std::function<void(Reply)> done,
                     std::uint64_t work) {
  if (Status refused = may_accept(kind, bytes, work); !refused.ok())
    return done({refused, {}, store_.revision()});
  if (collecting_.bytes() + bytes.size() > kProposalBytesMax) close_bundle();
  collecting_.add(kind, bytes);
  collecting_requests_.push_back(std::move(done));
  pending_bytes_ += bytes.size();
  collecting_work_ += work;
  pending_work_ += work;
}

// Its outcome is known, or nobody waits for it any more.
void Replica::release(const PendingBundle& bundle) {
  pending_bytes_ -= std::min(pending_bytes_, bundle.bytes.size());
  pending_work_ -= std::min(pending_work_, bundle.work);
}

// Makes a bundle of what this turn has submitted so far, and sends it on its way.
void Replica::close_bundle() {
  if (collecting_.size() == 0) return;
  Instant now = env_.loop.now();
  std::uint64_t number = next_bundle_++;
  PendingBundle& bundle = bundles_[number];
  pending_bytes_ -= std::min(pending_bytes_, collecting_.bytes());
  collecting_.take({options_.identity.replica, options_.incarnation, number}, bundle.bytes);
  pending_bytes_ += bundle.bytes.size();
  bundle.requests = std::exchange(collecting_requests_, {});
  bundle.work = std::exchange(collecting_work_, 0);
  bundle.deadline = now + options_.request_timeout;
  send_bundle(bundle);
}

void Replica::send_bundle(PendingBundle& bundle) {
  if (role_.master == consensus::kNoReplica) return;  // goes out as soon as there is one
  if (bundle.decided_by && bundle.decided_by != mastership()) return;
  bundle.sent = env_.loop.now();
  if (bundle.times_sent++ == 0) bundle.first_sent = bundle.sent;
  bundle.sent_to = mastership();
  if (is_master()) {
    if (!proposal_.empty() && proposal_.size() + bundle.bytes.size() > kProposalBytesMax)
      propose_collected();
    proposal_ += bundle.bytes;
    return;
  }
  std::string message(1, static_cast<char>(WireKind::kForward));
  message += bundle.bytes;
  ++counters_.messages_sent;
  env_.transport.send(role_.master, std::move(message));
}

void Replica::on_forward(ReplicaId, std::string_view bytes) {
  if (!is_master() || stands_still()) return;  // its sender will find the new master
  store::BundleReader reader(bytes);
  store::Origin origin;
  std::vector<store::Command> commands;
  // Its sender did not know of the shortage yet; it will.
  const bool full = cell_is_full() || cell_is_short_of_memory();
  while (reader.next(origin, commands)) {
    if (full && std::ranges::any_of(commands, store::may_grow)) return;
  }
  if (!reader.ok() || bytes.empty()) return;
  if (space_.own() == DiskSpace::Level::kExhausted) return;
  if (!proposal_.empty() && proposal_.size() + bytes.size() > kProposalBytesMax)
    propose_collected();
  proposal_ += bytes;
}

void Replica::propose_collected() {
  if (proposal_.empty() || stands_still()) return;
  auto payload = share(std::exchange(proposal_, {}));
  // Refused (mastership is going elsewhere, too much under way): the bundles are still pending at
  // their origins, who send them again.
  if (log_->propose(payload, env_.loop.now())) ++counters_.entries_proposed;
}

void Replica::resend_to_new_master() {
  if (role_.master == consensus::kNoReplica) return;
  for (auto& [number, bundle] : bundles_) {
    if (bundle.sent_to != mastership()) send_bundle(bundle);
  }
  for (auto& [id, question] : questions_) {
    if (question.sent_to != mastership()) send_question(id, question);
  }
}

bool Replica::wants_replies(const store::Origin& origin) {
  return origin.replica == options_.identity.replica &&
         origin.incarnation == options_.incarnation && bundles_.contains(origin.bundle);
}

void Replica::on_reply(const store::Origin& origin, std::size_t command, Reply reply) {
  auto found = bundles_.find(origin.bundle);
  CHECK(found != bundles_.end() && command < found->second.requests.size());
  ++counters_.commands_applied;
  if (found->second.answered == 0) maybe_report_slow(found->second);
  Request request = std::move(found->second.requests[command]);
  if (++found->second.answered == found->second.requests.size()) {
    release(found->second);
    bundles_.erase(found);
  }
  request(std::move(reply));
}

// It was applied, but the replies went by unseen (they were part of a snapshot): nobody can say
// what they were.
void Replica::on_duplicate(const store::Origin& origin) {
  if (!wants_replies(origin)) return;
  auto found = bundles_.find(origin.bundle);
  auto requests = std::move(found->second.requests);
  release(found->second);
  bundles_.erase(found);
  for (Request& request : requests) {
    if (request) request({store::status::timed_out(), {}, store_.revision()});
  }
}

// --- reads
// ---------------------------------------------------------------------------------------------------------

void Replica::read_barrier(std::function<void(Status)> done) {
  if (failed_) return done(store::status::stopped());
  reads_waiting_.push_back({std::move(done), env_.loop.now() + options_.request_timeout});
}

void Replica::flush_reads() {
  if (reads_waiting_.empty() || role_.master == consensus::kNoReplica ||
      rounds_.size() >= kReadRoundsMax)
    return;
  if (env_.loop.now() < reads_not_before_) return;
  ReadId id(next_read_++);
  rounds_[id] = {std::exchange(reads_waiting_, {}), env_.loop.now(), {}};
  log_->read(id, env_.loop.now());
}

// Whoever was asked is not the master any more, or was not yet: no answer may ever come.
void Replica::ask_reads_again() {
  for (auto& [id, round] : std::exchange(rounds_, {})) {
    for (Waiter& waiter : round.waiters) reads_waiting_.push_back(std::move(waiter));
  }
}

void Replica::serve_reads(const std::vector<consensus::ReadReady>& ready,
                          const std::vector<ReadId>& refused) {
  for (const consensus::ReadReady& each : ready) {
    auto round = rounds_.find(each.id);
    if (round == rounds_.end()) continue;
    round->second.confirmed = env_.loop.now();
    reads_ready_.emplace(each.index, std::move(round->second));
    rounds_.erase(round);
  }
  for (ReadId id : refused) {
    auto round = rounds_.find(id);
    if (round == rounds_.end()) continue;
    // Asked again when there is a master who can answer.
    reads_not_before_ = env_.loop.now() + kReadRetryInterval;
    for (Waiter& waiter : round->second.waiters) reads_waiting_.push_back(std::move(waiter));
    rounds_.erase(round);
  }
  serve_applied_reads();
}

void Replica::serve_applied_reads() {
  while (!reads_ready_.empty() && reads_ready_.begin()->first <= store_.applied()) {
    ReadRound round = std::move(reads_ready_.begin()->second);
    reads_ready_.erase(reads_ready_.begin());
    maybe_report_slow(round);
    for (Waiter& waiter : round.waiters) waiter.done({});
  }
}

// --- questions
// -----------------------------------------------------------------------------------------------------

void Replica::ask(Question question, std::string body, Answered done) {
  if (failed_) return done(store::status::stopped(), {});
  std::uint64_t id = next_question_++;
  PendingQuestion& pending = questions_[id];
  pending = {
      question, std::move(body), std::move(done), env_.loop.now() + options_.request_timeout, {},
      {}};
  if (!is_master()) return send_question(id, pending);
  pending.sent_to = mastership();
  answer_own(id);
}

void Replica::send_question(std::uint64_t id, PendingQuestion& pending) {
  if (role_.master == consensus::kNoReplica) return;
  pending.sent = env_.loop.now();
  const bool asked_before = std::exchange(pending.sent_to, mastership()) == mastership();
  if (is_master()) {
    // It became master while the question was open. Nothing is lost between a replica and itself.
    if (asked_before) return;
    env_.loop.post([this, id, alive = std::weak_ptr(alive_)] {
      if (!alive.expired() && is_master()) answer_own(id);
    });
    return;
  }
  std::string message;
  Writer out(message);
  out.u8(static_cast<std::uint8_t>(WireKind::kQuestion));
  out.varint(id);
  out.u8(static_cast<std::uint8_t>(pending.question));
  message += pending.body;
  env_.transport.send(role_.master, std::move(message));
}

void Replica::answer_own(std::uint64_t id) {
  auto found = questions_.find(id);
  if (found == questions_.end()) return;
  answer(found->second.question, std::string(found->second.body), env_.loop.now(),
         [this, id](Status status, std::string reply) {
           on_answered(id, std::move(status), std::move(reply));
         });
}

void Replica::on_question(ReplicaId from, Reader& in) {
  std::uint64_t id = in.varint();
  auto question = static_cast<Question>(in.u8());
  std::string_view body = in.take(in.remaining());
  if (!in.ok() || !is_master()) return;
  answer(question, body, env_.loop.now(), [this, from, id](Status status, std::string reply) {
    if (status.code == store::Code::kUnavailable) return;  // as on_answered has it
    std::string message;
    Writer out(message);
    out.u8(static_cast<std::uint8_t>(WireKind::kAnswer));
    out.varint(id);
    out.varint(static_cast<std::uint64_t>(status.code));
    out.string(status.text);
    out.string(reply);
    env_.transport.send(from, std::move(message));
  });
}

void Replica::on_answer(Reader& in) {
  std::uint64_t id = in.varint();
  auto code = static_cast<store::Code>(in.varint());
  std::string text(in.string());
  std::string body(in.string());
  if (in.done()) on_answered(id, {code, std::move(text)}, std::move(body));
}

void Replica::on_answered(std::uint64_t id, Status status, std::string body) {
  // Not master any more: the question goes to the next one.
  if (status.code == store::Code::kUnavailable) return;
  auto found = questions_.find(id);
  if (found == questions_.end() || !found->second.done) return;
  Answered done = std::move(found->second.done);
  questions_.erase(found);
  done(std::move(status), std::move(body));
}

// Answers as master, and only after a quorum has confirmed that this still is the master.
void Replica::answer(Question question, std::string_view body, Instant asked,
                     const Answered& done) {
  Reader in(body);
  if (question == Question::kTransfer) {
    ReplicaId target(in.u64());
    if (!in.done()) return done(store::status::malformed(), {});
    return target == options_.identity.replica ? done({}, {}) : hand_over_to(target, done);
  }
  if (question == Question::kChange) return queue_change(body, done);
  std::int64_t id = in.i64();
  if (!in.done()) return done(store::status::malformed(), {});
  read_barrier([this, question, id, asked, done](Status status) {
    if (!status.ok()) return done(status, {});
    answer_lease(question, id, asked, done);
  });
}

// --- deadlines
// -----------------------------------------------------------------------------------------------------

void Replica::expire_requests() {
  Instant now = env_.loop.now();
  std::vector<Request> late;
  for (auto i = bundles_.begin(); i != bundles_.end();) {
    PendingBundle& bundle = i->second;
    if (now >= bundle.deadline) {
      report_timed_out(bundle);
      for (Request& request : bundle.requests) late.push_back(std::move(request));
      release(bundle);
      i = bundles_.erase(i);
      continue;
    }
    if (now - bundle.sent >= options_.resend_interval) send_bundle(bundle);
    ++i;
  }
  for (Request& request : late) {
    if (request) request({store::status::timed_out(), {}, store_.revision()});
  }

  std::vector<Waiter> expired;
  auto keep_waiting = [&](std::vector<Waiter>& waiters) {
    for (Waiter& waiter : waiters) {
      if (now >= waiter.deadline) expired.push_back(std::move(waiter));
    }
    std::erase_if(waiters, [&](const Waiter& waiter) { return now >= waiter.deadline; });
  };
  for (auto i = rounds_.begin(); i != rounds_.end();) {
    if (now - i->second.sent < options_.resend_interval) {
      ++i;
      continue;
    }
    // Lost on the way: asked again under a new name.
    for (Waiter& waiter : i->second.waiters) reads_waiting_.push_back(std::move(waiter));
    i = rounds_.erase(i);
  }
  keep_waiting(reads_waiting_);
  for (auto& [index, round] : reads_ready_) keep_waiting(round.waiters);
  for (Waiter& waiter : expired) waiter.done(store::status::timed_out());

  std::vector<Answered> unanswered;
  for (PendingChange& change : changes_) {
    if (now >= change.deadline) unanswered.push_back(std::exchange(change.done, nullptr));
  }
  std::erase_if(changes_, [](const PendingChange& change) { return change.done == nullptr; });
  for (auto i = questions_.begin(); i != questions_.end();) {
    if (now >= i->second.deadline) {
      if (i->second.done) unanswered.push_back(std::move(i->second.done));
      i = questions_.erase(i);
      continue;
    }
    if (now - i->second.sent >= options_.resend_interval) send_question(i->first, i->second);
    ++i;
  }
  for (Answered& done : unanswered) done(store::status::timed_out(), {});
}

}  // namespace polis::replica
