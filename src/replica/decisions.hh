#pragma once

// Decisions: what a master decides by its own clock and not because a client asks: the end of
// leases, automatic compaction, and raising the cell's version.
//
// A decision belongs to the mastership that made it. The danger is a master that stood still for
// seconds. When it goes on, its clock says that leases are over, and it does not know yet that
// another master has renewed them. Three rules make sure that its decisions have no effect then:
//   - A new master first names its mastership in the log. Only after that does it answer renewals,
//     keep leases and decide. Each decision carries its mastership, and the store carries the
//     decision out only while the newest mastership named in the log is that one. So it does no
//     harm if another master proposes the decision again, as a Paxos master must with every value
//     that it finds accepted.
//   - A bundle with decisions is never sent to another master (Commands::submit_as_master).
//   - Before a lease ends, a quorum confirms the mastership (kept_leases.hh).
// Before cell version 3 only the last two rules hold. With Raft they suffice, because an entry of
// an earlier term stands before the new master's first entry, or nowhere.
//
// Threads: the loop's.
// Life: construct -> on_elected at each mastership of this replica -> maybe_* at any time.

#include <vector>

#include "io/loop.hh"
#include "replica/auto_compaction.hh"
#include "replica/commands.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "replica/transport.hh"
#include "store/store.hh"

namespace polis::replica {

class Decisions {
 public:
  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    const Transport& transport;  // for the cell versions that the other members know
    const store::Store& store;
    std::function<bool()> disk_exhausted;                 // Shortage::disk_exhausted
    std::function<void(std::vector<OwnCommand>)> submit;  // Commands::submit_as_master
  };
  // `options` must outlive this object. Used: auto_compaction, cell_version_newest.
  Decisions(const Options& options, Needs needs);

  // This replica is master, and its mastership is the newest one named in the log (before cell
  // version 3: it is master).
  bool log_is_this_masters() const;
  // Whether decide() may be called now: log_is_this_masters(), the log is not standing still, and
  // the disk is not exhausted. Decisions are allowed on a full disk, because they free space or
  // take little.
  bool may_decide() const;
  // Proposes the decisions in one bundle that is bound to this mastership. Precondition:
  // may_decide().
  void decide(std::vector<OwnCommand> decisions);

  // This replica has become master.
  void on_elected();
  // Call each of the following about every 20 ms; they do nothing unless this replica is master.
  // Names the present mastership in the log, if that has not been done.
  void maybe_name_mastership();
  // Compacts history when auto_compaction says so.
  void maybe_compact_history();
  // Raises the cell's version when every member runs a release that knows a newer one. This cannot
  // be undone: afterwards no member can start with an older release.
  void maybe_raise_cell_version();

 private:
  const Options& options_;
  Needs needs_;
  AutoCompaction auto_compaction_;
  // A command of this kind has been proposed and has no outcome yet.
  bool naming_ = false, compacting_ = false, raising_version_ = false;
};

}  // namespace polis::replica
