#include "storage/memory_engine.hh"

#include "base/check.hh"
#include "storage/snapshot_file.hh"

namespace polis::storage {

MemoryEngine::MemoryEngine(std::shared_ptr<MemoryEngineState> state, io::Loop& loop, io::Disk& disk,
                           Random random, Duration commit_max)
    : state_(std::move(state)),
      loop_(loop),
      disk_(disk),
      random_(random),
      commit_max_(commit_max) {}

MemoryEngine::~MemoryEngine() {
  if (under_way_ && random_.chance(0.5)) apply(*under_way_, *state_);
  if (adopting_ && random_.chance(0.5)) *state_ = std::move(*loaded_);
}

Duration MemoryEngine::delay() {
  return Duration(static_cast<std::int64_t>(
      random_.below(static_cast<std::uint64_t>(commit_max_.count()) + 1)));
}

Result<bool> MemoryEngine::get(RecordKey key, const std::function<void(std::string_view)>& use) {
  auto found = state_->records.find(key);
  if (found == state_->records.end()) return false;
  use(*found->second);
  return true;
}

Result<void> MemoryEngine::scan(RecordKey from,
                                const std::function<bool(RecordKey, std::string_view)>& use) {
  for (auto i = state_->records.lower_bound(from); i != state_->records.end(); ++i) {
    if (!use(i->first, *i->second)) break;
  }
  return {};
}

Result<void> MemoryEngine::scan_named(
    std::string_view prefix, const std::function<void(std::string_view, std::string_view)>& use) {
  for (auto i = state_->named.lower_bound(std::string(prefix)); i != state_->named.end(); ++i) {
    if (!i->first.starts_with(prefix)) break;
    use(i->first, i->second);
  }
  return {};
}

void MemoryEngine::apply(const WriteBatch& batch, MemoryEngineState& state) {
  for (const Record& record : batch.records) {
    CHECK(state.records.empty() || state.records.rbegin()->first < record.key);
    state.records.emplace_hint(state.records.end(), record.key, record.bytes);
  }
  for (RecordKey key : batch.removed) state.records.erase(key);
  for (const auto& [name, value] : batch.named) {
    if (value) {
      state.named[name] = *value;
    } else {
      state.named.erase(name);
    }
  }
}

void MemoryEngine::commit_later(WriteBatch batch, io::Done done) {
  CHECK(!under_way_);
  under_way_ = std::move(batch);
  commit_timer_ = loop_.after(delay(), [this, done = std::move(done)] {
    auto keep = std::move(commit_timer_);
    apply(*under_way_, *state_);
    under_way_.reset();
    done({});
  });
}

void MemoryEngine::save_snapshot_later(const std::string& path, const std::string& name,
                                       SnapshotRows also,
                                       std::function<void(Result<SnapshotFile>)> done) {
  const std::uint64_t number = saves_++;
  save_timers_[number] = loop_.after(
      delay(), [this, number, path, name, also = std::move(also), done = std::move(done)] {
        auto keep = save_timers_.extract(number);
        done(save(path, name, also));
      });
}

Result<SnapshotFile> MemoryEngine::save(const std::string& path, const std::string& reported,
                                        const SnapshotRows& also) {
  auto file = disk_.create(path);
  if (!file) return std::unexpected(file.error());
  std::uint64_t at = 0;
  SnapshotWriter writer([&](std::string_view bytes) {
    auto result = (*file)->write(at, bytes);
    at += bytes.size();
    return result;
  });
  Result<void> done;
  for (auto& [name, value] : state_->named) {
    if (done) done = also.named(name, value);
    if (done) done = writer.add_named(name, value);
  }
  for (auto& [key, bytes] : state_->records) {
    if (done) done = also.record(key, *bytes);
    if (done) done = writer.add_record(key, *bytes);
  }
  if (done) done = writer.finish();
  if (done) done = (*file)->sync();
  if (!done) return std::unexpected(done.error());
  return SnapshotFile{writer.bytes(), state_->named[reported]};
}

void MemoryEngine::load_snapshot_later(const std::string& path, SnapshotRows also, io::Done done) {
  load_timer_ = loop_.after(delay(), [this, path, also = std::move(also), done = std::move(done)] {
    auto keep = std::move(load_timer_);
    done(load(path, also));
  });
}

Result<void> MemoryEngine::load(const std::string& path, const SnapshotRows& also) {
  auto file = disk_.open(path);
  if (!file) return std::unexpected(file.error());
  MemoryEngineState loaded;
  SnapshotRows rows{[&](std::string_view name, std::string_view value) {
                      loaded.named[std::string(name)] = value;
                      return also.named(name, value);
                    },
                    [&](RecordKey key, std::string_view bytes) {
                      loaded.records[key] = share(std::string(bytes));
                      return also.record(key, bytes);
                    }};
  auto done =
      read_snapshot([&](std::uint64_t at, std::size_t n) { return (*file)->read(at, n); }, rows);
  if (!done) return done;
  loaded_ = std::move(loaded);
  return {};
}

void MemoryEngine::adopt_loaded_later(WriteBatch also, io::Done done) {
  CHECK(!commit_under_way() && loaded_);
  apply(also, *loaded_);
  adopting_ = true;
  load_timer_ = loop_.after(delay(), [this, done = std::move(done)] {
    auto keep = std::move(load_timer_);
    adopting_ = false;
    *state_ = std::move(*loaded_);
    loaded_.reset();
    done({});
  });
}

std::uint64_t MemoryEngine::bytes_on_disk() const {
  std::uint64_t bytes = 0;
  for (auto& [key, value] : state_->records) bytes += value->size() + sizeof key;
  return bytes;
}

}  // namespace polis::storage
