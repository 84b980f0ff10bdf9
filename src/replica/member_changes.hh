#pragma once

// Changes of who takes part, on the master: carried out one after the other.
//
// A change waits until the configuration before it is settled, is handed to the log, and has ended
// when a configuration that is not joint is applied at its place in the log or behind it.
//
// Threads: the loop's.
// Life: construct -> add -> maybe_begin at each turn's end -> on_configuration_applied.

#include <deque>
#include <optional>

#include "io/loop.hh"
#include "replica/member_change.hh"
#include "replica/options.hh"
#include "replica/situation.hh"

namespace polis::replica {

class MemberChanges {
 public:
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    consensus::ReplicatedLog& log;  // for status() and change()
  };
  // Of the options: the identity, for the ids of new members, and request_timeout.
  MemberChanges(const Options& options, Needs needs);

  // `body`: a MemberChange in wire form. `done` is called once, with what encode_rest() makes of
  // the outcome: the change was made, or is refused; leader_changed, when nobody knows whether a
  // change that had begun will be made; timed_out; too_many_requests.
  void add(std::string_view body, Answered done);
  // Hands the next change to the log, if this is the master and no other is under way.
  void maybe_begin();
  // A configuration was applied; it may be what the first change was to lead to.
  void on_configuration_applied(const SnapshotMark& applied);
  // This is not the master any more.
  void give_up();
  // Ends what has waited too long. Call every few milliseconds.
  void expire();

 private:
  struct Pending {
    MemberChange change;
    Answered done;
    Instant deadline;
    std::optional<LogIndex> begun;
    ReplicaId member;
  };
  Result<Configuration> target_of(const consensus::Status& status, Pending& pending) const;
  bool worth_patience(const Pending& pending, const Error& refused) const;

  const Options& options_;
  Needs needs_;
  std::deque<Pending> pending_;  // only the first one may have begun
};

}  // namespace polis::replica
