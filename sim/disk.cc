#include "sim/disk.hh"

#include "base/check.hh"

namespace polis::sim {
namespace {

void put(std::string& content, std::uint64_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

void DiskContents::crash(Random& random) {
  names = durable_names;
  for (auto& [name, file] : names) {
    for (auto& write : file->unsynced) {
      // The system writes back in any order, sector by sector: each survives or not.
      bool whole = random.chance(0.5);
      double survive = random.chance(0.5) ? 0.0 : 0.7;
      for (std::size_t at = 0; at < write.bytes.size();) {
        std::size_t in_sector = kSectorBytes - (write.offset + at) % kSectorBytes;
        std::size_t n = std::min(in_sector, write.bytes.size() - at);
        if (whole || random.chance(survive)) {
          put(file->durable, write.offset + at, std::string_view(write.bytes).substr(at, n));
        }
        at += n;
      }
    }
    file->unsynced.clear();
    file->current = file->durable;
  }
}

std::string DiskContents::rot(Random& random, const std::string& path, std::uint64_t offset) {
  auto found = names.find(path);
  if (found == names.end() || offset >= found->second->durable.size()) return "";
  std::string& bytes = found->second->durable;
  const std::uint64_t sector = offset - offset % kSectorBytes;
  const std::size_t length = std::min<std::size_t>(kSectorBytes, bytes.size() - sector);
  std::string what;
  switch (random.below(3)) {
    case 0:
      bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << random.below(8)));
      what = "a flipped bit";
      break;
    case 1:
      bytes.replace(sector, length, length, '\0');
      what = "a lost write";
      break;
    default: {
      const std::uint64_t other = random.below(bytes.size() / kSectorBytes) * kSectorBytes;
      const std::string lost = bytes.substr(other, length);
      bytes.replace(sector, lost.size(), lost);
      what = "a misdirected write";
      break;
    }
  }
  found->second->current = bytes;
  return what + " in " + path;
}

void DiskContents::lose(const std::string& directory) {
  const auto inside = [&](auto& entry) { return directory_of(entry.first) == directory; };
  std::erase_if(names, inside);
  std::erase_if(durable_names, inside);
}

void DiskContents::empty(const std::string& directory) {
  for (auto& [name, file] : names) {
    if (directory_of(name) == directory) *file = {};
  }
}

void DiskContents::cut(const std::string& path, std::uint64_t offset) {
  const auto behind = [&](auto& entry) {
    return directory_of(entry.first) == directory_of(path) && entry.first > path;
  };
  std::erase_if(names, behind);
  std::erase_if(durable_names, behind);
  FileContents& file = *names.at(path);
  file.durable.resize(offset);
  file.current = file.durable;
}

class SimulatedFile final : public io::File {
 public:
  SimulatedFile(SimulatedDisk& disk, std::shared_ptr<FileContents> contents)
      : disk_(disk), contents_(std::move(contents)) {}

  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    if (disk_.faults_->full && offset + bytes.size() > contents_->current.size()) {
      return fail(ErrorCode::kNoSpace, "simulated disk is full");
    }
    put(contents_->current, offset, bytes);
    contents_->unsynced.push_back({offset, std::string(bytes)});
    return {};
  }
  Result<std::string> read(std::uint64_t offset, std::size_t length) override {
    if (offset >= contents_->current.size()) return std::string();
    return contents_->current.substr(offset, length);
  }
  Result<std::uint64_t> size() override { return contents_->current.size(); }
  Result<void> sync() override {
    if (sync_fails()) return failed_sync();
    make_durable(contents_->unsynced.size());
    return {};
  }
  // What was written when the sync began is durable when it ends; later writes are not.
  void sync_later(io::Done done) override {
    std::size_t writes = contents_->unsynced.size();
    std::uint64_t id = ++disk_.next_timer_;
    disk_.timers_[id] = disk_.loop_.after(
        disk_.sync_time(), [this, id, writes, done = std::move(done), &disk = disk_] {
          auto keep = std::move(disk.timers_[id]);
          disk.timers_.erase(id);
          if (sync_fails()) return done(failed_sync());
          make_durable(std::min(writes, contents_->unsynced.size()));
          done({});
        });
  }

 private:
  bool sync_fails() { return disk_.faults_->fail_sync; }
  // As a system does it: it says so once, and calls what it could not write clean.
  Result<void> failed_sync() {
    disk_.faults_->fail_sync = false;
    disk_.faults_->sync_failed = true;
    contents_->unsynced.clear();
    return fail(ErrorCode::kIo, "simulated sync failed");
  }
  void make_durable(std::size_t writes) {
    ++disk_.contents_->syncs;
    for (std::size_t i = 0; i < writes; ++i) {
      put(contents_->durable, contents_->unsynced[i].offset, contents_->unsynced[i].bytes);
    }
    contents_->unsynced.erase(contents_->unsynced.begin(),
                              contents_->unsynced.begin() + static_cast<long>(writes));
  }
  SimulatedDisk& disk_;
  std::shared_ptr<FileContents> contents_;  // shared with the disk's names
};

Duration SimulatedDisk::sync_time() {
  if (random_.chance(faults_->stall)) return faults_->stall_length;
  return Duration(static_cast<std::int64_t>(
      random_.between(static_cast<std::uint64_t>(faults_->sync_min.count()),
                      static_cast<std::uint64_t>(faults_->sync_max.count()))));
}

Result<std::unique_ptr<io::File>> SimulatedDisk::open(const std::string& path) {
  auto found = contents_->names.find(path);
  if (found == contents_->names.end()) return fail(ErrorCode::kNotFound, "no file " + path);
  return std::make_unique<SimulatedFile>(*this, found->second);
}

Result<std::unique_ptr<io::File>> SimulatedDisk::create(const std::string& path) {
  if (faults_->full) return fail(ErrorCode::kNoSpace, "simulated disk is full");
  auto& file = contents_->names[path];
  file = std::make_shared<FileContents>();
  return std::make_unique<SimulatedFile>(*this, file);
}

Result<void> SimulatedDisk::create_zeroed(const std::string& path, std::uint64_t size) {
  if (contents_->names.contains(path)) return {};
  if (faults_->full) return fail(ErrorCode::kNoSpace, "simulated disk is full");
  auto file = std::make_shared<FileContents>();
  file->current = file->durable = std::string(size, '\0');
  contents_->names[path] = contents_->durable_names[path] = file;
  return {};
}

void SimulatedDisk::create_zeroed_later(const std::string& path, std::uint64_t size,
                                        io::Done done) {
  std::uint64_t id = ++next_timer_;
  timers_[id] = loop_.after(sync_time(), [this, id, path, size, done = std::move(done)] {
    auto keep = std::move(timers_[id]);
    timers_.erase(id);
    done(create_zeroed(path, size));
  });
}

Result<std::vector<std::string>> SimulatedDisk::list(const std::string& directory) {
  std::vector<std::string> found;
  for (auto& [name, file] : contents_->names) {
    if (directory_of(name) == directory) found.push_back(name.substr(directory.size() + 1));
  }
  return found;
}

Result<void> SimulatedDisk::remove(const std::string& path) {
  contents_->names.erase(path);
  return {};
}

Result<void> SimulatedDisk::rename(const std::string& from, const std::string& to) {
  auto found = contents_->names.find(from);
  if (found == contents_->names.end()) return fail(ErrorCode::kNotFound, "no file " + from);
  contents_->names[to] = found->second;
  contents_->names.erase(from);
  return {};
}

Result<void> SimulatedDisk::sync_directory(const std::string& directory) {
  std::erase_if(contents_->durable_names,
                [&](auto& e) { return directory_of(e.first) == directory; });
  for (auto& entry : contents_->names) {
    if (directory_of(entry.first) == directory) contents_->durable_names.insert(entry);
  }
  return {};
}

}  // namespace polis::sim
