#pragma once

// Takes commands from the clients of this replica into the log, and brings their outcomes back.
//
// All commands that are submitted in one turn become one *bundle*. The bundle goes to the master.
// The master puts all bundles of a turn, its own and those that other replicas forward, into one
// log entry. When this replica applies the entry, it finds its own bundle in it and answers its
// clients.
//
// When the master changes, bundles without an outcome are sent to the next master. The store admits
// each bundle once (store/replay_window.hh), so it is always safe to send one again. The exception
// is a bundle of decisions that a master made by itself (decisions.hh): it is never sent to another
// master.
//
// Threads: the loop's.
// Life: construct -> submit during a turn -> close_bundle and propose at its end -> on_reply when
// the entry is applied -> destroy, which drops open commands without an answer.

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "io/loop.hh"
#include "replica/counters.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "replica/slow_request.hh"
#include "replica/transport.hh"
#include "store/command.hh"
#include "store/store.hh"

namespace polis::replica {

// A command of the replica itself. `done` is called once with its outcome; it may be null.
struct OwnCommand {
  CommandKind kind;
  std::string bytes;
  std::function<void(store::Reply)> done;
};

class Commands {
 public:
  using Done = std::function<void(store::Reply)>;

  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    Transport& transport;
    consensus::ReplicatedLog& log;  // for propose()
    const store::Store& store;      // for its revision, and how much of it is not saved yet
    // Whether there is space and memory for these commands now; else what to answer.
    std::function<Status(std::span<const store::Command>)> admits;
    SlowSink slow;
    Counters& counters;
  };
  // `options` must outlive this object. Used: incarnation, pending_*, unsaved_bytes_max,
  // request_timeout, resend_interval, slow_request.
  Commands(const Options& options, Needs needs);

  // Takes a command of a client; store::validate must have accepted it. `done` is called once: with
  // the reply; with timed_out after request_timeout, and then the outcome is unknown; or, within
  // this call, with a refusal: stopped, no_space, short_of_memory, too_many_requests. `work`: the
  // estimated cost of applying it, in the units of store.hh; 0: too little to be counted.
  void submit(CommandKind kind, std::string_view bytes, Done done, std::uint64_t work);
  // Takes commands that this replica gives as master. They become one bundle, which belongs to the
  // present mastership: when the mastership ends, the commands that have no outcome end with
  // leader_changed. No bound applies to them. Precondition: this replica is master.
  void submit_as_master(std::vector<OwnCommand> commands);
  // Takes bundles that another replica has forwarded. They are dropped if this replica is not
  // master, or if the cell lacks space or memory for them; the replica that forwarded them will
  // send them again.
  void on_forward(std::string_view bytes);

  // Makes a bundle of the commands that were submitted since the last bundle, and sends it to the
  // master. If no master is known, the bundle waits for resend().
  void close_bundle();
  // On the master: makes one entry of the bundles that were collected.
  void propose();
  // Another mastership has begun. Call it before anything else is done under that mastership.
  void on_new_mastership();
  // Sends to the present master the bundles that have not been sent to it yet.
  void resend();
  // Ends commands that have waited for request_timeout with timed_out; their outcome is unknown.
  // Sends bundles again that may have been lost. Call it about every 20 ms.
  void expire();

  // The number of commands without an outcome.
  std::size_t pending() const;

  // --- while entries are applied; as in store::ApplySink
  void on_applying() { applying_since_ = loop_now(); }  // the log has given entries to apply
  bool wants_replies(const store::Origin& origin) const;
  void on_reply(const store::Origin& origin, std::size_t command, store::Reply reply);
  void on_duplicate(const store::Origin& origin);

 private:
  struct Pending {
    std::string bytes;                     // wire form, for sending again
    std::optional<Mastership> decided_by;  // set: it may be sent under this mastership alone
    std::vector<Done> requests;            // in the order of the commands
    std::size_t answered = 0;              // how many of them
    std::uint64_t work = 0;                // the cost of applying the bundle
    Instant deadline;
    Instant first_sent, sent;
    Mastership sent_to;  // {}: not yet sent
    int times_sent = 0;
  };
  Instant loop_now() const { return needs_.loop.now(); }
  Status may_accept(CommandKind kind, std::string_view bytes, std::uint64_t work) const;
  void send(Pending& bundle);
  void add_to_proposal(std::string_view bytes);
  void release(const Pending& bundle);
  void end_all(std::vector<Done>& requests, const Status& status);
  void maybe_report_slow(const Pending& bundle) const;
  void report_timed_out(const Pending& bundle) const;

  const Options& options_;
  Needs needs_;

  // Commands since the last bundle was closed.
  store::Bundle collecting_;
  std::vector<Done> collecting_requests_;
  std::uint64_t collecting_work_ = 0;

  // Bundles that wait for their outcome, by number.
  std::uint64_t next_bundle_ = 1;
  std::map<std::uint64_t, Pending> bundles_;
  // Sums over bundles_ and the commands that are being collected.
  std::size_t pending_bytes_ = 0;
  std::uint64_t pending_work_ = 0;

  std::string proposal_;  // master only: bundles of this turn, for one entry
  Instant applying_since_{};
};

}  // namespace polis::replica
