// Whole states as files: backups, what is sent to a peer that is far behind, and what arrives.

#include <fmt/format.h>

#include "base/check.hh"
#include "replica/replica.hh"

namespace polis::replica {
namespace {

// Without another chunk.
constexpr Duration kTransferOver = std::chrono::seconds(10);

bool is_fatal(const Error& error) {
  return error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kIo;
}

}  // namespace

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
    env_.engine.save_snapshot_later(
        i->path, std::string(store::kMetaName), store::Store::check_rows(),
        [this, done = std::move(i->done), much = env_.disk.expect_much(),
         alive = std::weak_ptr(alive_)](Result<storage::SnapshotFile> made) {
          done(made);
          if (!alive.expired() && !made && is_fatal(made.error())) fail_with(made.error());
        });
    i = backups_.erase(i);
  }
}

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
      path, std::string(store::kMetaName), store::Store::check_rows(),
      [this, path, much = env_.disk.expect_much(),
       alive = std::weak_ptr(alive_)](Result<storage::SnapshotFile> made) {
        if (!alive.expired()) on_snapshot_made(path, std::move(made));
      });
}

void Replica::on_snapshot_made(const std::string& path, Result<storage::SnapshotFile> made) {
  making_snapshot_ = false;
  if (!made && is_fatal(made.error())) return fail_with(made.error());
  auto file = made ? env_.disk.open(path) : std::unexpected(made.error());
  auto mark = made ? store::mark_of_meta(made->named) : std::nullopt;
  if (!file || !mark) {
    // No space, most likely: the follower waits, and the next heartbeat asks again.
    [[maybe_unused]] auto removed = env_.disk.remove(path);
    return;
  }
  forget_snapshot();
  snapshot_ = *mark;
  snapshot_path_ = path;
  snapshot_bytes_ = made->bytes;
  snapshot_file_ = std::move(*file);
  ++counters_.snapshots_sent;
  log_->on_snapshot_available(*snapshot_, snapshot_bytes_, env_.loop.now());
}

void Replica::forget_snapshot() {
  snapshot_.reset();
  snapshot_file_.reset();
  if (!snapshot_path_.empty()) [[maybe_unused]]
    auto removed = env_.disk.remove(snapshot_path_);
  snapshot_path_.clear();
}

bool Replica::read_chunk(const consensus::ChunkReference& chunk, std::string& out) {
  if (!snapshot_ || snapshot_->index != chunk.snapshot || !snapshot_file_) return false;
  auto bytes = snapshot_file_->read(chunk.offset, chunk.length);
  if (!bytes || bytes->size() != chunk.length) return false;
  out += *bytes;
  return true;
}

void Replica::on_chunk(consensus::ChunkArrived chunk) {
  if (loading_) {
    // Of another snapshot, whose sender waits: the file is being read.
    chunk_waiting_ = std::move(chunk);
    return;
  }
  if (chunk.offset == 0) {
    arriving_.reset();
    [[maybe_unused]] auto removed = env_.disk.remove(arriving_path());
    auto file = env_.disk.create(arriving_path());
    if (!file) return;  // no space, most likely: the transfer begins again
    arriving_ = std::move(*file);
  }
  if (!arriving_much_) arriving_much_ = env_.disk.expect_much();
  chunk_last_ = env_.loop.now();
  if (!arriving_ || !arriving_->write(chunk.offset, chunk.bytes)) return;
  std::uint64_t offset = chunk.offset + chunk.bytes.size();
  log_->on_chunk_written(chunk.from, chunk.mark, offset, env_.loop.now());
  if (offset == chunk.size) load_snapshot(chunk.from, chunk.mark);
}

// A transfer that was cut off may never go on.
void Replica::maybe_expect_little() {
  if (arriving_much_ && !loading_ && env_.loop.now() - chunk_last_ > kTransferOver)
    arriving_much_.reset();
}

// Beside everything else that goes on, into an engine and a store of its own.
void Replica::load_snapshot(ReplicaId from, const SnapshotMark& mark) {
  loading_ = true;
  arriving_.reset();
  auto loaded = std::make_shared<store::Store>(env_.engine);
  env_.engine.load_snapshot_later(
      arriving_path(), loaded->restore_from(),
      [this, from, mark, loaded, alive = std::weak_ptr(alive_)](Result<void> result) mutable {
        if (!alive.expired()) on_snapshot_loaded(from, mark, std::move(result), std::move(loaded));
      });
}

void Replica::on_snapshot_loaded(ReplicaId from, const SnapshotMark& mark, Result<void> result,
                                 std::shared_ptr<store::Store> loaded) {
  if (failed_) return;
  [[maybe_unused]] auto removed = env_.disk.remove(arriving_path());
  if (result) return install_snapshot(from, mark, std::move(loaded));
  switch (result.error().code) {
    case ErrorCode::kCorrupt:
      log_->on_snapshot_damaged(from, mark, env_.loop.now());
      break;
    case ErrorCode::kNoSpace:
      log_->on_chunk_written(from, mark, 0, env_.loop.now());  // from the beginning
      break;
    default:
      return fail_with(result.error());
  }
  end_loading(std::move(loaded));
}

void Replica::install_snapshot(ReplicaId from, const SnapshotMark& mark,
                               std::shared_ptr<store::Store> loaded) {
  if (failed_) return;
  if (env_.engine.commit_under_way()) {
    // The engine changes hands between two commits.
    install_next_ = [this, from, mark, loaded = std::move(loaded)]() mutable {
      install_snapshot(from, mark, std::move(loaded));
    };
    return;
  }
  // Another master may have sent what was missing meanwhile.
  if (!log_->wants_snapshot(mark)) {
    env_.engine.forget_loaded();
    return end_loading(std::move(loaded));
  }
  installing_ = true;
  // It speaks of its maker's log. From the first moment it has to speak of this one's, which
  // remembers what this replica promised; a crash may come before the log says anything of it.
  note_saved_by(*loaded);
  auto batch = loaded->take_batch();
  const bool noted = batch.has_value();
  env_.engine.adopt_loaded_later(noted ? std::move(*batch) : storage::WriteBatch(),
                                 [this, from, mark, noted, loaded = std::move(loaded),
                                  alive = std::weak_ptr(alive_)](Result<void> result) mutable {
                                   if (alive.expired() || failed_) return;
                                   installing_ = false;
                                   if (!result)
                                     return on_snapshot_not_installed(from, mark, result.error(),
                                                                      loaded);
                                   if (noted) loaded->on_batch_committed();
                                   on_snapshot_installed(from, mark, *loaded);
                                   chunk_waiting_.reset();
                                   end_loading(std::move(loaded));
                                 });
}

void Replica::on_snapshot_not_installed(ReplicaId from, const SnapshotMark& mark,
                                        const Error& error, std::shared_ptr<store::Store> loaded) {
  if (error.code != ErrorCode::kNoSpace) return fail_with(error);
  tell_what_was_persisted();
  log_->on_chunk_written(from, mark, 0, env_.loop.now());  // from the beginning
  end_loading(std::move(loaded));
}

// What became durable while the log stood still.
void Replica::tell_what_was_persisted() {
  if (persisted_meanwhile_)
    log_->on_persisted(*std::exchange(persisted_meanwhile_, {}), env_.loop.now());
}

void Replica::on_snapshot_installed(ReplicaId from, const SnapshotMark& mark,
                                    store::Store& loaded) {
  if (env_.store_replaced) env_.store_replaced();
  const bool took_part = takes_part();
  store_.exchange(loaded);
  maybe_notice_removal(took_part);
  if (!may_go_on_at_cell_version()) return;
  CHECK(store_.applied() == mark.index);
  if (auto done = wal_->reset(mark.index, mark.term); !done) return fail_with(done.error());
  ++counters_.snapshots_installed;
  log_->on_snapshot_installed(from, mark, env_.loop.now());
  tell_what_was_persisted();
}

void Replica::end_loading(std::shared_ptr<store::Store> garbage) {
  loading_ = false;
  arriving_much_.reset();
  env_.engine.dispose_later(std::move(garbage));
  if (!failed_ && chunk_waiting_) on_chunk(*std::exchange(chunk_waiting_, std::nullopt));
}

}  // namespace polis::replica
