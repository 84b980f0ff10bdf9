#pragma once

// What the results of an instance's checks say of its health.
//
// A single result decides nothing: `healthy_after` successes in a row make it healthy,
// `unhealthy_after` failures in a row unhealthy. While it starts (`start_period`), failures do not
// count, and the first success ends that time.
//
// Pure: time is handed in. Threads: one.

#include <string>

#include "base/time.hh"

namespace polis::agent {

struct HealthOptions {
  int healthy_after = 1;    // at least 1
  int unhealthy_after = 3;  // at least 1
  Duration start_period = std::chrono::seconds(30);
};

struct CheckResult {
  bool passed = false;
  std::string text;  // what was asked and what came back, one line
};

enum class Health {
  kUnknown,  // no result has decided yet
  kHealthy,
  kUnhealthy,
};
const char* to_string(Health health);

class HealthState {
 public:
  explicit HealthState(HealthOptions options) : options_(options) {}

  // The instance has started: what was known of the one before is forgotten.
  void on_start(Instant now);
  // True: the health is another one than before.
  bool on_result(Instant now, const CheckResult& result);
  // True once the time to start is over without a success: the instance is unhealthy.
  bool on_time(Instant now);
  // When on_time must be called again; nothing: never.
  std::optional<Instant> wakes() const;

  Health health() const { return health_; }
  Instant since() const { return since_; }               // of the health
  const std::string& reason() const { return reason_; }  // the newest failure's text; empty: none

 private:
  bool become(Instant now, Health health);

  HealthOptions options_;
  Health health_ = Health::kUnknown;
  Instant since_{}, started_{};
  int passed_in_a_row_ = 0, failed_in_a_row_ = 0;
  bool starting_ = false;  // no success yet
  std::string reason_;
};

}  // namespace polis::agent
