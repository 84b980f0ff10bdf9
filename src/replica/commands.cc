#include "replica/commands.hh"

#include "base/check.hh"
#include "replica/wire.hh"

namespace polis::replica {
namespace {

// One entry's worth of commands.
constexpr std::size_t kProposalBytesMax = 4 << 20;

}  // namespace

Commands::Commands(const Options& options, Needs needs)
    : options_(options), needs_(std::move(needs)) {}

// --- taken in

Status Commands::may_accept(CommandKind kind, std::string_view bytes, std::uint64_t work) const {
  if (needs_.situation.ended) return store::status::stopped();
  const store::Command command{kind, bytes};
  if (Status refused = needs_.admits({&command, 1}); !refused.ok()) return refused;
  if (pending_bytes_ > 0 && pending_bytes_ + bytes.size() > options_.pending_bytes_max)
    return store::status::too_many_requests();
  if (work > 0 && pending_work_ > 0 && pending_work_ + work > options_.pending_work_max)
    return store::status::too_many_requests();
  if (needs_.store.unsaved_bytes() > options_.unsaved_bytes_max)
    return store::status::too_many_requests();
  return {};
}

void Commands::submit(CommandKind kind, std::string_view bytes, Done done, std::uint64_t work) {
  if (Status refused = may_accept(kind, bytes, work); !refused.ok())
    return done({refused, {}, needs_.store.revision()});
  if (collecting_.bytes() + bytes.size() > kProposalBytesMax) close_bundle();
  collecting_.add(kind, bytes);
  collecting_requests_.push_back(std::move(done));
  pending_bytes_ += bytes.size();
  collecting_work_ += work;
  pending_work_ += work;
}

void Commands::close_bundle() {
  if (collecting_.size() == 0) return;
  const std::uint64_t number = next_bundle_++;
  Pending& bundle = bundles_[number];
  pending_bytes_ -= std::min(pending_bytes_, collecting_.bytes());
  collecting_.take({needs_.situation.own, options_.incarnation, number}, bundle.bytes);
  pending_bytes_ += bundle.bytes.size();
  bundle.requests = std::exchange(collecting_requests_, {});
  bundle.work = std::exchange(collecting_work_, 0);
  bundle.deadline = loop_now() + options_.request_timeout;
  send(bundle);
}

void Commands::submit_as_master(std::vector<OwnCommand> commands) {
  store::Bundle collected;
  Pending pending;
  for (OwnCommand& each : commands) {
    collected.add(each.kind, each.bytes);
    pending.requests.push_back(std::move(each.done));
  }
  const std::uint64_t number = next_bundle_++;
  collected.take({needs_.situation.own, options_.incarnation, number}, pending.bytes);
  pending_bytes_ += pending.bytes.size();
  pending.decided_by = needs_.situation.mastership();
  pending.deadline = loop_now() + options_.request_timeout;
  send(bundles_[number] = std::move(pending));
}

// --- to the master

void Commands::send(Pending& bundle) {
  const Situation& situation = needs_.situation;
  if (!situation.knows_master()) return;  // goes out as soon as there is one
  if (bundle.decided_by && bundle.decided_by != situation.mastership()) return;
  bundle.sent = loop_now();
  if (bundle.times_sent++ == 0) bundle.first_sent = bundle.sent;
  bundle.sent_to = situation.mastership();
  if (situation.is_master()) return add_to_proposal(bundle.bytes);
  std::string message(1, static_cast<char>(WireKind::kForward));
  message += bundle.bytes;
  ++needs_.counters.messages_sent;
  needs_.transport.send(situation.role.master, std::move(message));
}

void Commands::add_to_proposal(std::string_view bytes) {
  if (!proposal_.empty() && proposal_.size() + bytes.size() > kProposalBytesMax) propose();
  proposal_ += bytes;
}

void Commands::on_forward(std::string_view bytes) {
  // Its sender will find the new master.
  if (!needs_.situation.is_master() || needs_.situation.stands_still()) return;
  store::BundleReader reader(bytes);
  store::Origin origin;
  std::vector<store::Command> commands;
  while (reader.next(origin, commands)) {
    // Its sender did not know of the shortage yet; it will.
    if (!needs_.admits(commands).ok()) return;
  }
  if (!reader.ok() || bytes.empty()) return;
  add_to_proposal(bytes);
}

void Commands::propose() {
  if (proposal_.empty() || needs_.situation.stands_still()) return;
  auto payload = share(std::exchange(proposal_, {}));
  // Refused (mastership is going elsewhere, too much under way): the bundles are still pending at
  // their origins, who send them again.
  if (needs_.log.propose(payload, loop_now())) ++needs_.counters.entries_proposed;
}

void Commands::on_new_mastership() {
  // Bundles of this turn for a log that is not this master's any more; their origins send them
  // again.
  proposal_.clear();
  std::vector<Done> dropped;
  for (auto i = bundles_.begin(); i != bundles_.end();) {
    Pending& bundle = i->second;
    if (!bundle.decided_by || bundle.decided_by == needs_.situation.mastership()) {
      ++i;
      continue;
    }
    release(bundle);
    std::move(bundle.requests.begin(), bundle.requests.end(), std::back_inserter(dropped));
    i = bundles_.erase(i);
  }
  end_all(dropped, store::status::leader_changed());
}

void Commands::resend() {
  if (!needs_.situation.knows_master()) return;
  for (auto& [number, bundle] : bundles_) {
    if (bundle.sent_to != needs_.situation.mastership()) send(bundle);
  }
}

// --- outcomes

bool Commands::wants_replies(const store::Origin& origin) const {
  return origin.replica == needs_.situation.own && origin.incarnation == options_.incarnation &&
         bundles_.contains(origin.bundle);
}

void Commands::on_reply(const store::Origin& origin, std::size_t command, store::Reply reply) {
  auto found = bundles_.find(origin.bundle);
  CHECK(found != bundles_.end() && command < found->second.requests.size());
  ++needs_.counters.commands_applied;
  if (found->second.answered == 0) maybe_report_slow(found->second);
  Done request = std::move(found->second.requests[command]);
  if (++found->second.answered == found->second.requests.size()) {
    release(found->second);
    bundles_.erase(found);
  }
  if (request) request(std::move(reply));
}

// It was applied, but the replies went by unseen (they were part of a snapshot): nobody can say
// what they were.
void Commands::on_duplicate(const store::Origin& origin) {
  if (!wants_replies(origin)) return;
  auto found = bundles_.find(origin.bundle);
  auto requests = std::move(found->second.requests);
  release(found->second);
  bundles_.erase(found);
  end_all(requests, store::status::timed_out());
}

void Commands::expire() {
  const Instant now = loop_now();
  std::vector<Done> late;
  for (auto i = bundles_.begin(); i != bundles_.end();) {
    Pending& bundle = i->second;
    if (now >= bundle.deadline) {
      report_timed_out(bundle);
      std::move(bundle.requests.begin(), bundle.requests.end(), std::back_inserter(late));
      release(bundle);
      i = bundles_.erase(i);
      continue;
    }
    if (now - bundle.sent >= options_.resend_interval) send(bundle);
    ++i;
  }
  end_all(late, store::status::timed_out());
}

void Commands::end_all(std::vector<Done>& requests, const Status& status) {
  for (Done& request : requests) {
    if (!request) continue;  // it has ended, or nobody wants to know
    ++needs_.counters.commands_failed;
    request({status, {}, needs_.store.revision()});
  }
}

std::size_t Commands::pending() const {
  std::size_t pending = collecting_requests_.size();
  for (const auto& [number, bundle] : bundles_) pending += bundle.requests.size() - bundle.answered;
  return pending;
}

// Its outcome is known, or nobody waits for it any more.
void Commands::release(const Pending& bundle) {
  pending_bytes_ -= std::min(pending_bytes_, bundle.bytes.size());
  pending_work_ -= std::min(pending_work_, bundle.work);
}

// --- what took long

void Commands::maybe_report_slow(const Pending& bundle) const {
  const Instant submitted = bundle.deadline - options_.request_timeout;
  if (!needs_.slow || applying_since_ - submitted < options_.slow_request) return;
  const Instant now = loop_now();
  needs_.slow({.kind = SlowRequest::Kind::kWrite,
               .total = now - submitted,
               .for_master = bundle.first_sent - submitted,
               .for_quorum = applying_since_ - bundle.first_sent,
               .for_apply = now - applying_since_,
               .sent = bundle.times_sent});
}

void Commands::report_timed_out(const Pending& bundle) const {
  if (!needs_.slow) return;
  const bool sent = bundle.times_sent > 0;
  needs_.slow({.kind = SlowRequest::Kind::kWrite,
               .timed_out = true,
               .total = options_.request_timeout,
               .for_master = sent ? bundle.first_sent - (bundle.deadline - options_.request_timeout)
                                  : options_.request_timeout,
               .for_quorum = sent ? bundle.deadline - bundle.first_sent : Duration(),
               .sent = bundle.times_sent});
}

}  // namespace polis::replica
