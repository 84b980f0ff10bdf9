#pragma once

// When leases end, measured by the master alone. A new master gives every lease its full term
// again, since it cannot know which renewals its predecessor answered (etcd does the same;
// Chubby 2.8 for sessions).
//
// Pure: time is handed in. Threads: the loop's.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/time.hh"
#include "store/leases.hh"

namespace polis::replica {

class LeaseKeeper {
 public:
  // This replica has become master: every lease has its full term from now on.
  void start(const store::Leases& leases, Instant now);
  void stop();
  bool keeping() const { return keeping_; }

  void on_granted(std::int64_t id, std::int64_t ttl, Instant now);
  void on_revoked(std::int64_t id);
  // Gives the lease its full term from `since`, when the request arrived. False: it is unknown, or
  // its end has been proposed and can no longer be stopped.
  bool renew(std::int64_t id, std::int64_t ttl, Instant since);
  std::optional<Duration> remaining(std::int64_t id, Instant now) const;

  // Leases that have ended, each once, at most `count_max`. The caller proposes their revocation.
  std::vector<std::int64_t> take_expired(Instant now, std::size_t count_max);
  // The revocation was not carried out: it will be tried again.
  void on_revoke_failed(std::int64_t id, Instant now);

 private:
  void set(std::int64_t id, Instant end);
  bool keeping_ = false;
  std::map<std::int64_t, Instant> ends_;
  std::set<std::pair<Instant, std::int64_t>> queue_;  // soonest first; without those being revoked
};

}  // namespace polis::replica
