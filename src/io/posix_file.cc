#include "io/posix_file.hh"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace polis::io {

std::unexpected<Error> system_error(std::string_view action, const std::string& path) {
  const int number = errno;
  ErrorCode code = means_no_space(number) ? ErrorCode::kNoSpace
                   : number == ENOENT     ? ErrorCode::kNotFound
                                          : ErrorCode::kIo;
  const char* remedy = code == ErrorCode::kNoSpace
                           ? "; free space on this file system, Polis continues by itself"
                       : number == EACCES || number == EPERM
                           ? "; the user that runs polis needs read and write permission there"
                           : "";
  return fail(code, fmt::format("cannot {} {}: {}{}", action, path, std::strerror(number), remedy));
}

Result<void> write_all(int fd, std::uint64_t offset, std::string_view bytes,
                       const std::string& path) {
  while (!bytes.empty()) {
    ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("write", path);
    offset += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

PosixFile::Descriptor::~Descriptor() { ::close(fd); }

Result<void> PosixFile::Descriptor::sync() const {
  if (::fdatasync(fd) != 0) return system_error("sync", path);
  return {};
}

PosixFile::PosixFile(PosixDisk& disk, int fd, std::string path)
    : disk_(disk), descriptor_(std::make_shared<const Descriptor>(fd, std::move(path))) {}

Result<void> PosixFile::write(std::uint64_t offset, std::string_view bytes) {
  return write_all(descriptor(), offset, bytes, path());
}

Result<std::string> PosixFile::read(std::uint64_t offset, std::size_t length) {
  std::string bytes(length, '\0');
  std::size_t got = 0;
  while (got < length) {
    ssize_t n =
        ::pread(descriptor(), bytes.data() + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("read", path());
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

Result<std::uint64_t> PosixFile::size() {
  struct stat st;
  if (::fstat(descriptor(), &st) != 0) return system_error("inspect", path());
  return static_cast<std::uint64_t>(st.st_size);
}

Result<void> PosixFile::sync() { return descriptor_->sync(); }

bool PosixFile::syncs_inline() const {
  return disk_.sync_average_ <= kSyncInlineMax && *disk_.expected_ == 0;
}

Result<void> PosixFile::sync_measured(const std::function<Result<void>()>& sync) {
  const Instant start = boot_now();
  Result<void> result = sync();
  disk_.on_synced(boot_now() - start);
  return result;
}

void PosixFile::sync_beside(Done done) {
  disk_.syncer_.run([&disk = disk_, descriptor = descriptor_, done = std::move(done)]() mutable {
    const Instant start = boot_now();
    Result<void> result = descriptor->sync();
    const Duration took = boot_now() - start;
    disk.loop_.post([&disk, took, result = std::move(result), done = std::move(done)] {
      disk.on_synced(took);
      done(result);
    });
  });
}

void PosixFile::sync_later(Done done) {
  if (!syncs_inline()) return sync_beside(std::move(done));
  done(sync_measured([this] { return sync(); }));
}

}  // namespace polis::io
