#pragma once

// When leases end, measured by the master alone. A new master gives every lease its full term
// again, since it cannot know which renewals its predecessor answered (etcd does the same;
// Chubby 2.8 for sessions).
//
// The end of a lease comes in steps, and until the last one a renewal still saves the lease:
//   its time is over by the master's clock     has_ended()
//   a quorum confirms the mastership            the caller's work
//   its revocation is proposed                  take_ended(); from now on is_ending()
//   the revocation is applied, or was refused   on_revoked(), on_revoke_failed()
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
  // This replica keeps the leases from now on: every lease has its full term.
  void start(const store::Leases& leases, Instant now);
  void stop();
  bool keeping() const { return keeping_; }

  void on_granted(std::int64_t id, std::int64_t ttl, Instant now);
  void on_revoked(std::int64_t id);
  // Gives the lease its full term from `since`, when the request arrived. False: the lease is
  // unknown, or it is ending.
  bool renew(std::int64_t id, std::int64_t ttl, Instant since);
  // The lease's revocation is proposed; what becomes of it is not known yet.
  bool is_ending(std::int64_t id) const;
  std::optional<Duration> remaining(std::int64_t id, Instant now) const;

  // This process stood still from `since` until now. Renewals that arrived meanwhile are still to
  // be read, so a lease whose time ran out meanwhile goes on for `grace`, once.
  void on_stall(Instant since, Instant now, Duration grace);
  // Whether some lease's time is over.
  bool has_ended(Instant now) const;
  // Leases whose time was over at `noticed` and that were not renewed since, each once, at most
  // `count_max`. The caller proposes their revocation.
  std::vector<std::int64_t> take_ended(Instant noticed, std::size_t count_max);
  // The revocation was not carried out: it will be tried again.
  void on_revoke_failed(std::int64_t id, Instant now);

 private:
  struct End {
    Instant at;
    bool postponed = false;  // by on_stall, since it was last renewed
  };
  void set(std::int64_t id, End end);
  bool keeping_ = false;
  std::map<std::int64_t, End> ends_;
  std::set<std::pair<Instant, std::int64_t>>
      queue_;  // soonest first; without those that are ending
};

}  // namespace polis::replica
