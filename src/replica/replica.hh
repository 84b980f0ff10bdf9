#pragma once

// The one driver: performs what consensus decided, in order, over disk, engine, store and
// transport. It drives any consensus::ReplicatedLog and cannot tell which protocol stands behind
// it.
//
// Work is done in turns. During a turn requests and messages are taken in; turn_end() makes one
// entry of all that was submitted, one round of all reads, and performs the outputs: write, send,
// sync, apply, answer.
//
// Any replica takes any request. Submitted commands go to the master in bundles and come back
// through the log; the replica that took them answers when it applies them itself. When the master
// changes, bundles that are not applied yet go to the next one; the store admits each bundle once
// (store/replay_window.hh), so sending again is always safe.
//
// Threads: the loop's.
// Life: open() -> submit / read / ask / on_message ... with turn_end() after each turn -> destroy.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "consensus/options.hh"
#include "consensus/replicated_log.hh"
#include "io/disk.hh"
#include "io/loop.hh"
#include "replica/auto_compaction.hh"
#include "replica/disk_space.hh"
#include "replica/lease_keeper.hh"
#include "replica/memory_shortage.hh"
#include "replica/perform.hh"
#include "replica/slow_request.hh"
#include "replica/transport.hh"
#include "storage/engine.hh"
#include "storage/wal.hh"
#include "store/command.hh"
#include "store/store.hh"

namespace polis::replica {

using consensus::Configuration;
using consensus::LogIndex;
using consensus::Protocol;
using consensus::ReadId;
using consensus::ReplicaId;
using consensus::SnapshotMark;
using consensus::Term;
using consensus::Ticket;
using store::CellVersion;
using store::CommandKind;
using store::Mastership;
using store::Reply;
using store::Status;

struct Options {
  storage::Identity identity;
  Protocol protocol = Protocol::kRaft;
  // Who takes part when the log is empty: the same on every replica that founds the cell; empty on
  // one that joins it.
  Configuration initial;
  std::uint64_t incarnation = 1;  // larger after every start
  bool begun = false;             // a log was made here in an earlier life
  std::string directory;          // wal/ and snapshots/ lie here
  consensus::Options consensus;   // id and seed are set by open()
  std::uint64_t seed = 1;
  std::uint64_t wal_segment_bytes = 16 << 20;

  // Applied log that is kept in memory for followers that lag a little, bytes. Those that lag more
  // get a snapshot.
  std::size_t log_retain_bytes = 8 << 20;
  // How often the engine takes what was applied, and at how many bytes it takes it sooner.
  Duration engine_interval = std::chrono::milliseconds(100);
  std::size_t engine_bytes = 8 << 20;
  // Applied but not yet in the engine; more than this and new commands are refused until it has
  // caught up.
  std::size_t unsaved_bytes_max = 256 << 20;
  // While a snapshot is being sent, the log behind it is kept up to this.
  std::size_t log_bytes_max = 512 << 20;
  // Commands waiting for their outcome; more than this and new ones are refused.
  std::size_t pending_bytes_max = 64 << 20;
  // The same for what they cost to apply, since all of it may come in one turn, which everybody
  // waits for. One that costs more than this is accepted while no other waits.
  std::uint64_t pending_work_max = store::kCommandWorkMax / 4;
  // A request that has no outcome after this time is answered "timed out": what became of it is
  // unknown.
  Duration request_timeout = std::chrono::seconds(7);
  // A bundle or question that was sent and not answered is sent again after this time.
  Duration resend_interval = std::chrono::seconds(1);
  // A master hands over when its log syncs take longer than this on average, or when one sync has
  // not ended after five times as long: the cell is as fast as its master's disk.
  Duration slow_sync = std::chrono::milliseconds(200);
  // Compaction of history by itself.
  AutoCompactionOptions auto_compaction;
  // A disk with less free space than this is called full (replica/disk_space.hh).
  std::uint64_t disk_free_min = 96 << 20;
  // Requests that take longer are reported (Environment::slow).
  Duration slow_request = std::chrono::milliseconds(500);
  // The newest cell version that this replica knows; a simulated cell has older ones, too.
  store::CellVersion cell_version_newest = store::kCellVersionNewest;
};

// Questions that only the master can answer, without the log. Sent: DO NOT CHANGE the numbers.
enum class Question : std::uint8_t {
  kLeaseRenew = 1,      // body: lease id i64; answer: ttl i64
  kLeaseRemaining = 2,  // body: lease id i64; answer: remaining i64 seconds
  kTransfer = 3,        // body: target u64; answer: empty, once it is the master
  kChange = 4,          // body: polis.v1.ChangeRequest; answer: id u64 of the member
};

// Why a replica cannot go on. It must be destroyed; what it had acknowledged is safe.
using Fatal = std::function<void(const Error&)>;

// How long the write-ahead log's syncs take, from when they are asked for.
struct SyncTimes {
  Duration average{};  // the newest ones weigh most
  Duration worst{};    // in the last one or two windows
  std::uint64_t count = 0;
  void add(Duration took, Instant now);

 private:
  Instant window_{};
  Duration worst_now_{}, worst_before_{};
};

// What is worth telling people and measuring.
struct Counters {
  std::uint64_t entries_proposed = 0, commands_applied = 0, syncs = 0, snapshots_sent = 0,
                snapshots_installed = 0;
  std::uint64_t messages_sent = 0, messages_received = 0, role_changes = 0, slow_hand_overs = 0;
};

class Replica final : private store::ApplySink, private OutputSteps {
 public:
  struct Environment {
    io::Loop& loop;
    io::Disk& disk;
    storage::Engine& engine;
    Transport& transport;
    Fatal fatal;
    std::function<void(const consensus::RoleState&)> role_changed;
    // Who takes part, as the log has it, changed; also called once at the start.
    std::function<void(const Configuration&)> configuration_changed;
    // The cell has decided that this replica does not take part any more. It must be destroyed.
    std::function<void()> removed;
    // The store was replaced by a snapshot: cursors and positions into the old one are void.
    std::function<void()> store_replaced;
    // A request took longer than Options::slow_request. Called for one request of many that waited
    // for the same thing.
    std::function<void(const SlowRequest&)> slow = nullptr;
    // The space on this replica's disk is on another level now.
    std::function<void(DiskSpace::Level)> space_changed = nullptr;
  };

  // Recovers from disk and engine. kCorrupt, kInvalid: as Wal::open and Store::open.
  static Result<std::unique_ptr<Replica>> open(Options options, Environment environment);
  ~Replica() override;

  // --- requests, from any client of this replica
  // A command that store::validate accepted. `done` is called once, in this or a later turn.
  // `work`: what it was found to cost to apply (store.hh), if that is worth counting.
  void submit(CommandKind kind, std::string_view bytes, std::function<void(Reply)> done,
              std::uint64_t work = 0);
  // Calls `done` when every change acknowledged anywhere before this call can be read here.
  void read_barrier(std::function<void(Status)> done);
  // Asks the master. `done(status, body)` once.
  using Answered = std::function<void(Status, std::string)>;
  void ask(Question question, std::string body, Answered done);

  // --- from the transport
  void on_message(ReplicaId from, std::string_view bytes);

  // Its process seems to have ended.
  void on_peer_lost(ReplicaId peer);

  // Performs everything that this turn led to.
  void turn_end();

  // Writes a copy of the state, with everything in it that was acknowledged anywhere before this
  // call, to a new file of the format in docs/formats/snapshot.md. Others are served meanwhile.
  using BackedUp = std::function<void(Result<storage::SnapshotFile>)>;
  void back_up(const std::string& path, BackedUp done);

  // Hands mastership to the best follower if this is the master; `done` when it is not any more, or
  // after an election timeout.
  void hand_over(std::function<void()> done);

  // The engine takes now what was applied, and how far the log is durable, unless it is at work:
  // before the process ends by itself.
  void save_state();

  const store::Store& store() const { return store_; }
  store::Store& store() { return store_; }
  consensus::Status status() const { return log_->status(); }
  const consensus::ReplicatedLog& log() const { return *log_; }
  // As status().role, without the cost.
  const consensus::RoleState& status_role() const { return role_; }
  const Counters& counters() const { return counters_; }
  const storage::Wal& wal() const { return *wal_; }
  bool disk_full() const { return space_.own() != DiskSpace::Level::kEnough; }
  std::uint64_t disk_free() const { return space_.free(); }  // bytes; as of the last half second
  // What the process uses and may use; allowed 0: as much as it likes. Tell it often.
  void on_memory_measured(std::uint64_t used, std::uint64_t allowed);
  const MemoryShortage& memory() const { return memory_; }
  // Members whose disks are full, as far as is known here.
  std::vector<ReplicaId> full_members() const;
  // What needs space on disks, or memory, is refused now.
  bool cell_is_full() const;
  bool cell_is_short_of_memory() const;
  const SyncTimes& sync_times() const { return sync_times_; }
  // What this replica has applied says that it does not take part any more.
  bool removed() const { return removed_; }
  std::uint64_t wal_bytes() const { return wal_->bytes(); }

 private:
  using Request = std::function<void(Reply)>;
  Mastership mastership() const { return {role_.term, role_.master}; }
  struct PendingBundle {
    std::string bytes;                     // wire form, for sending again
    std::optional<Mastership> decided_by;  // goes to nobody but this one (decisions.cc)
    std::vector<Request> requests;         // in order of the commands
    std::size_t answered = 0;
    std::uint64_t work = 0;  // to apply it
    Instant deadline;
    Instant first_sent, sent;
    Mastership sent_to;  // {}: not yet sent
    int times_sent = 0;
  };
  struct PendingQuestion {
    Question question;
    std::string body;
    Answered done;
    Instant deadline;
    Instant sent;
    Mastership sent_to;
  };
  struct Waiter {
    std::function<void(Status)> done;
    Instant deadline;
  };
  struct ReadRound {
    std::vector<Waiter> waiters;
    Instant sent;
    Instant confirmed{};
  };
  struct Held {
    Ticket ticket;
    Instant since;
    std::vector<consensus::Outgoing> messages;
  };

  Replica(Options options, Environment environment);
  Result<void> recover();
  std::uint64_t log_reached() const;
  Result<consensus::Restored> restore_log(storage::Recovered& found);
  Result<consensus::Restored> restore_slots(storage::Recovered& found);
  void name_known_members();

  // replica.cc: what perform() is made of
  void on_role(const consensus::RoleState& role) override;
  void on_configuration(const Configuration& configuration) override;
  bool write(const consensus::Output& output) override;
  void send(consensus::Outgoing& message) override;
  void send_when_durable(std::vector<consensus::Outgoing> messages) override;
  void sync(Ticket ticket) override;
  void apply(const std::vector<consensus::Entry>& entries) override;
  void on_persisted(Ticket ticket, const Result<void>& result);
  void fail_with(const Error& error);

  // requests.cc
  bool wants_replies(const store::Origin& origin) override;
  void on_reply(const store::Origin& origin, std::size_t command, Reply reply) override;
  void on_duplicate(const store::Origin& origin) override;
  void on_lease(std::int64_t id, std::int64_t ttl, bool granted) override;
  void maybe_report_slow(const PendingBundle& bundle);
  void maybe_report_slow(const ReadRound& round);
  void report_timed_out(const PendingBundle& bundle);
  Status may_accept(CommandKind kind, std::string_view bytes, std::uint64_t work) const;
  void release(const PendingBundle& bundle);
  void close_bundle();
  void send_bundle(PendingBundle& bundle);
  void propose_collected();
  void flush_reads();
  void ask_reads_again();
  void serve_reads(const std::vector<consensus::ReadReady>& ready,
                   const std::vector<ReadId>& refused) override;
  void serve_applied_reads();
  void on_forward(ReplicaId from, std::string_view bytes);
  void on_question(ReplicaId from, Reader& in);
  void on_answer(Reader& in);
  void send_question(std::uint64_t id, PendingQuestion& question);
  void answer_own(std::uint64_t id);
  void on_answered(std::uint64_t id, Status status, std::string body);
  void answer(Question question, std::string_view body, Instant asked, const Answered& done);
  void resend_to_new_master();
  void expire_requests();
  bool is_master() const;

  // decisions.cc
  struct OwnDecision {
    CommandKind kind;
    std::string bytes;
    Request done;
  };
  void on_new_mastership();
  bool log_is_this_masters() const;
  bool may_decide() const;
  void decide(std::vector<OwnDecision> decisions);
  void drop_decisions_of_others();
  void maybe_name_mastership();
  void maybe_keep_leases();
  void answer_lease_questions();
  void answer_lease(Question question, std::int64_t id, Instant asked, const Answered& done);
  void maybe_end_leases();
  void end_leases(Instant noticed);
  void maybe_compact_history();
  void maybe_raise_cell_version();

  // hand_over.cc
  void hand_over_to(ReplicaId target, const Answered& done);
  void end_hand_overs();
  void expire_hand_overs();
  void maybe_leave_slow_disk();

  // members.cc
  void queue_change(std::string_view body, const Answered& done);
  void maybe_begin_change();
  void maybe_end_change();
  void give_changes_up();
  void maybe_notice_removal(bool took_part);
  void maybe_end_removed();
  bool takes_part() const;

  // snapshots.cc
  void maybe_begin_backups();
  void on_snapshot_wanted() override { make_snapshot(); }
  void on_snapshot_damaged() override { forget_snapshot(); }
  void make_snapshot();
  void on_snapshot_made(const std::string& path, Result<storage::SnapshotFile> made);
  void on_chunk(consensus::ChunkArrived chunk) override;
  void load_snapshot(ReplicaId from, const SnapshotMark& mark);
  void on_snapshot_loaded(ReplicaId from, const SnapshotMark& mark, Result<void> result,
                          std::shared_ptr<store::Store> loaded);
  void install_snapshot(ReplicaId from, const SnapshotMark& mark,
                        std::shared_ptr<store::Store> loaded);
  void on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, store::Store& loaded);
  void on_snapshot_not_installed(ReplicaId from, const SnapshotMark& mark, const Error& error,
                                 std::shared_ptr<store::Store> loaded);
  void tell_what_was_persisted();
  void end_loading(std::shared_ptr<store::Store> garbage);
  void maybe_expect_little();
  void forget_snapshot();
  std::string arriving_path() const { return options_.directory + "/snapshots/arriving.snapshot"; }
  bool read_chunk(const consensus::ChunkReference& chunk, std::string& out);

  // upkeep.cc
  void schedule_tick();
  void upkeep();
  void note_saved_by(store::Store& store) const;
  void save_to_engine();
  void compact_log();
  Result<void> check_cell_version() const;
  bool may_go_on_at_cell_version();
  void check_disk_space();
  void tell_shortage();
  // The log must not move.
  bool stands_still() const { return installing_ || exhausted_; }
  void seal_log();

  Options options_;
  Environment env_;
  store::Store store_;
  std::unique_ptr<storage::Wal> wal_;
  std::unique_ptr<consensus::ReplicatedLog> log_;
  consensus::RoleState role_;
  // Master only: what it decides by its clock.
  bool naming_mastership_ = false;  // the log is about to say whose it is
  LeaseKeeper lease_keeper_;
  bool ending_leases_ = false;  // some have ended, and the mastership is being confirmed
  Instant leases_looked_at_{};
  std::vector<std::function<void()>> lease_questions_;  // until leases are kept, or have ended
  AutoCompaction auto_compaction_;
  bool auto_compacting_ = false;  // one is under way
  bool raising_cell_version_ = false;
  Counters counters_;
  bool failed_ = false;
  bool in_turn_end_ = false;
  DiskSpace space_;
  MemoryShortage memory_;
  std::pair<DiskSpace::Level, bool> shortage_told_{};  // to the others: disk, memory
  bool exhausted_ = false;  // this replica stands still for lack of space
  SyncTimes sync_times_;
  std::uint64_t syncs_before_mastership_ = 0;
  Instant slow_hand_over_not_before_{};
  bool removed_ = false;  // this replica has applied that it takes no part any more

  // Tickets under way to the disk, oldest first, with the messages that wait for them.
  std::deque<Held> held_;

  // Commands of this turn; then bundles that wait for their outcome.
  store::Bundle collecting_;
  std::vector<Request> collecting_requests_;
  std::uint64_t next_bundle_ = 1;
  Instant applying_since_{};  // when the log handed over what is being applied
  std::map<std::uint64_t, PendingBundle> bundles_;
  std::size_t pending_bytes_ = 0;
  std::uint64_t collecting_work_ = 0, pending_work_ = 0;
  // Master only: bundles of this turn, own and forwarded, for one entry.
  std::string proposal_;

  // Reads: this turn's, those whose index is being asked for, and those whose index is not applied
  // yet.
  std::vector<Waiter> reads_waiting_;
  std::map<ReadId, ReadRound> rounds_;
  std::uint64_t next_read_;
  Instant reads_not_before_{};  // after a refusal: the master is being looked for
  std::multimap<LogIndex, ReadRound> reads_ready_;

  // Master only: changes of the members, one after the other; the first one may have begun.
  struct PendingChange {
    std::string body;
    Answered done;
    Instant deadline;
    std::optional<LogIndex> begun;
    ReplicaId member;
  };
  std::deque<PendingChange> changes_;

  // Master only.
  struct HandOver {
    ReplicaId target;
    Instant deadline;
    Answered done;
  };
  std::vector<HandOver> hand_overs_;

  std::map<std::uint64_t, PendingQuestion> questions_;
  std::uint64_t next_question_;

  // Snapshots: the one that can be sent, the one that is made, the one that arrives.
  std::optional<SnapshotMark> snapshot_;
  std::string snapshot_path_;
  std::uint64_t snapshot_bytes_ = 0;
  std::unique_ptr<io::File> snapshot_file_;
  bool making_snapshot_ = false;
  std::uint64_t snapshot_serial_ = 0;
  std::unique_ptr<io::File> arriving_;
  std::shared_ptr<void> arriving_much_;  // held while it arrives and is loaded
  bool loading_ = false;  // from its last chunk until its content is the store's, or is not wanted
  bool installing_ =
      false;  // while the engine changes hands, at the end of that: the log stands still
  std::optional<Ticket> persisted_meanwhile_;             // the newest; the log is told after that
  std::optional<consensus::ChunkArrived> chunk_waiting_;  // of the next one, while one is loaded
  std::function<void()> install_next_;

  struct Backup {
    std::string path;
    LogIndex needed;  // durable in the engine before it may be written
    BackedUp done;
  };
  std::vector<Backup> backups_;

  std::unique_ptr<io::Timer> tick_timer_, upkeep_timer_;
  Instant tick_at_{};
  Instant chunk_last_{};      // when one arrived
  Instant persisted_last_{};  // when something was last written to the log
  Instant engine_saved_{};
  Instant engine_retry_{};
  Instant disk_checked_{}, shortage_told_at_{};
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
