#pragma once

// When the leases of clients end, measured by the master alone. A new master gives every lease its
// full term again, since it cannot know which renewals its predecessor answered (etcd does the
// same; Chubby 2.8 for sessions).
//
// A lease ends in four steps. A renewal before step 3 saves the lease:
//   1  its time is over by the master's clock        has_ended()
//   2  a quorum confirms the mastership              the caller does this
//   3  its revocation is proposed                    take_ended(); is_ending() from now on
//   4  the revocation is applied, or it was refused  on_revoked(), or on_revoke_failed()
//
// Pure: time is handed in. Threads: the loop's.
// Life: construct -> start -> the other functions -> stop -> start ...

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
  // This replica measures the leases from now on; each has its full term.
  void start(const store::Leases& leases, Instant now);
  void stop();
  bool keeping() const { return keeping_; }  // between start and stop

  // A lease was granted or revoked. `ttl`: seconds. Ignored while keeping() is false.
  void on_granted(std::int64_t id, std::int64_t ttl, Instant now);
  void on_revoked(std::int64_t id);
  // Gives the lease its full term, `ttl` seconds, from `since` on: the time when the request
  // arrived. Never shortens it. False: the lease is unknown, or is_ending(id).
  bool renew(std::int64_t id, std::int64_t ttl, Instant since);
  // The lease's revocation was proposed, and its outcome is not known yet.
  bool is_ending(std::int64_t id) const;
  // The time until the lease is over. nullopt: the lease is unknown. Zero: its time is over.
  std::optional<Duration> remaining(std::int64_t id, Instant now) const;

  // This process stood still from `since` until `now`, and renewals that arrived meanwhile have not
  // been read yet. So each lease whose time ran out meanwhile gets `grace` from `now` on; at most
  // once until it is renewed.
  void on_stall(Instant since, Instant now, Duration grace);
  // Whether some lease's time is over.
  bool has_ended(Instant now) const;
  // Takes up to `count_max` leases whose time was over at `noticed` and which were not renewed
  // since. The caller must propose their revocation; is_ending() is true for them from now on.
  std::vector<std::int64_t> take_ended(Instant noticed, std::size_t count_max);
  // The revocation was refused: the lease ends again a second later.
  void on_revoke_failed(std::int64_t id, Instant now);

 private:
  struct End {
    Instant at;
    bool postponed = false;  // on_stall has given it grace since it was last renewed
  };
  void set(std::int64_t id, End end);
  bool keeping_ = false;
  std::map<std::int64_t, End> ends_;
  std::set<std::pair<Instant, std::int64_t>>
      queue_;  // the lease that ends soonest first; leases that are ending are not in it
};

}  // namespace polis::replica
