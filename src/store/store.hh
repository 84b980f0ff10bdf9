#pragma once

// The replicated state machine: etcd's data model over the engine. It has keys with their history
// under one revision counter, leases, transactions and compaction. Applying is deterministic, so
// replicas that have applied the same index are equal.
//
// A change is in memory as soon as it is applied (in the index, and in `tail_` with the newest
// records). It goes to the engine later, in batches. After a crash, the engine holds the state of
// some earlier index together with that index, and the log gives the entries behind it; so nothing
// is applied twice.
//
// Threads: the loop's.
// Life: construct -> open() or restore_from() -> apply() in log order, reads at any time,
// take_batch() and on_batch_committed() from time to time. The engine must outlive the store.
// Source: etcd v3's documented data model and API.

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

// Bounds of one request; where etcd has such a bound, its default.
inline constexpr std::size_t kRequestBytesMax = 1536 << 10;  // 1.5 MiB
// A transaction counts as the longest of its three lists (compares, success, failure). Along each
// way into nested transactions, the sum of these may not exceed this. So it also bounds the depth.
inline constexpr int kTxnOpsMax = 128;
// The sum of compares and operations of a transaction and of all transactions nested in it.
inline constexpr int kTxnOpsAllMax = 10'000;
// Transactions nested deeper than this need cell version kCellVersionDeepTxns, because earlier
// releases cannot read them.
inline constexpr int kTxnDepthFirst = 45;
inline constexpr std::int64_t kLeaseTtlMax = 9'000'000'000;  // seconds
inline constexpr std::int64_t kLeaseTtlMin = 2;  // shorter ones could not be renewed in time

// The unit of *work*, the cost of reading and applying: a look at one key in the index, about 15
// ns. Work is an estimate that tells long requests from short ones.
inline constexpr std::uint64_t kKeyWork = 1;
inline constexpr std::uint64_t kRecordWork = 64;  // one record that is read
inline constexpr std::uint64_t kDeleteWork = 48;  // one key that is deleted
// The most work that applying one command may take, because all other requests wait for it. This is
// checked before the command is proposed. If the state grows after that, applying the command may
// take more.
inline constexpr std::uint64_t kCommandWorkMax = 8 << 20;
// The largest sum of the items that all sorts under way hold.
inline constexpr std::size_t kSortedItemsMax = 500'000;

class Answer;
struct AnswerDeleter {
  void operator()(Answer* answer) const;
};

// How one command ended, with the etcd response in wire form, without its header (field 1). A small
// response is in `body`; a large one is in `answer` (store/answer.hh), and `body` is empty.
struct Reply {
  Status status;
  std::string body;
  std::uint64_t revision = 0;  // of the store after the command was applied; for the header
  std::unique_ptr<Answer, AnswerDeleter> answer = nullptr;
};

// The estimated cost of applying a command now.
struct CommandCost {
  std::uint64_t work = 0;          // in units of kKeyWork
  std::uint64_t answer_bytes = 0;  // an upper bound, unless much is written meanwhile
};

// Names of values that the store keeps in the engine. Stored: DO NOT CHANGE. The first holds the
// applied mark, the revisions and SavedBy.
inline constexpr std::string_view kMetaName = "meta";
inline constexpr std::string_view kCellVersionName = "cell_version";  // sorts before the others
// Term and master follow it, as big-endian u64; the value is empty. A release that does not know
// this name ignores it, and refuses the state because of its cell version.
inline constexpr std::string_view kMastershipPrefix = "mastership/";
// The applied mark in the value of kMetaName. nullopt: the value cannot be read.
std::optional<SnapshotMark> mark_of_meta(std::string_view meta);

// Which replica has saved a state. Part of the state on disk, but not replicated: each replica
// writes its own. A state that came from another replica has that replica's until it is saved here.
struct SavedBy {
  std::uint64_t cell = 0;
  consensus::ReplicaId replica = consensus::kNoReplica;
  consensus::Protocol protocol = consensus::Protocol::kRaft;  // of the cell
  // The replica's log was durable up to this position when the state was saved
  // (storage::Wal::durable). A log of this replica that ends earlier has lost entries that were
  // acknowledged.
  std::uint64_t log_durable = 0;

  bool operator==(const SavedBy&) const = default;
};
// The SavedBy in the value of kMetaName. nullopt: the value cannot be read, or an older release
// wrote it.
std::optional<SavedBy> saved_by_of_meta(std::string_view meta);

// Called by the store while it applies an entry, with the results besides the new state.
class ApplySink {
 public:
  virtual ~ApplySink() = default;
  // Whether somebody waits for the replies of this bundle. Replies are made only then.
  virtual bool wants_replies(const Origin& origin) = 0;
  // The reply of one command of such a bundle; called for each of its commands, in order.
  virtual void on_reply(const Origin& origin, std::size_t command, Reply reply) = 0;
  // The bundle was applied before, or is too old (ReplayWindow); it was not applied now. Its
  // replies are lost.
  virtual void on_duplicate(const Origin& origin) = 0;
  // A lease was granted or revoked. `ttl`: seconds.
  virtual void on_lease(std::int64_t id, std::int64_t ttl, bool granted) = 0;
};

// A read of a range: etcd's RangeRequest after all checks.
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

// Checks a command of a client before it is proposed. OK, or a refusal with etcd's text.
Status validate(CommandKind kind, std::string_view bytes);
Status validate(const etcdserverpb::TxnRequest& txn);
// Reads a TxnRequest, also one that is nested deeper than protobuf's own limit. too_many_ops: it is
// nested deeper than is allowed. malformed: the bytes are no TxnRequest.
Status parse_txn(std::string_view bytes, etcdserverpb::TxnRequest& txn);
// How deep transactions are nested in `txn`; 0: it has no nested one.
int depth_of(const etcdserverpb::TxnRequest& txn);
// Whether all operations of the transaction, on all its paths, are reads. Precondition: validate
// accepted it.
bool only_reads(const etcdserverpb::TxnRequest& txn);
// Precondition: parse_range or validate accepted the request.
RangeQuery query_of(const etcdserverpb::RangeRequest& request);
// Reads and checks a RangeRequest. OK, or a refusal with etcd's text.
Status parse_range(std::string_view bytes, RangeQuery& query, bool& serializable);

class Store {
 public:
  explicit Store(Engine& engine) : engine_(&engine) {}

  // Builds the state from the engine's content. kCorrupt: the content contradicts itself. Other
  // errors: the engine's. Takes time in proportion to the number of records.
  Result<void> open();
  // Instead of open(): gives callbacks that build the state from rows, which may run on another
  // thread. Before the store is used, the engine must hold the same rows.
  storage::SnapshotRows restore_from();
  // Exchanges the states of the two stores, in constant time. Pins stay with the store on which
  // they were made.
  void exchange(Store& other);
  // Callbacks that check rows. They fail with kCorrupt at a record that is not what was written.
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
  // The mark of the state that the engine holds durably.
  const SnapshotMark& durable_mark() const { return durable_; }
  CellVersion cell_version() const { return cell_version_; }
  // The newest mastership that the log has named; Mastership() before cell version 3. Decisions of
  // other masterships have no effect any more.
  const Mastership& mastership() const { return mastership_; }
  const Leases& leases() const { return leases_; }
  std::size_t keys() const { return index_.size(); }  // deleted keys count until compaction
  // A checksum over all changes since the beginning: equal on all replicas at the same revision.
  std::uint32_t history_hash() const { return history_hash_; }
  // A checksum over what can be read at `revision`, made at once; HashCursor makes it in slices.
  // Precondition: revision > 0 and readable(revision).
  Result<std::uint32_t> hash_at(std::uint64_t revision) const;

  // --- changes
  // Applies an entry. Precondition: its index is applied() + 1.
  void apply(const consensus::Entry& entry, ApplySink& sink);
  // Sets the configuration that holds before the first entry. Later ones come through apply().
  void set_configuration(Configuration configuration) {
    applied_.configuration = std::move(configuration);
  }
  // For a state that becomes the beginning of a new cell, whose terms begin again: forgets the
  // mastership.
  void forget_mastership();

  // Makes the next change's revision larger by `by`, and compacts everything before it. For a
  // restored state: clients that have seen later revisions of the old cell are then told that these
  // are compacted, instead of being shown other changes under the same revisions.
  void skip_revisions(std::uint64_t by);

  // --- reads; they see everything that was applied
  // OK, or compacted or future_revision. Revision 0, the newest, is always readable.
  Status readable(std::uint64_t revision) const;
  // The whole answer (a RangeResponse without header) in memory, whatever its size. For small
  // ranges; RangeCursor reads large ones.
  Reply range(const RangeQuery& query) const;
  // Carries out a transaction that only reads. Precondition: validate accepted it, and only_reads.
  Reply read_txn(const etcdserverpb::TxnRequest& txn);
  // The cost of the transaction, or of deleting the range, if it was applied now. `previous`: the
  // answer has the deleted values. Takes O(log keys) for each operation.
  CommandCost cost_of(const etcdserverpb::TxnRequest& txn) const;
  CommandCost cost_of_deletion(const KeyRange& range, bool previous) const;
  // A faster range() for the commonest read: one key, at the newest revision, whole. Appends the
  // answer to `body`. False: the query is of another form, and nothing was appended.
  bool range_of_one(const RangeQuery& query, std::string& body) const;
  // Calls `use` with one record, which is valid during the call. False: there is no such record; it
  // was compacted.
  bool read_record(RecordKey key, const std::function<void(const RecordView&)>& use) const;
  // Calls `use` with each record from `from` on, oldest first, until it gives false.
  void scan_records(RecordKey from,
                    const std::function<bool(RecordKey, const RecordView&)>& use) const;
  // The key that the next record will have; all records have smaller ones.
  RecordKey next() const { return {revision_ + 1, next_sub_}; }
  // The newest record of the key that is older than `before`. nullopt: there is none, or it is a
  // tombstone.
  std::optional<RecordKey> find_before(const KeyInfo& info, RecordKey before) const;
  // Sets `at` to the previous record of the same key; to revision 0 if there is none. False: there
  // is no record at `at`; it was compacted.
  bool previous_of(RecordKey& at) const;
  const Index& index() const { return index_; }

  // --- the engine
  // nullopt: an older release saved the state.
  const std::optional<SavedBy>& saved_by() const { return saved_by_; }
  // The next batch will contain it; if it has changed, there will be a batch for it alone, too.
  void set_saved_by(const SavedBy& saved_by);
  // Whether take_batch() would give a batch.
  bool unsaved() const;
  // Everything that has changed since the last batch. nullopt: nothing has. Commit it, then call
  // on_batch_committed or on_batch_failed before the next take_batch (CHECK).
  std::optional<WriteBatch> take_batch();
  void on_batch_committed();
  // The batch was not committed: the next batch will contain its changes.
  void on_batch_failed();
  std::size_t unsaved_bytes() const { return tail_bytes_; }  // records that are not durable here

  // Removes records that compaction has made unreadable, and looks at about `records_max` records
  // for that. True: there is more to do now.
  bool compact_some(std::size_t records_max);
  // Until unpin(revision), compact_some keeps the records that can be read at `revision`. Each pin
  // needs one unpin.
  void pin(std::uint64_t revision) { ++pins_[revision]; }
  void unpin(std::uint64_t revision);
  // A sort calls this for each item that it holds. False: no more may be held (kSortedItemsMax).
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

  // Parts of one change, which has the revision revision_ + 1.
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

  // How far the removal of records has come: unreadable records through this revision are gone.
  // Always below compacted_. Not replicated.
  std::uint64_t compaction_done_ = 0;
  // As compaction_done_; or compacted_, when the records of that revision have been looked at for
  // the first time. Not stored: after a restart they are looked at once more.
  std::uint64_t compaction_reached_ = 0;
  std::map<std::uint64_t, int> pins_;
  std::size_t sorted_items_ = 0;
};

}  // namespace polis::store
