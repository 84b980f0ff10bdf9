#pragma once

// Commands on their way from a client of this replica into the log, and their outcomes on the way
// back.
//
// What one turn submits becomes one bundle. A bundle goes to the master. The master puts all
// bundles of a turn, its own and those that other replicas forward, into one log entry. When this
// replica applies the entry, it finds its own bundle in it and answers its clients.
//
// When the master changes, bundles without an outcome go to the next one. The store admits each
// bundle once (store/replay_window.hh), so sending again is always safe. A bundle that the master
// decided itself (decisions.hh) is the exception: it goes to no other mastership.
//
// Threads: the loop's.
// Life: construct -> submit in a turn -> close_bundle, propose at its end -> on_reply when applied.

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

// A command, and who wants to know how it ended. `done` may be null.
struct OwnCommand {
  CommandKind kind;
  std::string bytes;
  std::function<void(store::Reply)> done;
};

class Commands {
 public:
  using Done = std::function<void(store::Reply)>;

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
  // Of the options: those whose names begin with pending_, the timeouts, unsaved_bytes_max.
  Commands(const Options& options, Needs needs);

  // A command of a client, one that store::validate accepted. `done` is called once, in this or a
  // later turn. `work`: what it was found to cost to apply (store.hh); 0: not worth counting.
  // Refused at once: stopped, no_space, short_of_memory, too_many_requests.
  void submit(CommandKind kind, std::string_view bytes, Done done, std::uint64_t work);
  // Commands of this replica as master. One bundle, for this mastership alone: when it is over,
  // they end with leader_changed. No bound applies.
  void submit_as_master(std::vector<OwnCommand> commands);
  // Bundles that another replica forwards. Dropped if this is not the master, or the cell is short
  // of what they need: their origin sends them again.
  void on_forward(std::string_view bytes);

  // Makes a bundle of what was submitted since the last one, and sends it to the master.
  void close_bundle();
  // On the master: makes one entry of the bundles that were collected.
  void propose();
  // Another mastership has begun. Call before anything else is done under it.
  void on_new_mastership();
  // To the present master: bundles that have not been sent to it yet.
  void resend();
  // Ends with timed_out what has waited too long; its outcome is unknown. Sends again what may
  // have been lost. Call every few milliseconds.
  void expire();

  // Commands without an outcome.
  std::size_t pending() const;

  // --- while entries are applied; as in store::ApplySink
  void on_applying() { applying_since_ = loop_now(); }  // the log handed over entries
  bool wants_replies(const store::Origin& origin) const;
  void on_reply(const store::Origin& origin, std::size_t command, store::Reply reply);
  void on_duplicate(const store::Origin& origin);

 private:
  struct Pending {
    std::string bytes;                     // wire form, for sending again
    std::optional<Mastership> decided_by;  // goes to nobody but this one
    std::vector<Done> requests;            // in order of the commands
    std::size_t answered = 0;
    std::uint64_t work = 0;  // to apply it
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
  // Of these and of what is being collected.
  std::size_t pending_bytes_ = 0;
  std::uint64_t pending_work_ = 0;

  std::string proposal_;  // master only: bundles of this turn, for one entry
  Instant applying_since_{};
};

}  // namespace polis::replica
