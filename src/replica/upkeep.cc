// What goes on beside the requests: the engine, compaction, snapshots, the disk's free space.

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "replica/replica.hh"

namespace polis::replica {
namespace {

constexpr Duration kUpkeepInterval = std::chrono::milliseconds(20);
constexpr Duration kDiskCheckInterval = std::chrono::milliseconds(500);
constexpr Duration kEngineRetryInterval = std::chrono::seconds(1);
// Syncs of a mastership before their average says anything.
constexpr std::uint64_t kSlowSyncsMin = 8;
// Between two hand-overs for a slow disk.
constexpr Duration kSlowHandOverInterval = std::chrono::seconds(30);
// Records looked at in one turn by compaction: well under a millisecond.
constexpr std::size_t kCompactRecords = 1000;

}  // namespace

void Replica::upkeep() {
  if (failed_) return;
  expire_requests();
  revoke_expired_leases();
  check_disk_space();
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
  if (now - disk_checked_ < kDiskCheckInterval) return;
  disk_checked_ = now;
  auto free = env_.disk.bytes_free(options_.directory);
  if (!free) return;
  disk_free_ = *free;
  disk_full_ = *free < options_.disk_free_min;
}

void Replica::save_to_engine() {
  Instant now = env_.loop.now();
  if (env_.engine.commit_under_way() || installing_ || now < engine_retry_) return;
  engine_saved_ = now;
  auto batch = store_.take_batch();
  if (!batch) return;
  env_.engine.commit_later(std::move(*batch),
                           [this, alive = std::weak_ptr(alive_)](Result<void> result) {
                             if (alive.expired()) return;
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
                             disk_full_ = true;
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
  if (through < status.first) return;
  log_->compact(through);
  if (auto done = wal_->release_through(through); !done) fail_with(done.error());
}

void Replica::maybe_leave_slow_disk() {
  Instant now = env_.loop.now();
  if (!is_master() || now < slow_hand_over_not_before_) return;
  // This one has to refuse writes; another may have space.
  const bool full = disk_full_;
  const bool slow = !held_.empty() && sync_times_.average > options_.slow_sync &&
                    sync_times_.count - syncs_before_mastership_ >= kSlowSyncsMin;
  const bool stuck = !held_.empty() && now - held_.front().since > 5 * options_.slow_sync;
  if (!slow && !stuck && !full) return;
  // If all disks are like this one, mastership does not go round in circles.
  slow_hand_over_not_before_ = now + kSlowHandOverInterval;
  ++counters_.slow_hand_overs;
  hand_over([] {});
}

void Replica::maybe_compact_history() {
  if (!options_.auto_compaction.on() || !is_master() || auto_compacting_) return;
  auto revision = auto_compaction_.due(env_.loop.now(), store_.revision(), store_.compacted());
  if (!revision) return;
  etcdserverpb::CompactionRequest request;
  request.set_revision(static_cast<std::int64_t>(*revision));
  auto_compacting_ = true;
  // Whatever comes of it, the next look shows what is left to do.
  submit(CommandKind::kCompact, request.SerializeAsString(),
         [this](const Reply&) { auto_compacting_ = false; });
}

Result<void> Replica::check_cell_version() const {
  if (store_.cell_version() <= options_.cell_version_newest) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("the cell is at version {}, this release of Polis knows {}: start a "
                          "newer release here",
                          store_.cell_version(), options_.cell_version_newest));
}

// Not only for those who take part: who was removed before was not asked, and must not go on with a
// hole in its state either.
bool Replica::may_go_on_at_cell_version() {
  auto known = check_cell_version();
  if (known) return true;
  maybe_end_removed();
  fail_with(known.error());
  return false;
}

// Once all members know a newer version, for good: who was replaced by an older release after that
// does not start.
void Replica::maybe_raise_cell_version() {
  CellVersion version = options_.cell_version_newest;
  if (!is_master() || installing_ || raising_cell_version_ || version <= store_.cell_version())
    return;
  for (ReplicaId id : store_.applied_mark().configuration.everyone()) {
    if (id != options_.identity.replica)
      version = std::min(version, env_.transport.cell_version_of(id));
  }
  if (version <= store_.cell_version()) return;
  std::string bytes;
  Writer(bytes).varint(version);
  raising_cell_version_ = true;
  submit(CommandKind::kCellVersion, bytes, [this](const Reply&) { raising_cell_version_ = false; });
}

// --- backup
// --------------------------------------------------------------------------------------------------------

void Replica::back_up(const std::string& path, BackedUp done) {
  read_barrier([this, path, done = std::move(done)](const Status& status) {
    if (!status.ok()) return done(fail(ErrorCode::kUnavailable, status.text));
    backups_.push_back({path, store_.applied(), done});
    save_to_engine();
    maybe_begin_backups();
  });
}

void Replica::maybe_begin_backups() {
  for (auto i = backups_.begin(); i != backups_.end();) {
    if (store_.durable_mark().index < i->needed) {
      ++i;
      continue;
    }
    env_.engine.save_snapshot_later(i->path, std::string(store::kMetaName), std::move(i->done));
    i = backups_.erase(i);
  }
}

// --- sending
// -------------------------------------------------------------------------------------------------------

void Replica::make_snapshot() {
  LogIndex needed = log_->status().first.previous();
  if (snapshot_ && snapshot_->index >= needed) {
    return log_->on_snapshot_available(*snapshot_, snapshot_bytes_, env_.loop.now());
  }
  if (making_snapshot_ || store_.durable_mark().index < needed)
    return;  // the engine will be there soon
  making_snapshot_ = true;
  std::string path =
      fmt::format("{}/snapshots/out-{}.snapshot", options_.directory, ++snapshot_serial_);
  env_.engine.save_snapshot_later(
      path, std::string(store::kMetaName),
      [this, path, alive = std::weak_ptr(alive_)](Result<storage::SnapshotFile> made) {
        if (!alive.expired()) on_snapshot_made(path, std::move(made));
      });
}

void Replica::on_snapshot_made(const std::string& path, Result<storage::SnapshotFile> made) {
  making_snapshot_ = false;
  auto file = made ? env_.disk.open(path) : std::unexpected(made.error());
  auto mark = made ? store::mark_of_meta(made->named) : std::nullopt;
  if (!file || !mark) {
    // No space, most likely: the follower waits, and the next heartbeat asks again.
    [[maybe_unused]] auto removed = env_.disk.remove(path);
    return;
  }
  if (!snapshot_path_.empty()) [[maybe_unused]]
    auto removed = env_.disk.remove(snapshot_path_);
  snapshot_ = *mark;
  snapshot_path_ = path;
  snapshot_bytes_ = made->bytes;
  snapshot_file_ = std::move(*file);
  ++counters_.snapshots_sent;
  log_->on_snapshot_available(*snapshot_, snapshot_bytes_, env_.loop.now());
}

bool Replica::read_chunk(const consensus::ChunkReference& chunk, std::string& out) {
  if (!snapshot_ || snapshot_->index != chunk.snapshot || !snapshot_file_) return false;
  auto bytes = snapshot_file_->read(chunk.offset, chunk.length);
  if (!bytes || bytes->size() != chunk.length) return false;
  out += *bytes;
  return true;
}

// --- receiving
// -----------------------------------------------------------------------------------------------------

void Replica::on_chunk(consensus::ChunkArrived& chunk) {
  if (installing_) return;
  const std::string path = options_.directory + "/snapshots/arriving.snapshot";
  if (chunk.offset == 0) {
    auto file = env_.disk.create(path);
    if (!file) return;  // no space, most likely: the master sends the chunk again
    arriving_ = std::move(*file);
  }
  if (!arriving_ || !arriving_->write(chunk.offset, chunk.bytes)) return;
  std::uint64_t offset = chunk.offset + chunk.bytes.size();
  log_->on_chunk_written(chunk.from, chunk.mark, offset, env_.loop.now());
  if (offset == chunk.size) install_snapshot(chunk.from, chunk.mark);
}

void Replica::install_snapshot(ReplicaId from, const SnapshotMark& mark) {
  const std::string path = options_.directory + "/snapshots/arriving.snapshot";
  installing_ = true;
  if (env_.engine.commit_under_way()) {
    // The engine changes hands between two commits.
    install_next_ = [this, from, mark] { install_snapshot(from, mark); };
    return;
  }
  arriving_.reset();
  env_.engine.load_snapshot_later(
      path, [this, from, mark, path, alive = std::weak_ptr(alive_)](Result<void> result) {
        if (alive.expired()) return;
        installing_ = false;
        [[maybe_unused]] auto removed = env_.disk.remove(path);
        if (!result) {
          if (result.error().code != ErrorCode::kCorrupt &&
              result.error().code != ErrorCode::kNoSpace) {
            return fail_with(result.error());
          }
          return log_->on_chunk_written(from, mark, 0,
                                        env_.loop.now());  // damaged on the way: from the beginning
        }
        if (env_.store_replaced) env_.store_replaced();
        const bool took_part = takes_part();
        if (auto opened = store_.reopen(); !opened) return fail_with(opened.error());
        maybe_notice_removal(took_part);
        if (!may_go_on_at_cell_version()) return;
        CHECK(store_.applied() == mark.index);
        if (auto done = wal_->reset(mark.index, mark.term); !done) return fail_with(done.error());
        ++counters_.snapshots_installed;
        log_->on_snapshot_installed(from, mark, env_.loop.now());
      });
}

}  // namespace polis::replica
