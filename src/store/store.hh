#pragma once

// The replicated state machine: etcd's data model over the engine. Multi-version keys with one
// revision counter, leases, transactions, compaction. Pure over the engine: applying is
// deterministic, so replicas at equal index are equal.
//
// What is applied is in memory at once (the index, and the newest records in `tail_`) and goes to
// the engine in batches, in the background. After a crash the engine holds a prefix with its
// applied index, and the log gives the rest; nothing is applied twice.
//
// Threads: the loop's.
// Life: construct -> open() -> apply() in log order, reads at any time ->
// take_batch()/on_batch_committed() now and then. Source: etcd v3's documented data model and API.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "consensus/options.hh"
#include "consensus/types.hh"
#include "storage/engine.hh"
#include "store/cell_version.hh"
#include "store/command.hh"
#include "store/index.hh"
#include "store/leases.hh"
#include "store/replay_window.hh"
#include "store/status.hh"

namespace etcdserverpb {
class TxnRequest;
class RequestOp;
class Compare;
class RangeRequest;
}  // namespace etcdserverpb

namespace polis::store {

using consensus::Configuration;
using consensus::LogIndex;
using consensus::SnapshotMark;
using consensus::Term;
using storage::Engine;
using storage::Record;
using storage::WriteBatch;

// Bounds of one request, etcd's defaults where it has them.
inline constexpr std::size_t kRequestBytesMax = 1536 << 10;  // 1.5 MiB
// Of a transaction: the largest of its three lists, and with it those of the transactions that are
// nested in it, along any way down. So it also bounds how deep they may be nested.
inline constexpr int kTxnOpsMax = 128;
// Compares and operations of a transaction and all that are nested in it.
inline constexpr int kTxnOpsAllMax = 10'000;
// Deeper ones need cell version kCellVersionDeepTxns: releases before it cannot read them.
inline constexpr int kTxnDepthFirst = 45;
inline constexpr std::int64_t kLeaseTtlMax = 9'000'000'000;  // seconds
inline constexpr std::int64_t kLeaseTtlMin = 2;  // shorter ones could not be renewed in time

// What reading and applying cost is counted in units of one key that is looked at in the index,
// some 15 ns. A unit is no promise of time; it keeps long work apart from short.
inline constexpr std::uint64_t kKeyWork = 1;
inline constexpr std::uint64_t kRecordWork = 64;  // one record that is read
inline constexpr std::uint64_t kDeleteWork = 48;  // one key that is deleted
// What applying one command may cost; everybody waits for it. Checked before it is proposed, so a
// command in the log may cost more where the state has grown since.
inline constexpr std::uint64_t kCommandWorkMax = 8 << 20;
// Keys that all sorts under way may hold together.
inline constexpr std::size_t kSortedItemsMax = 500'000;

class Answer;
struct AnswerDeleter {
  void operator()(Answer* answer) const;
};

// How one command ended. The body is the etcd response without its header (field 1), in wire form:
// all of it in `body`, or what is large or takes longer in `answer` (store/answer.hh).
struct Reply {
  Status status;
  std::string body;
  std::uint64_t revision = 0;  // of the store when it was applied, for the header
  std::unique_ptr<Answer, AnswerDeleter> answer = nullptr;
};

// What a command would cost now.
struct CommandCost {
  std::uint64_t work = 0;
  std::uint64_t answer_bytes = 0;  // an upper bound, if not much is written meanwhile
};

// The engine's named value that says what the state stands for, and how to read it. Stored: DO NOT
// CHANGE.
inline constexpr std::string_view kMetaName = "meta";
inline constexpr std::string_view kCellVersionName = "cell_version";  // before all other names
// Followed by term and master, big-endian u64; the value is empty. A release that does not know the
// name accepts such a value, and comes to see that the cell is at a version that it does not know.
inline constexpr std::string_view kMastershipPrefix = "mastership/";
std::optional<SnapshotMark> mark_of_meta(std::string_view meta);

// Who saved a state, as the state says. Not replicated: each replica says it of itself, and a state
// that came from elsewhere says that one's until it is saved here.
struct SavedBy {
  std::uint64_t cell = 0;
  consensus::ReplicaId replica = consensus::kNoReplica;
  consensus::Protocol protocol = consensus::Protocol::kRaft;  // of the cell
  // Every byte of its log before this position was durable (storage::Wal::durable): a log that ends
  // before it has lost what was acknowledged.
  std::uint64_t log_durable = 0;

  bool operator==(const SavedBy&) const = default;
};
// Nothing: the value cannot be read, or is of a release that did not say it.
std::optional<SavedBy> saved_by_of_meta(std::string_view meta);

// What applying an entry led to besides the new state.
class ApplySink {
 public:
  virtual ~ApplySink() = default;
  // Whether somebody here waits for the replies of this bundle: only then are they made.
  virtual bool wants_replies(const Origin& origin) = 0;
  // One call per command of such a bundle, in order.
  virtual void on_reply(const Origin& origin, std::size_t command, Reply reply) = 0;
  // The bundle had been applied before, or came too late to know: its outcome is unknown to whoever
  // waits for it.
  virtual void on_duplicate(const Origin& origin) = 0;
  // A lease was granted or revoked.
  virtual void on_lease(std::int64_t id, std::int64_t ttl, bool granted) = 0;
};

// A read of a range, etcd's RangeRequest with everything checked.
struct RangeQuery {
  enum class Target : std::uint8_t { kKey, kVersion, kCreate, kMod, kValue };
  KeyRange range;
  std::uint64_t revision = 0;  // 0: the newest
  std::int64_t limit = 0;      // 0: none
  Target target = Target::kKey;
  bool descending = false;
  bool keys_only = false;
  bool count_only = false;
  std::int64_t min_mod = 0, max_mod = 0, min_create = 0, max_create = 0;  // 0: none

  bool filters() const { return min_mod || max_mod || min_create || max_create; }
  bool key_order() const { return target == Target::kKey && !descending; }
};

// Checks bytes before they are proposed. The text of a refusal is etcd's.
Status validate(CommandKind kind, std::string_view bytes);
Status validate(const etcdserverpb::TxnRequest& txn);
// However deep its transactions are nested; too_many_ops if that is deeper than any may be,
// malformed if the bytes are no such request.
Status parse_txn(std::string_view bytes, etcdserverpb::TxnRequest& txn);
// How deep transactions are nested in it; 0: none is.
int depth_of(const etcdserverpb::TxnRequest& txn);
// Whether a transaction reads only, whichever path it takes. Precondition: validate accepted it.
bool only_reads(const etcdserverpb::TxnRequest& txn);
RangeQuery query_of(const etcdserverpb::RangeRequest& request);
// RangeRequest -> RangeQuery.
Status parse_range(std::string_view bytes, RangeQuery& query, bool& serializable);

class Store {
 public:
  explicit Store(Engine& engine) : engine_(&engine) {}

  // Builds the index from the engine. kCorrupt: the engine's content contradicts itself.
  Result<void> open();
  // In place of open(): the state is made of these rows instead, perhaps on another thread. It has
  // to be what the engine holds before anything else is asked of the store.
  storage::SnapshotRows restore_from();
  // Takes the other one's state and gives it its own, in no time. What was pinned stays pinned
  // here.
  void exchange(Store& other);
  // kCorrupt for a record that is not what was written.
  static storage::SnapshotRows check_rows();

  // --- state
  std::uint64_t revision() const {
    return revision_;
  }  // of the newest change; 1 when nothing was written
  std::uint64_t compacted() const {
    return compacted_;
  }  // revisions below this cannot be read; 0: all can
  LogIndex applied() const { return applied_.index; }
  const SnapshotMark& applied_mark() const { return applied_; }
  // What the engine holds durably.
  const SnapshotMark& durable_mark() const { return durable_; }
  CellVersion cell_version() const { return cell_version_; }
  // Whose the log is now, as it says itself; nobody's before cell version 3. What an earlier master
  // decided has no effect any more.
  const Mastership& mastership() const { return mastership_; }
  const Leases& leases() const { return leases_; }
  std::size_t keys() const { return index_.size(); }
  // A checksum over every change so far: equal on replicas of equal revision.
  std::uint32_t history_hash() const { return history_hash_; }
  // A checksum over what can be read at `revision`. Precondition: readable(revision).
  Result<std::uint32_t> hash_at(std::uint64_t revision) const;

  // --- changes
  // Applies the entry at applied() + 1.
  void apply(const consensus::Entry& entry, ApplySink& sink);
  // Takes the configuration that holds before the first entry; later ones come through apply().
  void set_configuration(Configuration configuration) {
    applied_.configuration = std::move(configuration);
  }
  // The state begins another history, in which terms are counted anew.
  void forget_mastership();

  // What was written so far keeps its revisions; the next change has one that is larger by `by`
  // than it would have been, and no older revision can be read or watched from: a client that has
  // seen revisions of another history beyond this state is told that they are compacted.
  void skip_revisions(std::uint64_t by);

  // --- reads; they see everything that was applied
  Status readable(std::uint64_t revision) const;
  // The whole answer (RangeResponse without header) in memory: for small ones.
  Reply range(const RangeQuery& query) const;
  // A transaction that only reads, on either path. Precondition: validate and only_reads.
  Reply read_txn(const etcdserverpb::TxnRequest& txn);
  // What the transaction or deletion would cost if it was applied now. O(log keys) for each of its
  // parts.
  CommandCost cost_of(const etcdserverpb::TxnRequest& txn) const;
  CommandCost cost_of_deletion(const KeyRange& range, bool previous) const;
  // As range, for the newest state of one key with all that belongs to it: most reads are this.
  // False: the query is more.
  bool range_of_one(const RangeQuery& query, std::string& body) const;
  // Calls use(record, key) with one record. False: it is not there (compacted).
  bool read_record(RecordKey key, const std::function<void(const RecordView&)>& use) const;
  // Records from `from` on, oldest first, until `use` says false.
  void scan_records(RecordKey from,
                    const std::function<bool(RecordKey, const RecordView&)>& use) const;
  // Where the next record goes: all records come before it.
  RecordKey next() const { return {revision_ + 1, next_sub_}; }
  // The newest record of a key that was written before `before`, if it is not a tombstone.
  std::optional<RecordKey> find_before(const KeyInfo& info, RecordKey before) const;
  // Moves `at` to the record before it of the same key, revision 0 if there is none. False: `at`
  // itself is not there (compacted).
  bool previous_of(RecordKey& at) const;
  const Index& index() const { return index_; }

  // --- the engine
  // Nothing: by a release that did not say it.
  const std::optional<SavedBy>& saved_by() const { return saved_by_; }
  // Is part of the next batch, and makes one if nothing else does.
  void set_saved_by(const SavedBy& saved_by);
  // Whether there is something for the next batch.
  bool unsaved() const;
  // What has changed since the last batch; nothing if nothing did. One batch at a time.
  std::optional<WriteBatch> take_batch();
  void on_batch_committed();
  // The batch did not happen: it will be part of the next one.
  void on_batch_failed();
  std::size_t unsaved_bytes() const { return tail_bytes_; }

  // Removes up to `records_max` records that compaction made unreadable. True: there is more to do.
  // Readers of old revisions hold it back with pin().
  bool compact_some(std::size_t records_max);
  // Until unpin, records that can be read at `revision` stay.
  void pin(std::uint64_t revision) { ++pins_[revision]; }
  void unpin(std::uint64_t revision);
  // Each sort holds its items; false: no more may be held (kSortedItemsMax).
  bool hold_sorted_item();
  void release_sorted_items(std::size_t items) { sorted_items_ -= items; }

 private:
  struct Change;  // one entry's, or one transaction's, changes: apply.cc

  void apply_bundle(const Origin& origin, const std::vector<Command>& commands, ApplySink& sink);
  Reply apply_command(const Command& command, bool want_reply, ApplySink& sink);
  Reply apply_put(std::string_view bytes, bool want_reply);
  Reply apply_delete(std::string_view bytes, bool want_reply);
  Reply apply_txn(std::string_view bytes, bool want_reply);
  Reply apply_compact(std::string_view bytes);
  Reply apply_lease_grant(std::string_view bytes, ApplySink& sink);
  Reply apply_lease_revoke(std::string_view bytes, ApplySink& sink);
  Reply apply_cell_version(std::string_view bytes);
  Reply apply_mastership(std::string_view bytes);
  void set_mastership(const Mastership& mastership);
  Reply apply_decision(std::string_view bytes, bool want_reply, ApplySink& sink);

  // Within one change of revision revision_ + 1.
  Status check_put(const PutView& put) const;
  void put(const PutView& put, std::string* previous_key_value);
  std::uint64_t delete_range(const KeyRange& range);
  void delete_key(Index::const_iterator place);
  void append(const RecordView& record, std::string_view key, KeyInfo& info);
  void finish_change();

  // txn.cc
  bool compare(const etcdserverpb::Compare& compare) const;
  bool compare_one(const etcdserverpb::Compare& compare, const std::string& key,
                   const KeyInfo* info) const;
  std::uint64_t cost_of(const etcdserverpb::Compare& compare) const;
  std::uint64_t answer_bytes_of(const etcdserverpb::RangeRequest& request) const;
  void choose_paths(const etcdserverpb::TxnRequest& txn, std::vector<bool>& path) const;
  Status check_ops(const etcdserverpb::TxnRequest& txn, const std::vector<bool>& path,
                   std::size_t& at) const;
  // `answer` is null where nobody waits for it.
  Reply run(const etcdserverpb::TxnRequest& txn, bool want_reply);
  void run_txn(const etcdserverpb::TxnRequest& txn, const std::vector<bool>& path, std::size_t& at,
               Answer* answer);
  void run_op(const etcdserverpb::RequestOp& op, const std::vector<bool>& path, std::size_t& at,
              Answer* answer);
  void answer_header(Answer& answer) const;

  SharedBytes find_in_tail(RecordKey key) const;
  bool read_bytes(RecordKey key, const std::function<void(std::string_view)>& use) const;
  Store(Store&&) = default;
  Store& operator=(Store&&) = default;
  Result<void> restore(RecordKey key, std::string_view bytes);
  void restore_record(RecordKey key, const RecordView& record);
  Result<void> restore_named(std::string_view name, std::string_view value);
  std::string encode_meta() const;

  Engine* engine_;
  Index index_;
  Leases leases_;
  std::uint64_t revision_ = 1;
  std::uint64_t compacted_ = 0;
  SnapshotMark applied_;
  CellVersion cell_version_ = kCellVersionFirst;
  Mastership mastership_;
  std::uint32_t history_hash_ = 0;
  std::map<ReplicaId, ReplayWindow> windows_;

  // The change that is being made: its revision is revision_ + 1, the next record's place
  // next_sub_.
  std::uint32_t next_sub_ = 0;

  // Records not yet durable in the engine, oldest first; the first `tail_saving_` are in the batch
  // under way.
  std::deque<Record> tail_;
  std::size_t tail_bytes_ = 0;
  std::size_t tail_saving_ = 0;
  SnapshotMark durable_, saving_;
  std::optional<SavedBy> saved_by_;
  bool saved_by_unsaved_ = false;
  // Named values that changed since the last batch, and those in the batch under way.
  std::map<std::string, std::optional<std::string>> named_, named_saving_;
  std::vector<RecordKey> removed_, removed_saving_;

  // Physical compaction: what could go of the records through this revision is gone; always below
  // compacted_. Not replicated.
  std::uint64_t compaction_done_ = 0;
  // The same, or compacted_ itself when its records have been looked at for the first time. Not
  // stored: after a restart that is done once more.
  std::uint64_t compaction_reached_ = 0;
  std::map<std::uint64_t, int> pins_;
  std::size_t sorted_items_ = 0;
};

}  // namespace polis::store
