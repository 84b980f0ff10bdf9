#include "cell/stopped.hh"

#include <fmt/format.h>

#include "storage/wal.hh"

namespace polis::cell {
namespace {

struct NobodyWaits final : store::ApplySink {
  bool wants_replies(const store::Origin&) override { return false; }
  void on_reply(const store::Origin&, std::size_t, store::Reply) override {}
  void on_duplicate(const store::Origin&) override {}
  void on_lease(std::int64_t, std::int64_t, bool) override {}
};

// Those behind the state, as far as none is missing.
std::vector<consensus::Entry> behind(const consensus::SnapshotMark& state,
                                     storage::Recovered& found) {
  std::vector<consensus::Entry> entries;
  consensus::LogIndex next = state.index.next();
  for (auto& [slot, entry] : found.accepted) {
    if (slot < next) continue;
    if (slot != next) break;
    entries.push_back(std::move(entry));
    next = next.next();
  }
  // A log that does not hold the state's last entry ends before a state that came as a snapshot.
  bool holds_state = state.index == found.base_index;
  for (consensus::Entry& entry : found.entries) {
    if (entry.index == state.index) holds_state = entry.term == state.term;
    if (holds_state && entry.index > state.index) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

void apply_alone(store::Store& store, const std::vector<consensus::Entry>& entries) {
  NobodyWaits sink;
  for (const consensus::Entry& entry : entries) store.apply(entry, sink);
}

Result<std::unique_ptr<StoppedReplica>> StoppedReplica::open(const std::string& data_dir,
                                                             LogUse use) {
  auto owner = owner_of(data_dir);
  if (!owner) return std::unexpected(owner.error());
  if (!*owner) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format("{} is no data directory of a replica: it has no file 'identity'", data_dir));
  }
  auto lock = io::lock_directory(data_dir);
  if (!lock) return std::unexpected(lock.error());
  auto replica = std::unique_ptr<StoppedReplica>(new StoppedReplica(data_dir, std::move(**owner)));
  replica->lock_ = std::move(*lock);
  if (auto read = replica->read(use); !read) {
    std::string text = read.error().text;
    if (read.error().code == ErrorCode::kCorrupt && use == LogUse::kNeeded)
      text += " With --without-log the state alone is taken, which ends before the log did";
    return fail(read.error().code, text);
  }
  return replica;
}

Result<void> StoppedReplica::wait(const std::function<void(io::Done)>& begin) {
  Result<void> outcome;
  begin([&](Result<void> result) {
    outcome = std::move(result);
    reactor_.stop();
  });
  reactor_.run();
  return outcome;
}

Result<void> StoppedReplica::read(LogUse use) {
  auto engine = storage::LmdbEngine::open(reactor_, {.directory = data_dir_});
  if (!engine) return std::unexpected(engine.error());
  engine_ = std::move(*engine);
  store_ = std::make_unique<store::Store>(*engine_);
  if (auto opened = store_->open(); !opened) return opened;
  if (store_->cell_version() > store::kCellVersionNewest) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the cell was at version {}, this release of Polis knows {}: use a "
                            "newer release",
                            store_->cell_version(), store::kCellVersionNewest));
  }
  if (use == LogUse::kIgnored) return {};
  const auto& by = store_->saved_by();
  const bool says = by && by->cell == owner_.known.cell && by->replica == owner_.known.id;
  storage::Recovered found;
  auto wal = storage::Wal::open(disk_,
                                {.directory = data_dir_ + "/wal",
                                 .identity = {owner_.known.cell, owner_.known.id},
                                 .gaps = owner_.known.protocol == consensus::Protocol::kPaxos,
                                 .reached = says ? by->log_durable : 1},
                                found);
  if (!wal) return std::unexpected(wal.error());
  if (store_->applied() < found.base_index) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("the state in {} ends at entry {} but the log begins behind entry {}.",
                            data_dir_, store_->applied().value, found.base_index.value));
  }
  return replay(behind(store_->applied_mark(), found), found.hard_state.commit);
}

Result<void> StoppedReplica::replay(std::vector<consensus::Entry> entries,
                                    consensus::LogIndex committed) {
  auto first = std::find_if(entries.begin(), entries.end(),
                            [&](const consensus::Entry& e) { return e.index > committed; });
  uncommitted_.assign(std::make_move_iterator(first), std::make_move_iterator(entries.end()));
  entries.erase(first, entries.end());
  apply_alone(*store_, entries);
  auto batch = store_->take_batch();
  if (!batch) return {};
  auto committed_to_engine =
      wait([&](io::Done done) { engine_->commit_later(std::move(*batch), std::move(done)); });
  if (committed_to_engine) store_->on_batch_committed();
  return committed_to_engine;
}

consensus::LogIndex StoppedReplica::last() const {
  return uncommitted_.empty() ? store_->applied() : uncommitted_.back().index;
}

consensus::Term StoppedReplica::last_term() const {
  return uncommitted_.empty() ? store_->applied_mark().term : uncommitted_.back().term;
}

Result<void> StoppedReplica::save(const std::string& path) {
  return wait([&](io::Done done) {
    engine_->save_snapshot_later(path, std::string(store::kMetaName), store::Store::check_rows(),
                                 [done = std::move(done)](Result<storage::SnapshotFile> made) {
                                   done(made ? Result<void>() : std::unexpected(made.error()));
                                 });
  });
}

}  // namespace polis::cell
