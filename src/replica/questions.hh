#pragma once

// Questions that only the master can answer, and for which it needs no log entry of its own.
//
// A replica that is not master sends its questions to the master. When the master changes, or an
// answer does not come, the question is sent again; so a master may see the same question twice. If
// the replica that asks is master itself, it answers without a message.
//
// Threads: the loop's.
// Life: construct -> ask, on_question, on_answer, resend, expire at any time -> destroy, which
// drops open questions without an answer.

#include <map>

#include "base/coding.hh"
#include "io/loop.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "replica/transport.hh"

namespace polis::replica {

// Sent: DO NOT CHANGE the numbers.
enum class Question : std::uint8_t {
  kLeaseRenew = 1,      // body: lease id i64; answer: ttl i64
  kLeaseRemaining = 2,  // body: lease id i64; answer: remaining i64 seconds
  kTransfer = 3,        // body: target u64; answer: empty, once it is the master
  kChange = 4,          // body: MemberChange (member_change.hh); answer: of ChangeOutcome
};

class Questions {
 public:
  // Answers a question as master. `asked`: when the question arrived. `body` is valid during the
  // call. `done` is called at most once. An answer with the code kUnavailable means "not master any
  // more": it is not delivered, and the question waits for the next master.
  using Answerer =
      std::function<void(Question, std::string_view body, Instant asked, const Answered& done)>;

  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    io::Loop& loop;
    Transport& transport;
    Answerer answer;
  };
  // `options` must outlive this object. Used: request_timeout, resend_interval. Questions are
  // numbered from `first_number` on. It must be drawn at each start: then a late answer to a
  // question of an earlier process is not taken for an answer to this one.
  Questions(const Options& options, std::uint64_t first_number, Needs needs);

  // Asks the master. `done` is called once: with the answer; with timed_out after request_timeout
  // (the question may have had its effect); or with stopped, within this call, if the replica has
  // ended.
  void ask(Question question, std::string body, Answered done);
  // A question or an answer has come from another replica. `in` stands behind the kind of the
  // message (wire.hh). Malformed messages are dropped. A question is dropped if this replica is not
  // master.
  void on_question(ReplicaId from, Reader& in);
  void on_answer(Reader& in);
  // Sends to the present master the questions that have not been sent to it yet.
  void resend();
  // Ends questions that have waited for request_timeout with timed_out. Sends questions again that
  // may have been lost. Call it about every 20 ms.
  void expire();

 private:
  struct Pending {
    Question question;
    std::string body;
    Answered done;
    Instant deadline;
    Instant sent;
    Mastership sent_to;
  };
  void send(std::uint64_t number, Pending& pending);
  void answer_own(std::uint64_t number);
  void on_answered(std::uint64_t number, Status status, std::string body);

  const Options& options_;
  Needs needs_;
  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t next_number_;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
