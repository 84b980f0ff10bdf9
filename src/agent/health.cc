#include "agent/health.hh"

#include <utility>

namespace polis::agent {

const char* to_string(Health health) {
  switch (health) {
    case Health::kUnknown:
      return "unknown";
    case Health::kHealthy:
      return "healthy";
    case Health::kUnhealthy:
      return "unhealthy";
  }
  return "?";
}

void HealthState::on_start(Instant now) {
  health_ = Health::kUnknown;
  since_ = started_ = now;
  passed_in_a_row_ = failed_in_a_row_ = 0;
  starting_ = true;
  reason_.clear();
}

bool HealthState::become(Instant now, Health health) {
  if (std::exchange(health_, health) == health) return false;
  since_ = now;
  return true;
}

bool HealthState::on_result(Instant now, const CheckResult& result) {
  if (result.passed) {
    starting_ = false;
    failed_in_a_row_ = 0;
    if (++passed_in_a_row_ < options_.healthy_after) return false;
    reason_.clear();
    return become(now, Health::kHealthy);
  }
  reason_ = result.text;
  passed_in_a_row_ = 0;
  if (starting_ && now - started_ < options_.start_period) return false;
  starting_ = false;
  if (++failed_in_a_row_ < options_.unhealthy_after) return false;
  return become(now, Health::kUnhealthy);
}

bool HealthState::on_time(Instant now) {
  if (!starting_ || now - started_ < options_.start_period) return false;
  starting_ = false;
  if (reason_.empty()) reason_ = "no check has passed within the time to start";
  return become(now, Health::kUnhealthy);
}

std::optional<Instant> HealthState::wakes() const {
  if (!starting_) return std::nullopt;
  return started_ + options_.start_period;
}

}  // namespace polis::agent
