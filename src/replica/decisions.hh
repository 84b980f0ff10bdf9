#pragma once

// What a master decides by its clock and not for a client: the end of leases, compaction, the
// cell's version.
//
// A decision belongs to the mastership that made it. A master that stood still for seconds goes on
// with a clock that says that leases are over, and does not know yet that another master has
// renewed them. So that its decisions have no effect then:
//   - A new master first names its mastership in the log, and only then answers renewals, keeps
//     leases and decides. A decision carries its mastership; the store carries it out only while
//     the log is that mastership's. It does not matter who proposes the decision again, and where:
//     a Paxos master has to propose what it finds accepted.
//   - A bundle with decisions goes to no other master (Commands::submit_as_master).
//   - Before a lease ends, a quorum confirms the mastership (kept_leases.hh).
// Before cell version 3 the last two rules alone hold. With Raft they suffice: an entry of an
// earlier term stands before the new master's first one, or nowhere.
//
// Threads: the loop's.

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
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    const Transport& transport;  // for the versions that others know
    const store::Store& store;
    std::function<bool()> disk_exhausted;                 // nothing may be written here
    std::function<void(std::vector<OwnCommand>)> submit;  // Commands::submit_as_master
  };
  // Of the options: auto_compaction and cell_version_newest.
  Decisions(const Options& options, Needs needs);

  // The log says that this replica is its master.
  bool log_is_this_masters() const;
  // Also in the reserve of a full disk: decisions make space, or take little.
  bool may_decide() const;
  // Proposes them in one bundle, bound to this mastership. Precondition: may_decide().
  void decide(std::vector<OwnCommand> decisions);

  // This replica is master now.
  void on_elected();
  // Each is to be called every few milliseconds.
  void maybe_name_mastership();
  void maybe_compact_history();
  // Raises the cell's version when every member runs a release that knows a newer one. There is no
  // way back: after that, an older release does not start on any member.
  void maybe_raise_cell_version();

 private:
  const Options& options_;
  Needs needs_;
  AutoCompaction auto_compaction_;
  // One of its kind is under way.
  bool naming_ = false, compacting_ = false, raising_version_ = false;
};

}  // namespace polis::replica
