#pragma once

// Linearizable reads: each read waits until the state of this replica has everything that was
// acknowledged anywhere before the read began.
//
// All reads that wait share one request to the log (ReplicatedLog::read). The log answers with an
// index. The reads are served when this replica has applied that index. A request that is refused
// or lost is made again under a new ReadId, until its reads have waited too long.
//
// Threads: the loop's.
// Life: construct -> add during a turn -> ask at its end -> on_answers after each output ->
// destroy, which drops the reads that wait without an answer.

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

  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    consensus::ReplicatedLog& log;  // for read()
    const store::Store& store;      // for how far it has applied
    SlowSink slow;
  };
  // `options` must outlive this object. Used: request_timeout, resend_interval, slow_request.
  // `first_round`: the ReadId of the first request; others count on from it. Draw it at each start:
  // then a late answer to a request of an earlier process is not taken for an answer to this one.
  Reads(const Options& options, std::uint64_t first_round, Needs needs);

  // Adds a read. `done` is called once: with OK when the read may be served from the state as it is
  // at that moment; with timed_out after request_timeout; or with stopped, within this call, if the
  // replica has ended.
  void add(Done done);
  // Makes one request to the log for all reads that wait, unless a request is under way or no
  // master is known.
  void ask();
  // The log has answered or refused these requests. Serves every read whose index is applied. Call
  // it after each output, also with empty lists, because more may have been applied.
  void on_answers(const std::vector<consensus::ReadReady>& ready,
                  const std::vector<ReadId>& refused);
  // Requests that were made under an earlier mastership may never be answered: they are made again.
  void on_new_mastership();
  // Ends reads that have waited for request_timeout with timed_out. Makes requests again that may
  // have been lost. Call it about every 20 ms.
  void expire();

 private:
  struct Waiter {
    Done done;
    Instant deadline;
  };
  // One request to the log.
  struct Round {
    std::vector<Waiter> waiters;
    Instant sent;
    Instant confirmed{};  // when the log answered
  };
  void wait_again(Round& round);
  void serve_applied();
  void maybe_report_slow(const Round& round) const;

  const Options& options_;
  Needs needs_;
  std::vector<Waiter> waiting_;     // for the next request
  std::map<ReadId, Round> rounds_;  // requests that the log has not answered
  std::uint64_t next_round_;
  Instant not_before_{};                  // after a refusal: no request before this time
  std::multimap<LogIndex, Round> ready_;  // answered, and the index is not applied yet
};

}  // namespace polis::replica
