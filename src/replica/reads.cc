#include "replica/reads.hh"

namespace polis::replica {
namespace {

// Rounds of reads that one replica has under way; what comes meanwhile shares the next one.
constexpr std::size_t kRoundsMax = 1;
// After a refusal.
constexpr Duration kRetryInterval = std::chrono::milliseconds(10);

}  // namespace

Reads::Reads(const Options& options, std::uint64_t first_round, Needs needs)
    : options_(options), needs_(std::move(needs)), next_round_(first_round) {}

void Reads::add(Done done) {
  if (needs_.situation.ended) return done(store::status::stopped());
  waiting_.push_back({std::move(done), needs_.loop.now() + options_.request_timeout});
}

void Reads::ask() {
  if (waiting_.empty() || !needs_.situation.knows_master() || rounds_.size() >= kRoundsMax) return;
  const Instant now = needs_.loop.now();
  if (now < not_before_) return;
  ReadId id(next_round_++);
  rounds_[id] = {std::exchange(waiting_, {}), now, {}};
  needs_.log.read(id, now);
}

void Reads::wait_again(Round& round) {
  std::move(round.waiters.begin(), round.waiters.end(), std::back_inserter(waiting_));
}

void Reads::on_new_mastership() {
  for (auto& [id, round] : std::exchange(rounds_, {})) wait_again(round);
}

void Reads::on_answers(const std::vector<consensus::ReadReady>& ready,
                       const std::vector<ReadId>& refused) {
  for (const consensus::ReadReady& each : ready) {
    auto round = rounds_.find(each.id);
    if (round == rounds_.end()) continue;
    round->second.confirmed = needs_.loop.now();
    ready_.emplace(each.index, std::move(round->second));
    rounds_.erase(round);
  }
  for (ReadId id : refused) {
    auto round = rounds_.find(id);
    if (round == rounds_.end()) continue;
    // Asked again when there is a master who can answer.
    not_before_ = needs_.loop.now() + kRetryInterval;
    wait_again(round->second);
    rounds_.erase(round);
  }
  serve_applied();
}

void Reads::serve_applied() {
  while (!ready_.empty() && ready_.begin()->first <= needs_.store.applied()) {
    Round round = std::move(ready_.begin()->second);
    ready_.erase(ready_.begin());
    maybe_report_slow(round);
    for (Waiter& waiter : round.waiters) waiter.done({});
  }
}

void Reads::expire() {
  const Instant now = needs_.loop.now();
  for (auto i = rounds_.begin(); i != rounds_.end();) {
    if (now - i->second.sent < options_.resend_interval) {
      ++i;
      continue;
    }
    // Lost on the way: asked again under a new name.
    wait_again(i->second);
    i = rounds_.erase(i);
  }
  std::vector<Waiter> expired;
  auto take_expired = [&](std::vector<Waiter>& waiters) {
    std::erase_if(waiters, [&](Waiter& waiter) {
      if (now < waiter.deadline) return false;
      expired.push_back(std::move(waiter));
      return true;
    });
  };
  take_expired(waiting_);
  for (auto& [index, round] : ready_) take_expired(round.waiters);
  for (Waiter& waiter : expired) waiter.done(store::status::timed_out());
}

// The first one of them has waited longest.
void Reads::maybe_report_slow(const Round& round) const {
  if (!needs_.slow || round.waiters.empty()) return;
  const Instant asked = round.waiters.front().deadline - options_.request_timeout;
  if (round.confirmed - asked < options_.slow_request) return;
  const Instant now = needs_.loop.now();
  needs_.slow({.kind = SlowRequest::Kind::kRead,
               .total = now - asked,
               .for_master = round.sent - asked,
               .for_quorum = round.confirmed - round.sent,
               .for_apply = now - round.confirmed,
               .sent = 1});
}

}  // namespace polis::replica
