#pragma once

// Mastership goes to another replica: because somebody asks for it, this process is to end, or its
// disk is slow or full.
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
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    consensus::ReplicatedLog& log;                   // for status() and transfer()
    std::function<bool(ReplicaId member)> has_room;  // on its disk
    Counters& counters;
  };
  // Of the options: slow_sync and the election timeout.
  HandOvers(const Options& options, Needs needs);

  // To that member. `done` is called once: with leader_changed when mastership has gone, to
  // whomever (the next master knows whether it is the one that was meant), with transfer_timed_out,
  // or with why it cannot begin. One that is under way to the same member is joined.
  void begin(ReplicaId target, Answered done);
  // To the voter whose log is furthest, one with room on its disk if there is any. `done` when this
  // is not the master any more, after an election timeout, or at once if there is nobody.
  void begin_to_best(std::function<void()> done);
  // This is not the master any more.
  void end();
  // Ends what has not happened in time. Call every few milliseconds.
  void expire();

  // How the disk of this replica does.
  struct DiskState {
    const SyncTimes& syncs;
    std::optional<Instant> sync_waits_since;  // the oldest one that has not ended
    bool is_full = false;                     // and the cell is not
  };
  // This replica is master now.
  void on_elected(const SyncTimes& syncs) { syncs_before_mastership_ = syncs.count; }
  // Hands over when the disk is slow or full. Call every few milliseconds.
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
