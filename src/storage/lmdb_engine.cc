#include "storage/lmdb_engine.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.hh"
#include "io/posix_disk.hh"
#include "storage/snapshot_file.hh"

namespace polis::storage {
namespace {

constexpr std::size_t kKeyBytes = 12;
constexpr std::uint64_t kMapBytesMin = 8ULL << 30;

// Big-endian revision and place: LMDB compares bytes.
struct StoredKey {
  char bytes[kKeyBytes];
  explicit StoredKey(RecordKey key) {
    std::uint64_t revision = __builtin_bswap64(key.revision);
    std::uint32_t sub = __builtin_bswap32(key.sub);
    std::memcpy(bytes, &revision, 8);
    std::memcpy(bytes + 8, &sub, 4);
  }
  MDB_val val() { return {kKeyBytes, bytes}; }
};

RecordKey record_key(const MDB_val& v) {
  CHECK(v.mv_size == kKeyBytes);
  std::uint64_t revision;
  std::uint32_t sub;
  std::memcpy(&revision, v.mv_data, 8);
  std::memcpy(&sub, static_cast<const char*>(v.mv_data) + 8, 4);
  return {__builtin_bswap64(revision), __builtin_bswap32(sub)};
}

std::string_view view(const MDB_val& v) { return {static_cast<const char*>(v.mv_data), v.mv_size}; }
MDB_val val(std::string_view s) { return {s.size(), const_cast<char*>(s.data())}; }

std::unexpected<Error> lmdb_error(int rc, std::string_view action, const std::string& path) {
  ErrorCode code = io::means_no_space(rc) || rc == MDB_MAP_FULL ? ErrorCode::kNoSpace
                   : rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID ||
                           rc == MDB_VERSION_MISMATCH
                       ? ErrorCode::kCorrupt
                       : ErrorCode::kIo;
  return fail(code, fmt::format("cannot {} {}: {}", action, path, mdb_strerror(rc)));
}

}  // namespace

// An open LMDB file with its two tables and the loop's read transaction.
class LmdbEngine::Environment {
 public:
  static Result<std::unique_ptr<Environment>> open(const std::string& path,
                                                   std::uint64_t map_bytes) {
    auto environment = std::unique_ptr<Environment>(new Environment(path));
    if (int rc = environment->try_open(map_bytes); rc != 0) return lmdb_error(rc, "open", path);
    return environment;
  }
  ~Environment() {
    if (reader_ != nullptr) mdb_txn_abort(reader_);
    if (env_ != nullptr) mdb_env_close(env_);
  }

  // The loop's view: the last commit that it was told of.
  MDB_txn* reader() { return reader_; }
  void refresh_reader() {
    mdb_txn_reset(reader_);
    int rc = mdb_txn_renew(reader_);
    CHECK_MSG(rc == 0, mdb_strerror(rc));
  }
  MDB_env* env() { return env_; }
  MDB_dbi records() const { return records_; }
  MDB_dbi named() const { return named_; }
  const std::string& path() const { return path_; }

  // On the worker's thread. `took`: what the commit alone did, without the filling.
  Result<void> write(const WriteBatch& batch, Duration* took = nullptr) {
    MDB_txn* txn = nullptr;
    errno = 0;
    int rc = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (rc != 0) return lmdb_error(rc, "begin a transaction in", path_);
    rc = fill(txn, batch);
    if (rc != 0) {
      rc = true_reason(rc);
      mdb_txn_abort(txn);
      return lmdb_error(rc, "write to", path_);
    }
    const Instant filled = io::boot_now();
    rc = true_reason(mdb_txn_commit(txn));
    if (took != nullptr) *took = io::boot_now() - filled;
    if (rc != 0) return lmdb_error(rc, "commit to", path_);
    return {};
  }

 private:
  explicit Environment(std::string path) : path_(std::move(path)) {}

  int try_open(std::uint64_t map_bytes) {
    int rc = mdb_env_create(&env_);
    if (rc == 0) rc = mdb_env_set_mapsize(env_, map_bytes);
    if (rc == 0) rc = mdb_env_set_maxdbs(env_, 4);
    if (rc == 0)
      rc = mdb_env_open(env_, path_.c_str(), MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    MDB_txn* txn = nullptr;
    if (rc == 0) rc = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (rc != 0) return rc;
    rc = mdb_dbi_open(txn, "records", MDB_CREATE, &records_);
    if (rc == 0) rc = mdb_dbi_open(txn, "named", MDB_CREATE, &named_);
    if (rc != 0) {
      mdb_txn_abort(txn);
      return rc;
    }
    rc = mdb_txn_commit(txn);
    if (rc == 0) rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &reader_);
    return rc;
  }

  // A write that the system cut short is EIO to LMDB, although no call failed: the disk was full
  // within that write. What did fail has set errno.
  static int true_reason(int rc) { return rc == EIO && errno == 0 ? ENOSPC : rc; }

  int fill(MDB_txn* txn, const WriteBatch& batch) {
    for (const Record& record : batch.records) {
      StoredKey key(record.key);
      MDB_val k = key.val(), v = val(*record.bytes);
      if (int rc = mdb_put(txn, records_, &k, &v, MDB_APPEND); rc != 0) return rc;
    }
    for (RecordKey removed : batch.removed) {
      StoredKey key(removed);
      MDB_val k = key.val();
      if (int rc = mdb_del(txn, records_, &k, nullptr); rc != 0 && rc != MDB_NOTFOUND) return rc;
    }
    for (const auto& [name, value] : batch.named) {
      MDB_val k = val(name);
      int rc = 0;
      if (value) {
        MDB_val v = val(*value);
        rc = mdb_put(txn, named_, &k, &v, 0);
      } else {
        rc = mdb_del(txn, named_, &k, nullptr);
        if (rc == MDB_NOTFOUND) rc = 0;
      }
      if (rc != 0) return rc;
    }
    return 0;
  }

  std::string path_;
  MDB_env* env_ = nullptr;
  MDB_dbi records_ = 0, named_ = 0;
  MDB_txn* reader_ = nullptr;
};

namespace {

using UsePair = std::function<Result<bool>(const MDB_val&, const MDB_val&)>;

Result<bool> and_go_on(Result<void> done) {
  if (!done) return std::unexpected(done.error());
  return true;
}

Result<void> walk(MDB_txn* txn, MDB_dbi table, MDB_val* from, const std::string& path,
                  const UsePair& use) {
  MDB_cursor* cursor = nullptr;
  if (int rc = mdb_cursor_open(txn, table, &cursor); rc != 0) return lmdb_error(rc, "read", path);
  MDB_val k{}, v{};
  if (from != nullptr) k = *from;
  int rc = mdb_cursor_get(cursor, &k, &v, from != nullptr ? MDB_SET_RANGE : MDB_FIRST);
  Result<void> result;
  while (rc == 0) {
    auto more = use(k, v);
    if (!more) result = std::unexpected(more.error());
    if (!more || !*more) break;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  if (rc != 0 && rc != MDB_NOTFOUND) return lmdb_error(rc, "read", path);
  return result;
}

class OutputFile {
 public:
  explicit OutputFile(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}
  ~OutputFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  Result<void> write(std::string_view bytes) {
    while (fd_ >= 0 && !bytes.empty()) {
      ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0) return failed("write");
      bytes.remove_prefix(static_cast<std::size_t>(n));
      unsynced_ += static_cast<std::size_t>(n);
    }
    if (fd_ >= 0 && unsynced_ >= kSyncEvery) return sync();
    return fd_ < 0 ? failed("create") : Result<void>();
  }
  Result<void> sync() {
    unsynced_ = 0;
    return ::fdatasync(fd_) == 0 ? Result<void>() : failed("sync");
  }

 private:
  Result<void> failed(const char* action) {
    return fail(io::means_no_space(errno) ? ErrorCode::kNoSpace
                : fd_ < 0                 ? ErrorCode::kUnavailable  // too many open files, perhaps
                                          : ErrorCode::kIo,
                fmt::format("cannot {} {}: {}", action, path_, std::strerror(errno)));
  }
  // Little at a time: the log's syncs wait behind it.
  static constexpr std::size_t kSyncEvery = 4 << 20;
  std::string path_;
  int fd_;
  std::size_t unsynced_ = 0;
};

}  // namespace

LmdbEngine::LmdbEngine(io::Loop& loop, LmdbOptions options)
    : loop_(loop),
      options_(std::move(options)),
      worker_(std::make_unique<io::Worker>("polis-engine")),
      snapshot_worker_(std::make_unique<io::Worker>("polis-snapshot")) {}

LmdbEngine::~LmdbEngine() {
  worker_.reset();  // both wait
  snapshot_worker_.reset();
  alive_.reset();
}

Result<std::unique_ptr<LmdbEngine>> LmdbEngine::open(io::Loop& loop, LmdbOptions options) {
  auto engine = std::unique_ptr<LmdbEngine>(new LmdbEngine(loop, std::move(options)));
  ::unlink((engine->path() + ".new").c_str());
  auto environment = Environment::open(engine->path(), engine->options_.map_bytes);
  // Where address space is short (a limit on it, a sanitizer) a smaller map has to do.
  while (!environment && engine->options_.map_bytes > kMapBytesMin) {
    engine->options_.map_bytes /= 2;
    environment = Environment::open(engine->path(), engine->options_.map_bytes);
  }
  if (!environment) return std::unexpected(environment.error());
  engine->environment_ = std::move(*environment);
  return engine;
}

Result<bool> LmdbEngine::get(RecordKey key, const std::function<void(std::string_view)>& use) {
  StoredKey stored(key);
  MDB_val k = stored.val(), v{};
  int rc = mdb_get(environment_->reader(), environment_->records(), &k, &v);
  if (rc == MDB_NOTFOUND) return false;
  if (rc != 0) return lmdb_error(rc, "read", path());
  use(view(v));
  return true;
}

Result<void> LmdbEngine::scan(RecordKey from,
                              const std::function<bool(RecordKey, std::string_view)>& use) {
  StoredKey stored(from);
  MDB_val k = stored.val();
  return walk(environment_->reader(), environment_->records(), &k, path(),
              [&](const MDB_val& key, const MDB_val& value) -> Result<bool> {
                return use(record_key(key), view(value));
              });
}

Result<void> LmdbEngine::scan_named(
    std::string_view prefix, const std::function<void(std::string_view, std::string_view)>& use) {
  MDB_val k = val(prefix);
  return walk(environment_->reader(), environment_->named(), prefix.empty() ? nullptr : &k, path(),
              [&](const MDB_val& key, const MDB_val& value) -> Result<bool> {
                if (!view(key).starts_with(prefix)) return false;
                use(view(key), view(value));
                return true;
              });
}

void LmdbEngine::commit_later(WriteBatch batch, io::Done done) {
  CHECK(!commit_under_way_);
  commit_under_way_ = true;
  // Shared: the job and the posted callback both need the batch's life to end on the loop, where
  // its bytes are shared.
  auto shared = std::make_shared<WriteBatch>(std::move(batch));
  worker_->run([this, shared, done = std::move(done), alive = std::weak_ptr(alive_)]() mutable {
    Duration took{};
    Result<void> result = environment_->write(*shared, &took);
    loop_.post([this, shared = std::move(shared), result = std::move(result),
                done = std::move(done), took, alive] {
      if (alive.expired()) return;
      commit_under_way_ = false;
      if (result) commit_times_.add(took);
      if (result) environment_->refresh_reader();
      done(result);
    });
  });
}

void LmdbEngine::save_snapshot_later(const std::string& to, const std::string& name,
                                     SnapshotRows also,
                                     std::function<void(Result<SnapshotFile>)> done) {
  snapshot_worker_->run([this, to, name, also = std::move(also), environment = environment_,
                         done = std::move(done), alive = std::weak_ptr(alive_)]() mutable {
    auto save = [&]() -> Result<SnapshotFile> {
      OutputFile file(to);
      SnapshotWriter writer([&](std::string_view bytes) { return file.write(bytes); });
      MDB_txn* txn = nullptr;
      if (int rc = mdb_txn_begin(environment->env(), nullptr, MDB_RDONLY, &txn); rc != 0)
        return lmdb_error(rc, "read", path());
      std::string reported;
      auto result = walk(txn, environment->named(), nullptr, path(),
                         [&](const MDB_val& k, const MDB_val& v) -> Result<bool> {
                           if (view(k) == name) reported = view(v);
                           if (auto good = also.named(view(k), view(v)); !good)
                             return std::unexpected(good.error());
                           return and_go_on(writer.add_named(view(k), view(v)));
                         });
      if (result) {
        result = walk(txn, environment->records(), nullptr, path(),
                      [&](const MDB_val& k, const MDB_val& v) -> Result<bool> {
                        if (auto good = also.record(record_key(k), view(v)); !good)
                          return std::unexpected(good.error());
                        return and_go_on(writer.add_record(record_key(k), view(v)));
                      });
      }
      mdb_txn_abort(txn);
      if (result) result = writer.finish();
      if (result) result = file.sync();
      if (!result) return std::unexpected(result.error());
      return SnapshotFile{writer.bytes(), reported};
    };
    auto result = save();
    also = {};
    environment.reset();  // here, if it is the last one
    loop_.post([result = std::move(result), done = std::move(done), alive] {
      if (!alive.expired()) done(result);
    });
  });
}

void LmdbEngine::load_snapshot_later(const std::string& from, SnapshotRows also, io::Done done) {
  snapshot_worker_->run([this, from, also = std::move(also), done = std::move(done),
                         alive = std::weak_ptr(alive_)]() mutable {
    Result<void> result = load(from, also);
    if (!result) ::unlink(path_beside().c_str());
    also = {};
    loop_.post([result = std::move(result), done = std::move(done), alive] {
      if (!alive.expired()) done(result);
    });
  });
}

// On the worker's thread.
Result<void> LmdbEngine::load(const std::string& from, const SnapshotRows& also) {
  ::unlink(path_beside().c_str());
  ::unlink((path_beside() + "-lock").c_str());
  auto environment = Environment::open(path_beside(), options_.map_bytes);
  if (!environment) return std::unexpected(environment.error());
  int fd = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(ErrorCode::kIo, fmt::format("cannot open {}: {}", from, std::strerror(errno)));
  WriteBatch batch;
  std::size_t batch_bytes = 0;
  auto flush = [&](std::size_t more) -> Result<void> {
    batch_bytes += more;
    if (more != 0 && batch_bytes < (16 << 20)) return {};
    auto result = (*environment)->write(batch);
    batch = {};
    batch_bytes = 0;
    return result;
  };
  SnapshotRows rows{[&](std::string_view name, std::string_view value) {
                      if (auto good = also.named(name, value); !good) return good;
                      batch.named.emplace_back(name, value);
                      return flush(name.size() + value.size());
                    },
                    [&](RecordKey key, std::string_view bytes) {
                      if (auto good = also.record(key, bytes); !good) return good;
                      batch.records.push_back({key, share(std::string(bytes))});
                      return flush(bytes.size() + 64);
                    }};
  auto result = read_snapshot(
      [&](std::uint64_t at, std::size_t n) -> Result<std::string> {
        std::string bytes(n, '\0');
        ssize_t got = ::pread(fd, bytes.data(), n, static_cast<off_t>(at));
        if (got < 0)
          return fail(ErrorCode::kIo,
                      fmt::format("cannot read {}: {}", from, std::strerror(errno)));
        bytes.resize(static_cast<std::size_t>(got));
        return bytes;
      },
      rows);
  ::close(fd);
  if (result) result = flush(0);
  return result;
}

// In the place of commits, so that none comes between.
void LmdbEngine::adopt_loaded_later(WriteBatch also, io::Done done) {
  CHECK(!commit_under_way_);
  commit_under_way_ = true;
  auto shared = std::make_shared<WriteBatch>(std::move(also));  // as in commit_later
  worker_->run([this, shared, done = std::move(done), alive = std::weak_ptr(alive_)]() mutable {
    auto adopted = adopt(*shared);
    loop_.post([this, shared = std::move(shared), adopted = std::move(adopted),
                done = std::move(done), alive]() mutable {
      if (alive.expired()) return;
      commit_under_way_ = false;
      if (!adopted) return done(std::unexpected(adopted.error()));
      dispose_later(std::exchange(environment_, std::move(*adopted)));
      done({});
    });
  });
}

// On the worker's thread. The file that is replaced lives on until its environment is closed.
Result<std::shared_ptr<LmdbEngine::Environment>> LmdbEngine::adopt(const WriteBatch& also) {
  if (!also.empty()) {
    auto loaded = Environment::open(path_beside(), options_.map_bytes);
    if (!loaded) return std::unexpected(loaded.error());
    if (auto written = (*loaded)->write(also); !written) return std::unexpected(written.error());
  }
  ::unlink((path() + "-lock").c_str());
  ::unlink((path_beside() + "-lock").c_str());
  if (::rename(path_beside().c_str(), path().c_str()) != 0)
    return fail(ErrorCode::kIo,
                fmt::format("cannot rename {}: {}", path_beside(), std::strerror(errno)));
  int fd = ::open(options_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool durable = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!durable)
    return fail(ErrorCode::kIo,
                fmt::format("cannot sync {}: {}", options_.directory, std::strerror(errno)));
  auto adopted = Environment::open(path(), options_.map_bytes);
  if (!adopted) return fail(ErrorCode::kIo, adopted.error().text);  // the old state is gone
  return adopted;
}

void LmdbEngine::forget_loaded() {
  snapshot_worker_->run([path = path_beside()] { ::unlink(path.c_str()); });
}

void LmdbEngine::dispose_later(std::shared_ptr<void> garbage) {
  snapshot_worker_->run([garbage = std::move(garbage)]() mutable { garbage.reset(); });
}

std::uint64_t LmdbEngine::bytes_on_disk() const {
  struct stat st;
  return ::stat(path().c_str(), &st) == 0 ? static_cast<std::uint64_t>(st.st_blocks) * 512 : 0;
}

std::uint64_t LmdbEngine::bytes_in_use() const {
  MDB_stat st;
  std::uint64_t pages = 0;
  for (MDB_dbi table : {environment_->records(), environment_->named()}) {
    if (mdb_stat(environment_->reader(), table, &st) == 0) {
      pages += st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
    }
  }
  return pages * 4096;
}

}  // namespace polis::storage
