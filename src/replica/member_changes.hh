#pragma once

// Changes of members, on the master. They are carried out one after the other.
//
// A change waits until the change before it is complete, then it is given to the log. It has ended
// when this replica applies a configuration that is not joint at the change's index or at a later
// one.
//
// Threads: the loop's.
// Life: construct -> add, maybe_begin at each turn's end, on_configuration_applied, expire ->
// destroy, which drops the changes that wait without an answer.

#include <deque>
#include <optional>

#include "io/loop.hh"
#include "replica/member_change.hh"
#include "replica/options.hh"
#include "replica/situation.hh"

namespace polis::replica {

class MemberChanges {
 public:
  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    consensus::ReplicatedLog& log;  // for status() and change()
  };
  // `options` must outlive this object. Used: identity (for the ids of new members),
  // request_timeout.
  MemberChanges(const Options& options, Needs needs);

  // Adds a change to the queue. `body`: a MemberChange in wire form. `done` is called once:
  //   OK                  the change was made; the body is encode_rest() of the outcome
  //   NOT_FOUND, FAILED_PRECONDITION
  //                       the change is refused; the body is encode_rest() of the outcome
  //   leader_changed, timed_out
  //                       no body; a change that was given to the log may still be made
  //   too_many_requests   no body; 64 changes wait already
  void add(std::string_view body, Answered done);
  // Gives the next change to the log, if this replica is master and no change is under way.
  void maybe_begin();
  // This replica has applied a configuration. If it completes the change that is under way, that
  // change has ended.
  void on_configuration_applied(const SnapshotMark& applied);
  // This replica is not master any more: ends all changes with leader_changed.
  void give_up();
  // Ends changes that have waited for request_timeout with timed_out. Call it about every 20 ms.
  void expire();

 private:
  struct Pending {
    MemberChange change;
    Answered done;
    Instant deadline;
    std::optional<LogIndex> begun;  // the index of its first step; nullopt: it waits
    ReplicaId member;               // that the change is about, once `begun`
  };
  Result<Configuration> target_of(const consensus::Status& status, Pending& pending) const;
  bool worth_patience(const Pending& pending, const Error& refused) const;

  const Options& options_;
  Needs needs_;
  std::deque<Pending> pending_;  // only the first one may have begun
};

}  // namespace polis::replica
