#include "replica/snapshot_receiver.hh"

namespace polis::replica {
namespace {

// Without another chunk.
constexpr Duration kTransferOver = std::chrono::seconds(10);

}  // namespace

SnapshotReceiver::SnapshotReceiver(const Options& options, Needs needs)
    : options_(options), needs_(std::move(needs)) {}

void SnapshotReceiver::on_chunk(consensus::ChunkArrived chunk) {
  if (loading_) {
    // Of another snapshot, whose sender waits: the file is being read.
    chunk_waiting_ = std::move(chunk);
    return;
  }
  if (chunk.offset == 0) {
    file_.reset();
    [[maybe_unused]] auto removed = needs_.disk.remove(path());
    auto file = needs_.disk.create(path());
    if (!file) return;  // no space, most likely: the transfer begins again
    file_ = std::move(*file);
  }
  if (!much_) much_ = needs_.disk.expect_much();
  chunk_last_ = needs_.loop.now();
  if (!file_ || !file_->write(chunk.offset, chunk.bytes)) return;
  std::uint64_t offset = chunk.offset + chunk.bytes.size();
  needs_.log.on_chunk_written(chunk.from, chunk.mark, offset, needs_.loop.now());
  if (offset == chunk.size) load(chunk.from, chunk.mark);
}

void SnapshotReceiver::maybe_expect_little() {
  if (much_ && !loading_ && needs_.loop.now() - chunk_last_ > kTransferOver) much_.reset();
}

// Beside everything else that goes on, into an engine and a store of its own.
void SnapshotReceiver::load(ReplicaId from, const SnapshotMark& mark) {
  loading_ = true;
  file_.reset();
  auto loaded = std::make_shared<store::Store>(needs_.engine);
  needs_.engine.load_snapshot_later(path(), loaded->restore_from(),
                                    [this, from, mark, loaded, alive = std::weak_ptr(alive_)](
                                        const Result<void>& result) mutable {
                                      if (!alive.expired())
                                        on_loaded(from, mark, result, std::move(loaded));
                                    });
}

void SnapshotReceiver::on_loaded(ReplicaId from, const SnapshotMark& mark,
                                 const Result<void>& result, Loaded loaded) {
  if (needs_.situation.ended) return;
  [[maybe_unused]] auto removed = needs_.disk.remove(path());
  if (result) return install(from, mark, std::move(loaded));
  switch (result.error().code) {
    case ErrorCode::kCorrupt:
      needs_.log.on_snapshot_damaged(from, mark, needs_.loop.now());
      break;
    case ErrorCode::kNoSpace:
      // From the beginning.
      needs_.log.on_chunk_written(from, mark, 0, needs_.loop.now());
      break;
    default:
      return needs_.fatal(result.error());
  }
  end(std::move(loaded));
}

void SnapshotReceiver::install(ReplicaId from, const SnapshotMark& mark, Loaded loaded) {
  if (needs_.situation.ended) return;
  if (needs_.engine.commit_under_way()) {
    // The engine changes hands between two commits.
    install_next_ = [this, from, mark, loaded = std::move(loaded)]() mutable {
      install(from, mark, std::move(loaded));
    };
    return;
  }
  // Another master may have sent what was missing meanwhile.
  if (!needs_.log.wants_snapshot(mark)) {
    needs_.engine.forget_loaded();
    return end(std::move(loaded));
  }
  needs_.situation.installing = true;
  // It speaks of its maker's log. From the first moment it has to speak of this one's, which
  // remembers what this replica promised; a crash may come before the log says anything of it.
  needs_.note_saved_by(*loaded);
  auto batch = loaded->take_batch();
  const bool noted = batch.has_value();
  needs_.engine.adopt_loaded_later(
      noted ? std::move(*batch) : storage::WriteBatch(),
      [this, from, mark, noted, loaded = std::move(loaded),
       alive = std::weak_ptr(alive_)](const Result<void>& result) mutable {
        if (alive.expired() || needs_.situation.ended) return;
        if (result && noted) loaded->on_batch_committed();
        on_adopted(from, mark, result, std::move(loaded));
      });
}

void SnapshotReceiver::on_adopted(ReplicaId from, const SnapshotMark& mark,
                                  const Result<void>& result, Loaded loaded) {
  needs_.situation.installing = false;
  if (result) {
    needs_.install(from, mark, *loaded);
    chunk_waiting_.reset();
  } else {
    if (result.error().code != ErrorCode::kNoSpace) return needs_.fatal(result.error());
    needs_.log_goes_on();
    // From the beginning.
    needs_.log.on_chunk_written(from, mark, 0, needs_.loop.now());
  }
  end(std::move(loaded));
}

void SnapshotReceiver::on_engine_idle() {
  if (install_next_) std::exchange(install_next_, nullptr)();
}

void SnapshotReceiver::end(Loaded garbage) {
  loading_ = false;
  much_.reset();
  needs_.engine.dispose_later(std::move(garbage));
  if (!needs_.situation.ended && chunk_waiting_)
    on_chunk(*std::exchange(chunk_waiting_, std::nullopt));
}

}  // namespace polis::replica
