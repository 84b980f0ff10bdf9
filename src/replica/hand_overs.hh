#pragma once

// Hand-overs of mastership to another replica. The reasons: a client asks for it, the master's
// process is to end, or its disk is slow or full.
//
// Threads: the loop's.

#include <optional>
#include <vector>

#include "io/loop.hh"
#include "replica/counters.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "replica/sync_times.hh"

namespace polis::replica {

class HandOvers {
 public:
  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    consensus::ReplicatedLog& log;                   // for status() and transfer()
    std::function<bool(ReplicaId member)> has_room;  // as DiskSpace::has_room
    Counters& counters;
  };
  // `options` must outlive this object. Used: slow_sync, consensus.election_timeout_max.
  HandOvers(const Options& options, Needs needs);

  // Begins a hand-over to `target`. If one to the same member is under way, joins it. `done` is
  // called once:
  //   leader_changed      this replica is not master any more; whether `target` is the new master
  //                       is not known here
  //   transfer_timed_out  this replica is still master after the longest election timeout
  //   bad_transferee      `target` is no voter, or is this replica; within this call
  //   no_leader           this replica is not master; within this call
  void begin(ReplicaId target, Answered done);
  // Begins a hand-over to the voter whose log is furthest; voters with room on their disks go
  // first. `done` is called once: when this replica is not master any more, after the longest
  // election timeout, or within this call if it is not master or no other voter can take over.
  void begin_to_best(std::function<void()> done);
  // This replica is not master any more: ends all hand-overs.
  void end();
  // Ends the hand-overs that took too long. Call it about every 20 ms.
  void expire();

  // How the disk of this replica does.
  struct DiskState {
    const SyncTimes& syncs;
    std::optional<Instant> sync_waits_since;  // when the oldest open sync was asked for
    bool is_full = false;                     // this disk is full, and the cell is not
  };
  // This replica has become master. `syncs`: its times so far.
  void on_elected(const SyncTimes& syncs) { syncs_before_mastership_ = syncs.count; }
  // Hands over if this replica is master and its disk is slow (Options::slow_sync) or full; at most
  // every 30 s if slow, every 3 s if full. Call it about every 20 ms.
  void maybe_leave_bad_disk(const DiskState& disk);

 private:
  struct HandOver {
    ReplicaId target;
    Instant deadline;
    Answered done;
  };
  const Options& options_;
  Needs needs_;
  std::vector<HandOver> under_way_;
  std::uint64_t syncs_before_mastership_ = 0;
  Instant bad_disk_not_before_{};
};

}  // namespace polis::replica
