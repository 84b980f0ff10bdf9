#include "consensus/lease.hh"

namespace polis::consensus {
namespace {

// Rounds that wait for their answers; forgetting the oldest only costs the lease they would give.
constexpr std::size_t kRoundsMax = 1024;

}  // namespace

Result<void> LeaseOptions::validate() const {
  if (drift_max < 0 || drift_max > 1)
    return fail(ErrorCode::kInvalid, "clock drift must be between 0 and 1,000,000 ppm");
  if (margin < Duration::zero() || margin >= length)
    return fail(ErrorCode::kInvalid, "the lease's margin must be smaller than the lease");
  return {};
}

bool LeasePromise::give(Term term, std::uint64_t round, Duration length, Instant now) {
  until_ = std::max(until_, now + length);
  if (std::pair(term, round) > std::pair(term_, round_)) {
    term_ = term;
    round_ = round;
  }
  if (length <= longest_) return false;
  longest_ = length;
  return true;
}

bool LeasePromise::yields_to(Term term, std::uint64_t round, Instant now) const {
  return now >= restored_until_ && std::pair(term, round) >= std::pair(term_, round_);
}

void MasterLease::reset() {
  sent_.clear();
  given_up_ = 0;
  until_ = {};
}

void MasterLease::on_sent(std::uint64_t round, Instant now) {
  sent_.push_back({round, now});
  if (sent_.size() > kRoundsMax) sent_.pop_front();
}

void MasterLease::on_confirmed(std::uint64_t round) {
  while (!sent_.empty() && sent_.front().round <= round) {
    Sent sent = sent_.front();
    sent_.pop_front();
    if (sent.round <= given_up_) continue;
    auto length = static_cast<std::int64_t>(static_cast<double>(options_.length.count()) /
                                            (1.0 + options_.drift_max));
    until_ = std::max(until_, sent.at + Duration(length) - options_.margin);
  }
}

void MasterLease::give_up(std::uint64_t round) {
  given_up_ = round;
  until_ = {};
}

}  // namespace polis::consensus
