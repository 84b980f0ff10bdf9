#include "replica/backups.hh"

#include "replica/snapshot_error.hh"

namespace polis::replica {

Backups::Backups(Needs needs) : needs_(std::move(needs)) {}

void Backups::add(const std::string& path, Done done) {
  waiting_.push_back({path, needs_.store.applied(), std::move(done)});
}

void Backups::maybe_begin() {
  for (auto i = waiting_.begin(); i != waiting_.end();) {
    if (needs_.store.durable_mark().index < i->needed) {
      ++i;
      continue;
    }
    needs_.engine.save_snapshot_later(
        i->path, std::string(store::kMetaName), store::Store::check_rows(),
        [this, done = std::move(i->done), much = needs_.disk.expect_much(),
         alive = std::weak_ptr(alive_)](const Result<storage::SnapshotFile>& made) {
          done(made);
          if (!alive.expired() && !made && is_fatal(made.error())) needs_.fatal(made.error());
        });
    i = waiting_.erase(i);
  }
}

}  // namespace polis::replica
