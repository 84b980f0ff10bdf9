#include "replica/slow_request.hh"

#include "replica/replica.hh"

namespace polis::replica {

void Replica::maybe_report_slow(const PendingBundle& bundle) {
  const Instant submitted = bundle.deadline - options_.request_timeout;
  if (!env_.slow || applying_since_ - submitted < options_.slow_request) return;
  const Instant now = env_.loop.now();
  env_.slow({.kind = SlowRequest::Kind::kWrite,
             .total = now - submitted,
             .for_master = bundle.first_sent - submitted,
             .for_quorum = applying_since_ - bundle.first_sent,
             .for_apply = now - applying_since_,
             .sent = bundle.times_sent});
}

void Replica::report_timed_out(const PendingBundle& bundle) {
  if (!env_.slow) return;
  const bool sent = bundle.times_sent > 0;
  env_.slow({.kind = SlowRequest::Kind::kWrite,
             .timed_out = true,
             .total = options_.request_timeout,
             .for_master = sent ? bundle.first_sent - (bundle.deadline - options_.request_timeout)
                                : options_.request_timeout,
             .for_quorum = sent ? bundle.deadline - bundle.first_sent : Duration(),
             .sent = bundle.times_sent});
}

// The first one of them has waited longest.
void Replica::maybe_report_slow(const ReadRound& round) {
  if (!env_.slow || round.waiters.empty()) return;
  const Instant asked = round.waiters.front().deadline - options_.request_timeout;
  if (round.confirmed - asked < options_.slow_request) return;
  const Instant now = env_.loop.now();
  env_.slow({.kind = SlowRequest::Kind::kRead,
             .total = now - asked,
             .for_master = round.sent - asked,
             .for_quorum = round.confirmed - round.sent,
             .for_apply = now - round.confirmed,
             .sent = 1});
}

}  // namespace polis::replica
