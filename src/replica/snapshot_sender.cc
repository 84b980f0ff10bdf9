#include "replica/snapshot_sender.hh"

#include <fmt/format.h>

#include "replica/snapshot_error.hh"

namespace polis::replica {

SnapshotSender::SnapshotSender(const Options& options, Needs needs)
    : options_(options), needs_(std::move(needs)) {}

void SnapshotSender::make() {
  const LogIndex needed = needs_.log.status().first.previous();
  if (mark_ && mark_->index >= needed)
    return needs_.log.on_snapshot_available(*mark_, bytes_, needs_.loop.now());
  if (making_ || needs_.store.durable_mark().index < needed)
    return;  // the engine will be there soon
  making_ = true;
  std::string path = fmt::format("{}/snapshots/out-{}.snapshot", options_.directory, ++serial_);
  needs_.engine.save_snapshot_later(
      path, std::string(store::kMetaName), store::Store::check_rows(),
      [this, path, much = needs_.disk.expect_much(),
       alive = std::weak_ptr(alive_)](const Result<storage::SnapshotFile>& made) {
        if (!alive.expired()) on_made(path, made);
      });
}

void SnapshotSender::on_made(const std::string& path, const Result<storage::SnapshotFile>& made) {
  making_ = false;
  if (!made && is_fatal(made.error())) return needs_.fatal(made.error());
  auto file = made ? needs_.disk.open(path) : std::unexpected(made.error());
  auto mark = made ? store::mark_of_meta(made->named) : std::nullopt;
  if (!file || !mark) {
    // No space, most likely: the follower waits, and the next heartbeat asks again.
    [[maybe_unused]] auto removed = needs_.disk.remove(path);
    return;
  }
  forget();
  mark_ = *mark;
  path_ = path;
  bytes_ = made->bytes;
  file_ = std::move(*file);
  ++needs_.counters.snapshots_sent;
  needs_.log.on_snapshot_available(*mark_, bytes_, needs_.loop.now());
}

void SnapshotSender::forget() {
  mark_.reset();
  file_.reset();
  if (!path_.empty()) [[maybe_unused]]
    auto removed = needs_.disk.remove(path_);
  path_.clear();
}

bool SnapshotSender::read(const consensus::ChunkReference& chunk, std::string& out) {
  if (!mark_ || mark_->index != chunk.snapshot || !file_) return false;
  auto bytes = file_->read(chunk.offset, chunk.length);
  if (!bytes || bytes->size() != chunk.length) return false;
  out += *bytes;
  return true;
}

std::optional<LogIndex> SnapshotSender::index() const {
  return mark_ ? std::optional(mark_->index) : std::nullopt;
}

}  // namespace polis::replica
