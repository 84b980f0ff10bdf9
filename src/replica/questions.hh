#pragma once

// Questions that only the master can answer, without the log.
//
// A replica that is not the master sends them to it. When the master changes, or an answer does not
// come, a question is sent again; so the master may see one twice. A question of the master itself
// goes no way.
//
// Threads: the loop's.

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
  // Answers as the master; `asked` is when the question came. Whoever answers kUnavailable says
  // that he is not the master any more: the question then waits for the next one.
  using Answerer =
      std::function<void(Question, std::string_view body, Instant asked, const Answered& done)>;

  struct Needs {
    const Situation& situation;
    io::Loop& loop;
    Transport& transport;
    Answerer answer;
  };
  // Of the options: request_timeout, resend_interval. Questions are numbered from `first_number`
  // on: an answer that comes late must not be taken for one to another process of this replica.
  Questions(const Options& options, std::uint64_t first_number, Needs needs);

  // `done` is called once: with the answer, timed_out (it may have had its effect), or stopped.
  void ask(Question question, std::string body, Answered done);
  // From another replica: what stands behind the kind of the message (wire.hh). What is malformed
  // is dropped, and so is a question where this is not the master.
  void on_question(ReplicaId from, Reader& in);
  void on_answer(Reader& in);
  // To the present master: questions that have not been sent to it yet.
  void resend();
  // Ends with timed_out what has waited too long; sends again what may have been lost. Call every
  // few milliseconds.
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
