#pragma once

// Linearizable reads: each waits until the state here has everything that was acknowledged
// anywhere before the read began.
//
// The reads of a turn share one question to the log, a round. The log answers with an index; the
// reads of the round are served when this replica has applied that index. A round that is refused
// or lost is asked again under a new name, until its reads have waited too long.
//
// Threads: the loop's.
// Life: construct -> add in a turn -> ask at its end -> on_ready, serve when more is applied.

#include <map>
#include <vector>

#include "io/loop.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "replica/slow_request.hh"
#include "store/store.hh"

namespace polis::replica {

class Reads {
 public:
  using Done = std::function<void(Status)>;

  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    consensus::ReplicatedLog& log;  // for read()
    const store::Store& store;      // for how far it has applied
    SlowSink slow;
  };
  // Of the options: request_timeout, resend_interval, slow_request. Rounds are named by numbers
  // from `first_round` on, which no other process of this replica may have used.
  Reads(const Options& options, std::uint64_t first_round, Needs needs);

  // `done` is called once: with ok when the read may be served from the state as it is then, or
  // with timed_out or stopped.
  void add(Done done);
  // Asks the log for what was added, unless a round is under way or no master is known.
  void ask();
  // The log has answered these rounds.
  void on_answers(const std::vector<consensus::ReadReady>& ready,
                  const std::vector<ReadId>& refused);
  // Rounds that were asked under an earlier mastership may never be answered: they are asked again.
  void on_new_mastership();
  // Ends with timed_out what has waited too long; asks again what may have been lost. Call every
  // few milliseconds.
  void expire();

 private:
  struct Waiter {
    Done done;
    Instant deadline;
  };
  struct Round {
    std::vector<Waiter> waiters;
    Instant sent;
    Instant confirmed{};
  };
  void wait_again(Round& round);
  void serve_applied();
  void maybe_report_slow(const Round& round) const;

  const Options& options_;
  Needs needs_;
  std::vector<Waiter> waiting_;     // for the next round
  std::map<ReadId, Round> rounds_;  // whose index is being asked for
  std::uint64_t next_round_;
  Instant not_before_{};                  // after a refusal: the master is being looked for
  std::multimap<LogIndex, Round> ready_;  // whose index is not applied yet
};

}  // namespace polis::replica
