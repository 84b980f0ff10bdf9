// What goes on beside the requests: the engine, compaction, versions, the disk's free space.

#include <fmt/format.h>

#include "replica/replica.hh"
#include "replica/wire.hh"

namespace polis::replica {
namespace {

constexpr Duration kUpkeepInterval = std::chrono::milliseconds(20);
// Without a write to the log.
constexpr Duration kSealAfter = std::chrono::milliseconds(250);
constexpr Duration kDiskCheckInterval = std::chrono::milliseconds(500);
// A replica that has too little says so this often; well below what the others remember it for.
constexpr Duration kShortageTellInterval = std::chrono::milliseconds(500);
constexpr Duration kEngineRetryInterval = std::chrono::seconds(1);
// While a snapshot is being sent, the log may grow to so many times what is retained otherwise.
constexpr std::size_t kLogKeptForSnapshots = 64;
// Records looked at in one turn by compaction: well under a millisecond.
constexpr std::size_t kCompactRecords = 1000;

}  // namespace

void Replica::upkeep() {
  if (failed_) return;
  expire_requests();
  expire_hand_overs();
  maybe_name_mastership();
  maybe_end_leases();
  check_disk_space();
  tell_shortage();
  seal_log();
  maybe_expect_little();
  Instant now = env_.loop.now();
  if (now - engine_saved_ >= options_.engine_interval) save_to_engine();
  if (!installing_) store_.compact_some(kCompactRecords);
  maybe_compact_history();
  maybe_raise_cell_version();
  maybe_leave_slow_disk();
  upkeep_timer_ = env_.loop.after(kUpkeepInterval, [this] {
    auto keep = std::move(upkeep_timer_);
    upkeep();
  });
}

void Replica::check_disk_space() {
  Instant now = env_.loop.now();
  if (!space_.scarce() && now - disk_checked_ < kDiskCheckInterval) return;
  disk_checked_ = now;
  auto free = env_.disk.bytes_free(options_.directory);
  if (!free) return;
  std::uint64_t reusable = 0;
  if (*free < options_.disk_free_min) {
    const std::uint64_t on_disk = env_.engine.bytes_on_disk();
    reusable = on_disk - std::min(on_disk, env_.engine.bytes_in_use());
  }
  space_.on_measured(*free, reusable);
  exhausted_ = space_.should_stand_still(store_.applied_mark().configuration,
                                         options_.identity.replica, now);
}

void Replica::on_memory_measured(std::uint64_t used, std::uint64_t allowed) {
  memory_.on_measured(used, allowed);
}

// To every member: at once when something has changed, and again and again while there is too
// little.
void Replica::tell_shortage() {
  const Instant now = env_.loop.now();
  const std::pair shortage(space_.own(), memory_.own());
  const auto before = std::exchange(shortage_told_, shortage);
  const bool none = shortage == decltype(shortage)();
  if (before == shortage && (none || now - shortage_told_at_ < kShortageTellInterval)) return;
  shortage_told_at_ = now;
  std::string message;
  Writer out(message);
  out.u8(static_cast<std::uint8_t>(WireKind::kShortage));
  out.u8(static_cast<std::uint8_t>(shortage.first));
  out.u8(shortage.second ? 1 : 0);
  for (ReplicaId member : store_.applied_mark().configuration.everyone()) {
    if (member != options_.identity.replica) env_.transport.send(member, message);
  }
  if (before.first != shortage.first && env_.space_changed) env_.space_changed(shortage.first);
}

bool Replica::cell_is_short_of_memory() const {
  return memory_.cell_is_short(store_.applied_mark().configuration, options_.identity.replica,
                               env_.loop.now());
}

std::vector<ReplicaId> Replica::full_members() const {
  return space_.full(options_.identity.replica, env_.loop.now());
}

bool Replica::cell_is_full() const {
  return space_.cell_is_full(store_.applied_mark().configuration, options_.identity.replica,
                             env_.loop.now());
}

void Replica::seal_log() {
  if (env_.loop.now() - persisted_last_ < kSealAfter) return;
  wal_->seal(store_.applied(), [this, alive = std::weak_ptr(alive_)](Result<void> result) {
    if (!alive.expired() && !result) fail_with(result.error());
  });
}

// Nothing that this replica acknowledged or promised lies behind that, but for what it wrote in the
// last moments. Term, vote and promises are records of the log as entries are.
void Replica::note_saved_by(store::Store& store) const {
  store.set_saved_by({.cell = options_.identity.cell,
                      .replica = options_.identity.replica,
                      .protocol = options_.protocol,
                      .log_durable = wal_->durable()});
}

void Replica::save_state() {
  if (failed_) return;
  note_saved_by(store_);
  save_to_engine();
}

void Replica::save_to_engine() {
  Instant now = env_.loop.now();
  if (env_.engine.commit_under_way() || installing_ || now < engine_retry_) return;
  engine_saved_ = now;
  // With what is saved anyway, and once when the log has come to rest.
  if (store_.unsaved() || now - persisted_last_ >= kSealAfter) note_saved_by(store_);
  auto batch = store_.take_batch();
  if (!batch) return;
  env_.engine.commit_later(std::move(*batch),
                           [this, alive = std::weak_ptr(alive_)](Result<void> result) {
                             if (alive.expired()) return;
                             space_.on_engine_refused(!result);
                             if (result) {
                               store_.on_batch_committed();
                               maybe_begin_backups();
                               compact_log();
                             } else {
                               store_.on_batch_failed();
                             }
                             if (install_next_) std::exchange(install_next_, nullptr)();
                             if (result) return;
                             // The log still holds everything, so waiting for space costs nothing
                             // but memory.
                             if (result.error().code != ErrorCode::kNoSpace)
                               return fail_with(result.error());
                             engine_retry_ = env_.loop.now() + kEngineRetryInterval;
                           });
}

// Entries whose effects are durable in the engine may go, but for a tail that lagging followers are
// fed from.
void Replica::compact_log() {
  consensus::Status status = log_->status();
  if (status.log_bytes <= options_.log_retain_bytes || status.last < status.first) return;
  double excess =
      1.0 - static_cast<double>(options_.log_retain_bytes) / static_cast<double>(status.log_bytes);
  auto entries = static_cast<double>(status.last - status.first + 1);
  LogIndex through = status.first + static_cast<std::uint64_t>(entries * excess);
  through = std::min(through, store_.durable_mark().index);
  // Who receives a snapshot will need what comes behind it.
  const bool sending = std::any_of(status.peers.begin(), status.peers.end(),
                                   [](const auto& peer) { return peer.snapshotting; });
  if (sending && snapshot_ &&
      status.log_bytes <=
          std::min(options_.log_bytes_max, kLogKeptForSnapshots * options_.log_retain_bytes))
    through = std::min(through, snapshot_->index);
  if (through < status.first) return;
  log_->compact(through);
  if (auto done = wal_->release_through(through); !done) fail_with(done.error());
}

Result<void> Replica::check_cell_version() const {
  if (store_.cell_version() <= options_.cell_version_newest) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("the cell is at version {}, this release of Polis knows {}: start a "
                          "newer release here",
                          store_.cell_version(), options_.cell_version_newest));
}

// Applies to removed replicas, too. Their version was not asked for when the cell's was raised, and
// entries that they cannot read would leave a hole in their state.
bool Replica::may_go_on_at_cell_version() {
  auto known = check_cell_version();
  if (known) return true;
  maybe_end_removed();
  fail_with(known.error());
  return false;
}

}  // namespace polis::replica
