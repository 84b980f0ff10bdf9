#include "agent/restarts.hh"

#include "base/check.hh"

namespace polis::agent {

std::optional<Duration> Restarts::on_end(Instant now, Duration ran, bool failed) {
  CHECK(options_.loop_ends >= 2 && options_.backoff_min <= options_.backoff_max);
  if (ran >= options_.stable_after) in_a_row_ = 0;
  ++in_a_row_;
  ends_.push_back(now);
  if (ends_.size() > static_cast<std::size_t>(options_.loop_ends)) ends_.pop_front();
  if (options_.when == RestartOptions::When::kNever) return std::nullopt;
  if (options_.when == RestartOptions::When::kOnFailure && !failed) return std::nullopt;
  if (looping(now)) return options_.backoff_max;
  if (in_a_row_ == 1) return Duration::zero();
  Duration wait = options_.backoff_min;
  for (int i = 2; i < in_a_row_ && wait < options_.backoff_max; ++i) wait *= 2;
  return std::min(wait, options_.backoff_max);
}

bool Restarts::looping(Instant now) const {
  return in_a_row_ >= options_.loop_ends && !ends_.empty() &&
         now - ends_.front() <= options_.loop_window;
}

void Restarts::forget() {
  in_a_row_ = 0;
  ends_.clear();
}

}  // namespace polis::agent
