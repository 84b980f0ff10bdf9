// Applying what the log brings.

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "base/crc32c.hh"
#include "store/answer.hh"
#include "store/parse.hh"
#include "store/store.hh"

namespace polis::store {

using etcdserverpb::CompactionRequest;
using etcdserverpb::DeleteRangeRequest;
using etcdserverpb::LeaseGrantRequest;
using etcdserverpb::LeaseRevokeRequest;

void Store::apply(const consensus::Entry& entry, ApplySink& sink) {
  CHECK(entry.index == applied_.index.next());
  applied_.index = entry.index;
  applied_.term = entry.term;
  if (entry.kind == consensus::EntryKind::kConfiguration) {
    Reader in(*entry.data);
    CHECK(decode(in, applied_.configuration));  // the log could read it, too
  }
  if (entry.kind != consensus::EntryKind::kCommand) return;
  BundleReader reader(*entry.data);
  Origin origin;
  std::vector<Command> commands;
  while (reader.next(origin, commands)) apply_bundle(origin, commands, sink);
  CHECK(reader.ok());  // the master proposes only what it could read itself
}

void Store::apply_bundle(const Origin& origin, const std::vector<Command>& commands,
                         ApplySink& sink) {
  if (!windows_[origin.replica].admit(origin.incarnation, origin.bundle)) {
    sink.on_duplicate(origin);
    return;
  }
  const bool want_replies = sink.wants_replies(origin);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    Reply reply = apply_command(commands[i], want_replies, sink);
    reply.revision = revision_;
    if (want_replies) sink.on_reply(origin, i, std::move(reply));
  }
}

Reply Store::apply_command(const Command& command, bool want_reply, ApplySink& sink) {
  switch (command.kind) {
    case CommandKind::kPut:
      return apply_put(command.bytes, want_reply);
    case CommandKind::kDeleteRange:
      return apply_delete(command.bytes, want_reply);
    case CommandKind::kTxn:
      return apply_txn(command.bytes, want_reply);
    case CommandKind::kCompact:
      return apply_compact(command.bytes);
    case CommandKind::kLeaseGrant:
      return apply_lease_grant(command.bytes, sink);
    case CommandKind::kLeaseRevoke:
      return apply_lease_revoke(command.bytes, sink);
    case CommandKind::kCellVersion:
      return apply_cell_version(command.bytes);
    case CommandKind::kMastership:
      return apply_mastership(command.bytes);
    case CommandKind::kDecision:
      return apply_decision(command.bytes, want_reply, sink);
  }
  return {status::malformed(), {}, 0};
}

// --- changes of keys
// -----------------------------------------------------------------------------------------------

Status Store::check_put(const PutView& put) const {
  if (put.lease != 0 && !leases_.contains(put.lease)) return status::lease_not_found();
  if (put.ignore_value || put.ignore_lease) {
    auto found = index_.find(put.key);
    if (found == index_.end() || found->info.tombstone) return status::key_not_found();
  }
  return {};
}

// Writes the record, which becomes the newest of its key.
void Store::append(const RecordView& record, std::string_view key, KeyInfo& info) {
  RecordView stored = record;
  stored.key = key;
  stored.previous = info.newest();
  stored.checksummed = cell_version_ >= kCellVersionChecksums;
  std::string bytes = encode_record({revision_ + 1, next_sub_}, stored);
  std::string_view key_value = key_value_of_record(bytes);
  // Without the pointer: whether it names a tombstone or nothing depends on how far this replica
  // has compacted.
  history_hash_ = crc32c(key_value, history_hash_);
  info.mod_revision = static_cast<std::uint64_t>(record.mod_revision);
  info.sub = next_sub_++;
  info.tombstone = record.tombstone;
  info.key_value_bytes = static_cast<std::uint32_t>(key_value.size());
  stored.key_value = key_value;
  info.revision_bytes = revision_bytes_of(stored);
  tail_bytes_ += bytes.size();
  tail_.push_back({info.newest(), share(std::move(bytes))});
}

void Store::put(const PutView& put, std::string* previous_key_value) {
  const std::uint64_t revision = revision_ + 1;
  const auto place = index_.try_emplace(put.key);
  const std::string& key = place->key;
  KeyInfo info = place->info;
  const bool alive = !info.tombstone;
  std::int64_t lease = put.lease;
  std::string kept_value;
  std::string_view value = put.value;
  if (alive && put.ignore_lease && info.leased) lease = leases_.lease_of(key);
  if (alive && (put.ignore_value || previous_key_value != nullptr)) {
    read_record(info.newest(), [&](const RecordView& record) {
      if (previous_key_value != nullptr) *previous_key_value = record.key_value;
      if (put.ignore_value) value = kept_value = record.value;
    });
  }
  if (!alive) {
    info.create_revision = revision;
    info.version = 0;
  }
  if (info.version != UINT32_MAX) ++info.version;
  if (lease != 0 || info.leased) leases_.attach(key, lease);
  info.leased = lease != 0;
  append({.create_revision = static_cast<std::int64_t>(info.create_revision),
          .mod_revision = static_cast<std::int64_t>(revision),
          .version = info.version,
          .value = value,
          .lease = lease},
         key, info);
  index_.update(place, info);
}

void Store::delete_key(Index::const_iterator place) {
  KeyInfo info = place->info;
  if (info.leased) leases_.attach(place->key, 0);
  info.leased = false;
  info.version = 0;
  append({.tombstone = true, .mod_revision = static_cast<std::int64_t>(revision_ + 1)}, place->key,
         info);
  index_.update(place, info);
}

std::uint64_t Store::delete_range(const KeyRange& range) {
  const std::uint64_t deleted = range.sums_in(index_).alive;
  auto i = index_.alive_from(range.begin_in(index_));
  for (std::uint64_t left = deleted; left > 0; --left, i = index_.alive_from(++i)) delete_key(i);
  return deleted;
}

// A change without effect makes no revision.
void Store::finish_change() {
  if (next_sub_ == 0) return;
  ++revision_;
  next_sub_ = 0;
}

Reply Store::apply_put(std::string_view bytes, bool want_reply) {
  auto request = parse_put(bytes);
  if (!request) return {status::malformed(), {}, 0};
  if (Status refused = check_put(*request); !refused.ok()) return {refused, {}, 0};
  std::string previous;
  put(*request, want_reply && request->prev_kv ? &previous : nullptr);
  finish_change();
  Reply reply;
  if (!previous.empty()) append_tag_bytes(reply.body, 2, previous);
  return reply;
}

// The previous values are the range as it was before: they are read while they are sent.
Reply Store::apply_delete(std::string_view bytes, bool want_reply) {
  DeleteRangeRequest request;
  if (!parse(request, bytes)) return {status::malformed(), {}, 0};
  const RangeQuery query{.range = {request.key(), request.range_end()}};
  std::unique_ptr<RangeCursor> previous;
  if (want_reply && request.prev_kv())
    previous = std::make_unique<RangeCursor>(*this, query, next(), kPreviousOfDeletion);
  auto answer = std::make_unique<Answer>();
  answer->add_varint(2, delete_range(query.range));
  finish_change();
  if (previous) answer->add_range(std::move(previous));
  return reply_of(std::move(answer));
}

Reply Store::apply_compact(std::string_view bytes) {
  CompactionRequest request;
  if (!parse(request, bytes)) return {status::malformed(), {}, 0};
  auto revision = static_cast<std::uint64_t>(request.revision());
  if (request.revision() <= 0 || revision <= compacted_) return {status::compacted(), {}, 0};
  if (revision > revision_) return {status::future_revision(), {}, 0};
  compacted_ = revision;
  return {};
}

// --- leases
// --------------------------------------------------------------------------------------------------------

namespace {

std::string lease_name(std::int64_t id) {
  std::string name = "lease/";
  append_big_endian(name, static_cast<std::uint64_t>(id));
  return name;
}

std::string lease_value(std::int64_t ttl) {
  std::string value;
  Writer(value).i64(ttl);
  return value;
}

}  // namespace

Reply Store::apply_lease_grant(std::string_view bytes, ApplySink& sink) {
  LeaseGrantRequest request;
  if (!parse(request, bytes)) return {status::malformed(), {}, 0};
  if (request.id() == 0) return {status::malformed(), {}, 0};
  if (leases_.contains(request.id())) return {status::lease_exists(), {}, 0};
  std::int64_t ttl = std::max(request.ttl(), kLeaseTtlMin);
  leases_.grant(request.id(), ttl);
  named_[lease_name(request.id())] = lease_value(ttl);
  sink.on_lease(request.id(), ttl, true);
  Reply reply;
  append_tag_varint(reply.body, 2, static_cast<std::uint64_t>(request.id()));
  append_tag_varint(reply.body, 3, static_cast<std::uint64_t>(ttl));
  return reply;
}

Reply Store::apply_lease_revoke(std::string_view bytes, ApplySink& sink) {
  LeaseRevokeRequest request;
  if (!parse(request, bytes)) return {status::malformed(), {}, 0};
  const Lease* lease = leases_.find(request.id());
  if (lease == nullptr) return {status::lease_not_found(), {}, 0};
  const std::set<std::string> keys = lease->keys;  // deleting a key detaches it
  for (const std::string& key : keys) delete_key(index_.find(key));
  finish_change();
  leases_.revoke(request.id());
  named_[lease_name(request.id())] = std::nullopt;
  sink.on_lease(request.id(), 0, false);
  return {};
}

// --- what masters say of themselves
// --------------------------------------------------------------------------------------------------------

namespace {

std::string mastership_name(const Mastership& mastership) {
  std::string name(kMastershipPrefix);
  append_big_endian(name, mastership.term.value);
  append_big_endian(name, mastership.master.value);
  return name;
}

}  // namespace

// The newest word in the log counts. A word that a deposed master left behind may come after its
// successor's, where a Paxos master finds it and has to propose it; but nothing was decided by that
// mastership, since it had not seen its word in the log, and the finder's own word comes behind it.
Reply Store::apply_mastership(std::string_view bytes) {
  Reader in(bytes);
  Mastership mastership;
  if (!decode(in, mastership) || !in.done()) return {status::malformed(), {}, 0};
  set_mastership(mastership);
  return {};
}

void Store::set_mastership(const Mastership& mastership) {
  if (mastership == mastership_) return;
  named_[mastership_name(mastership_)] = std::nullopt;
  mastership_ = mastership;
  named_[mastership_name(mastership_)] = "";
}

void Store::forget_mastership() {
  named_[mastership_name(mastership_)] = std::nullopt;
  mastership_ = {};
}

Reply Store::apply_decision(std::string_view bytes, bool want_reply, ApplySink& sink) {
  auto decision = decode_decision(bytes);
  if (!decision) return {status::malformed(), {}, 0};
  if (decision->by != mastership_) return {status::leader_changed(), {}, 0};
  return apply_command(decision->command, want_reply, sink);
}

// Never goes back: two masters in a row may both have asked.
Reply Store::apply_cell_version(std::string_view bytes) {
  Reader in(bytes);
  auto version = static_cast<CellVersion>(in.varint());
  if (!in.done()) return {status::malformed(), {}, 0};
  if (version <= cell_version_) return {};
  cell_version_ = version;
  std::string value;
  Writer(value).varint(version);
  named_[std::string(kCellVersionName)] = value;
  // From now on all named values carry a checksum. Windows and meta go with every batch.
  for (const auto& [id, lease] : leases_.all()) named_[lease_name(id)] = lease_value(lease.ttl);
  return {};
}

}  // namespace polis::store
