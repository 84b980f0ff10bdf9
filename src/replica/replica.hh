#pragma once

// One replica of a cell: the driver that performs what consensus decided, over disk, engine, store
// and transport. It drives any consensus::ReplicatedLog and cannot tell which protocol stands
// behind it.
//
// Work is done in turns: a turn is one pass of the loop. During a turn the replica only takes
// requests and messages in. turn_end() puts all commands of the turn into one entry, asks for one
// round for all reads, and performs the outputs (perform.hh): write, send, sync, apply, answer.
//
// This class wires its parts. Each part owns its state, and its header has its contract:
//   Commands, Reads, Questions          what clients ask, at any replica (commands.hh, ...)
//   Decisions, KeptLeases               what a master decides by its clock
//   MemberChanges, HandOvers            who takes part, and who is master
//   LogWriter, EngineSaver              what is made durable: the log, then the state
//   Backups, SnapshotSender, SnapshotReceiver    whole states as files
//   Shortage                            disks and memory
// A part does not know Replica, and knows no other part, except that KeptLeases uses Decisions. The
// parts share a Situation; they reach each other through functions that Replica gives them.
//
// Threads: the loop's. Callbacks come on the loop's thread, some of them before the call returns.
// Life: open() -> submit / read_barrier / ask / on_message ... with turn_end() after each turn ->
// destroy, but not within a callback of the Environment. What is still open then is dropped without
// an answer.

#include <functional>
#include <memory>
#include <vector>

#include "consensus/replicated_log.hh"
#include "io/disk.hh"
#include "io/loop.hh"
#include "replica/backups.hh"
#include "replica/commands.hh"
#include "replica/counters.hh"
#include "replica/decisions.hh"
#include "replica/engine_saver.hh"
#include "replica/hand_overs.hh"
#include "replica/kept_leases.hh"
#include "replica/log_writer.hh"
#include "replica/member_changes.hh"
#include "replica/options.hh"
#include "replica/perform.hh"
#include "replica/questions.hh"
#include "replica/reads.hh"
#include "replica/recovery.hh"
#include "replica/shortage.hh"
#include "replica/situation.hh"
#include "replica/slow_request.hh"
#include "replica/snapshot_receiver.hh"
#include "replica/snapshot_sender.hh"
#include "replica/transport.hh"
#include "storage/engine.hh"
#include "store/store.hh"

namespace polis::replica {

using store::Reply;

class Replica final : private store::ApplySink, private OutputSteps {
 public:
  // The references must outlive the replica. The functions are called from within its calls.
  struct Environment {
    io::Loop& loop;
    io::Disk& disk;
    storage::Engine& engine;
    Transport& transport;
    // The replica has failed and does nothing any more. It must be destroyed. What it had
    // acknowledged is safe.
    Fatal fatal;
    // Role, term or master has changed.
    std::function<void(const consensus::RoleState&)> role_changed;
    // The log has another configuration now, perhaps one that is not committed yet. Also called
    // once at the start.
    std::function<void(const Configuration&)> configuration_changed;
    // The cell has removed this replica, which does nothing any more. It must be destroyed.
    std::function<void()> removed;
    // A snapshot is about to replace the content of the store: drop all cursors and positions.
    std::function<void()> store_replaced;
    // A request took longer than Options::slow_request.
    SlowSink slow = nullptr;
    // The level of free space on this replica's disk has changed (disk_space.hh).
    std::function<void(DiskSpace::Level)> space_changed = nullptr;
  };

  // Recovers from disk and engine. Errors: as recover() in recovery.hh.
  static Result<std::unique_ptr<Replica>> open(Options options, Environment environment);
  ~Replica() override;

  // --- requests, from any client of this replica
  // Gives a command to the log; store::validate must have accepted it. `done` is called once, with
  // the outcome: at once if the command is refused, at a later time otherwise. `work`: the
  // estimated cost of applying it, in the units of store.hh; 0: too little to be counted.
  void submit(CommandKind kind, std::string_view bytes, std::function<void(Reply)> done,
              std::uint64_t work = 0) {
    commands_.submit(kind, bytes, std::move(done), work);
  }
  // `done` is called once: with OK when store() has every change that was acknowledged anywhere
  // before this call; with timed_out after Options::request_timeout; or with stopped, within this
  // call, if the replica has ended.
  void read_barrier(std::function<void(Status)> done) { reads_.add(std::move(done)); }
  // Asks the master a question that needs no log entry (questions.hh). `done(status, body)` is
  // called once; after Options::request_timeout at the latest.
  using Answered = replica::Answered;
  void ask(Question question, std::string body, Answered done) {
    questions_.ask(question, std::move(body), std::move(done));
  }
  // Asks the master for a change of members. `done` is called once; after Options::request_timeout
  // at the latest.
  void change_members(const MemberChange& change, std::function<void(const ChangeOutcome&)> done);

  // --- from the transport
  // A message from another replica has arrived. A malformed one is dropped.
  void on_message(ReplicaId from, std::string_view bytes);
  // The peer's process seems to have ended. A hint: it may be wrong.
  void on_peer_lost(ReplicaId peer);

  // Performs everything that this turn has led to. Call it at the end of each turn, once.
  void turn_end();

  // Writes a copy of the state to a new file (docs/formats/snapshot.md). The copy has everything
  // that was acknowledged anywhere before this call. Requests are served meanwhile. `done` is
  // called once. kUnavailable: no quorum confirmed in time what the copy must hold. Other errors:
  // backups.hh.
  using BackedUp = Backups::Done;
  void back_up(const std::string& path, BackedUp done);
  // If this replica is master, hands mastership to the best follower. `done` is called once: when
  // this replica is not master any more, or after the longest election timeout; at once if it was
  // not master or there is no follower.
  void hand_over(std::function<void()> done) { hand_overs_.begin_to_best(std::move(done)); }
  // Begins to save the state to the engine, unless a commit is under way. Call it before the
  // process ends in order: then the next start has less to replay.
  void save_state();

  const store::Store& store() const { return *store_; }
  store::Store& store() { return *store_; }
  consensus::Status status() const { return log_->status(); }
  const consensus::ReplicatedLog& log() const { return *log_; }
  // status().role without the cost of a whole Status.
  const consensus::RoleState& status_role() const { return situation_.role; }
  // This replica has applied a configuration that does not have it.
  bool removed() const { return removed_; }

  // --- for people and measurements
  const Counters& counters() const { return counters_; }
  // The number of commands that were submitted at this replica and have no outcome yet.
  std::size_t commands_pending() const { return commands_.pending(); }
  const storage::Wal& wal() const { return log_writer_.wal(); }
  std::uint64_t wal_bytes() const { return wal().bytes(); }
  const SyncTimes& sync_times() const { return log_writer_.sync_times(); }
  // Takes a measurement of memory, bytes: what the process uses, and what it may use (0: no limit).
  // Call it about once a second.
  void on_memory_measured(std::uint64_t used, std::uint64_t allowed) {
    shortage_.on_memory_measured(used, allowed);
  }
  const MemoryShortage& memory() const { return shortage_.memory(); }
  bool disk_full() const { return shortage_.disk_full(); }
  std::uint64_t disk_free() const { return shortage_.disk_free(); }  // bytes; of the last 0.5 s
  // Members whose disks are full, as far as is known here.
  std::vector<ReplicaId> full_members() const { return shortage_.full_members(); }
  // Whether requests that need more space on disks, or more memory, are refused now.
  bool cell_is_full() const { return shortage_.cell_is_full(); }
  bool cell_is_short_of_memory() const { return shortage_.cell_is_short_of_memory(); }

 private:
  Replica(Options options, Environment environment, Recovered recovered);

  // The steps of perform().
  void on_role(const consensus::RoleState& role) override;
  void on_configuration(const Configuration& configuration) override;
  bool write(const consensus::Output& output) override { return log_writer_.write(output); }
  void send(consensus::Outgoing& message) override;
  void send_when_durable(std::vector<consensus::Outgoing> messages) override;
  void sync(Ticket ticket) override { log_writer_.sync(ticket); }
  void apply(const std::vector<consensus::Entry>& entries) override;
  void serve_reads(const std::vector<consensus::ReadReady>& ready,
                   const std::vector<ReadId>& refused) override;
  void on_snapshot_wanted() override { sender_.make(); }
  void on_snapshot_damaged() override { sender_.forget(); }
  void on_chunk(consensus::ChunkArrived chunk) override;

  // Called by the store while it applies an entry.
  bool wants_replies(const store::Origin& origin) override;
  void on_reply(const store::Origin& origin, std::size_t command, Reply reply) override;
  void on_duplicate(const store::Origin& origin) override;
  void on_lease(std::int64_t id, std::int64_t ttl, bool granted) override;

  void answer(Question question, std::string_view body, Instant asked, const Answered& done);
  void on_new_mastership();
  void install(ReplicaId from, const SnapshotMark& mark, store::Store& loaded);
  void on_commit_ended(const Result<void>& result);
  void compact_log();
  void propose_and_ask();
  void upkeep();
  void schedule_tick();
  void fail_with(const Error& error);
  bool takes_part() const;
  void maybe_notice_removal(bool took_part);
  void maybe_end_removed();
  bool may_go_on_at_cell_version();

  const Options options_;
  Environment env_;
  Situation situation_;
  Counters counters_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<consensus::ReplicatedLog> log_;

  Shortage shortage_;
  LogWriter log_writer_;
  Commands commands_;
  Reads reads_;
  Questions questions_;
  Decisions decisions_;
  KeptLeases leases_;
  MemberChanges changes_;
  HandOvers hand_overs_;
  Backups backups_;
  SnapshotSender sender_;
  SnapshotReceiver receiver_;
  EngineSaver saver_;

  bool removed_ = false;  // this replica has applied that it takes no part any more
  bool in_turn_end_ = false;
  std::unique_ptr<io::Timer> tick_timer_, upkeep_timer_;
  Instant tick_at_{};
};

}  // namespace polis::replica
