#include "io/posix_disk.hh"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "io/log_file.hh"
#include "io/posix_file.hh"

namespace polis::io {
namespace {

constexpr off_t kLargeFile = 4 << 20;

// Writes through a temporary name, so that a crash never leaves a file that is not zeroed to its
// end. A file that is there already stays: somebody was in a hurry and made it himself.
Result<void> fill(const std::string& path, std::uint64_t size) {
  static std::atomic<unsigned> serial{0};
  const std::string temporary = fmt::format("{}.{}.tmp", path, serial++);
  int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("create", temporary);
  static const std::string zeros(1 << 20, '\0');
  Result<void> done;
  for (std::uint64_t at = 0; done && at < size; at += zeros.size()) {
    done = write_all(
        fd, at, std::string_view(zeros).substr(0, std::min<std::uint64_t>(zeros.size(), size - at)),
        temporary);
  }
  if (done && ::fsync(fd) != 0) done = system_error("sync", temporary);
  ::close(fd);
  if (done &&
      ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0 &&
      errno != EEXIST) {
    done = system_error("rename", temporary);
  }
  ::unlink(temporary.c_str());
  return done;
}

Result<void> sync_directory_at(const std::string& directory) {
  int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("open directory", directory);
  int rc = ::fsync(fd);
  ::close(fd);
  if (rc != 0) return system_error("sync directory", directory);
  return {};
}

}  // namespace

Instant boot_now() {
  timespec ts;
  ::clock_gettime(CLOCK_BOOTTIME, &ts);
  return Instant(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
}

void PosixDisk::on_synced(Duration took) {
  sync_average_ += (took - sync_average_) / 16;
  sync_times_.add(took);
}

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return system_error("open", path);
  return std::make_unique<PosixFile>(*this, fd, path);
}

Result<std::unique_ptr<File>> PosixDisk::open_log(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return system_error("open", path);
  return std::make_unique<LogFile>(*this, fd, path);
}

Result<std::unique_ptr<File>> PosixDisk::create(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("create", path);
  return std::make_unique<PosixFile>(*this, fd, path);
}

Result<void> PosixDisk::create_zeroed(const std::string& path, std::uint64_t size) {
  if (auto done = fill(path, size); !done) return done;
  return sync_directory_at(std::filesystem::path(path).parent_path().string());
}

void PosixDisk::create_zeroed_later(const std::string& path, std::uint64_t size, Done done) {
  filler_.run([this, path, size, done = std::move(done)]() mutable {
    Result<void> result = fill(path, size);
    if (result) result = sync_directory_at(std::filesystem::path(path).parent_path().string());
    loop_.post([result = std::move(result), done = std::move(done)] { done(result); });
  });
}

Result<void> PosixDisk::make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    errno = error.value();
    return system_error("create directory", path);
  }
  return {};
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& directory) {
  DIR* dir = ::opendir(directory.c_str());
  if (dir == nullptr) return system_error("list", directory);
  std::vector<std::string> names;
  while (dirent* entry = ::readdir(dir)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

// The name goes at once. Giving the space of a large file back takes the system long (400 ms for
// 2 GB on ext4), and happens when the last one closes it.
Result<void> PosixDisk::remove(const std::string& path) {
  struct stat st;
  int fd = -1;
  if (::lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && st.st_size > kLargeFile)
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Result<void> done;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) done = system_error("remove", path);
  if (fd >= 0) remover_.run([fd] { ::close(fd); });
  return done;
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from);
  return {};
}

Result<void> PosixDisk::sync_directory(const std::string& directory) {
  return sync_directory_at(directory);
}

std::shared_ptr<void> PosixDisk::expect_much() {
  ++*expected_;
  return {nullptr, [expected = expected_](void*) { --*expected; }};
}

Result<std::uint64_t> PosixDisk::bytes_free(const std::string& directory) {
  struct statvfs st;
  if (::statvfs(directory.c_str(), &st) != 0) return system_error("inspect", directory);
  return static_cast<std::uint64_t>(st.f_bavail) * st.f_frsize;
}

bool means_no_space(int number) { return number == ENOSPC || number == EDQUOT || number == EFBIG; }

Result<std::shared_ptr<void>> lock_directory(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("open", path);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return fail(ErrorCode::kUnavailable,
                fmt::format("data directory {} is in use by another polis process; stop that one "
                            "or choose another --data-dir",
                            directory));
  }
  // Shared: nobody; a shared_ptr<void> is the smallest owner of something that has to be closed.
  return std::shared_ptr<void>(nullptr, [fd](void*) { ::close(fd); });
}

Result<bool> is_locked(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return false;
  if (fd < 0) return system_error("open", path);
  const bool taken = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!taken && error != EWOULDBLOCK) return system_error("lock", path);
  return !taken;
}

Result<std::string> read_file(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("open", path);
  std::string bytes;
  char buffer[4096];
  ssize_t n;
  while ((n = ::read(fd, buffer, sizeof buffer)) > 0)
    bytes.append(buffer, static_cast<std::size_t>(n));
  int error = errno;
  ::close(fd);
  errno = error;
  if (n < 0) return system_error("read", path);
  return bytes;
}

Result<void> write_file_atomically(const std::string& path, std::string_view bytes,
                                   Readable readable, Durable durable) {
  const std::string temporary = path + ".tmp";
  int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                  readable == Readable::kByAll ? 0644 : 0600);
  if (fd < 0) return system_error("create", temporary);
  Result<void> done = write_all(fd, 0, bytes, temporary);
  const bool sync = durable == Durable::kYes;
  if (done && sync && ::fsync(fd) != 0) done = system_error("sync", temporary);
  ::close(fd);
  if (!done) return done;
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("rename", temporary);
  if (!sync) return {};
  return sync_directory_at(std::filesystem::path(path).parent_path().string());
}

}  // namespace polis::io
