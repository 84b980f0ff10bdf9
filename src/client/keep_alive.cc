#include "client/keep_alive.hh"

#include <algorithm>

#include "base/check.hh"

namespace polis::client {
namespace {

// Between streams that end at once; doubles from one to the other.
constexpr Duration kRetryMin = std::chrono::milliseconds(20);
constexpr Duration kRetryMax = std::chrono::milliseconds(500);

}  // namespace

KeepAlive::KeepAlive(Options options, Duration ttl, Instant sent, Instant now)
    : options_(options), valid_until_(Instant::min()), retry_at_(now) {
  CHECK(options.drift_max >= 0 && options.drift_max < 1);
  CHECK(ttl > Duration::zero() && sent <= now);
  renew(ttl, sent);
  on_time(now);
}

void KeepAlive::renew(Duration ttl, Instant sent) {
  ttl_ = ttl;
  const auto shortened = Duration(
      static_cast<Duration::rep>(static_cast<double>(ttl.count()) * (1 - options_.drift_max)));
  valid_until_ = std::max(valid_until_, sent + shortened - std::min(options_.margin, ttl / 2));
  next_send_ = sent + ttl / 3;
}

void KeepAlive::lose(const std::string& why) {
  lost_ = true;
  output_ = {.close = open_, .lost = why};
  open_ = false;
}

void KeepAlive::on_answer(Duration ttl, Instant now) {
  if (lost_ || unanswered_.empty()) return;
  const Instant sent = unanswered_.front();
  unanswered_.pop_front();
  if (ttl <= Duration::zero()) return lose("the cell has no such lease: it ended or was revoked");
  retry_ = Duration::zero();
  renew(ttl, sent);
  on_time(now);
}

void KeepAlive::on_closed(Instant now) {
  if (lost_ || !open_) return;
  leave_stream(now);
  on_time(now);
}

void KeepAlive::leave_stream(Instant now) {
  output_.close = output_.move_on = true;
  output_.send = false;
  open_ = false;
  unanswered_.clear();
  retry_at_ = now + retry_;
  retry_ = std::clamp(retry_ * 2, kRetryMin, kRetryMax);
  next_send_ = std::min(next_send_, now);
}

void KeepAlive::on_time(Instant now) {
  if (lost_) return;
  if (now >= valid_until_)
    return lose("the lease was not renewed in time, and may have ended at the cell");
  if (open_ && !unanswered_.empty() && now >= unanswered_.front() + ttl_ / 6) leave_stream(now);
  if (!open_ && now >= next_send_ && now >= retry_at_) output_.open = open_ = true;
  if (open_ && now >= next_send_ && unanswered_.empty()) {
    output_.send = true;
    unanswered_.push_back(now);
    next_send_ = now + ttl_ / 3;
  }
}

KeepAlive::Output KeepAlive::take_output() {
  output_.wake = Instant::max();
  if (!lost_) {
    Instant next = std::max(next_send_, open_ ? Instant::min() : retry_at_);
    if (!unanswered_.empty()) next = unanswered_.front() + ttl_ / 6;
    output_.wake = std::min(valid_until_, next);
  }
  return std::exchange(output_, {});
}

}  // namespace polis::client
