#include "shim/log_files.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace polis::shim {
namespace {

constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kDigits = 8;

// 0: not the name of such a file.
std::uint64_t number_of(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() ||
      std::memcmp(name.data() + kDigits, kSuffix.data(), kSuffix.size()) != 0)
    return 0;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kDigits; ++i) {
    if (name.data()[i] < '0' || name.data()[i] > '9') return 0;
    number = number * 10 + static_cast<std::uint64_t>(name.data()[i] - '0');
  }
  return number;
}

template <typename F>
void for_each_name(const char* path, F f) {
  const Descriptor directory(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  alignas(dirent64) char buffer[2048];
  long n;
  while (directory.open() &&
         (n = ::syscall(SYS_getdents64, directory.get(), buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      f(std::string_view(entry->d_name));
      at += entry->d_reclen;
    }
  }
}

}  // namespace

LogFiles::LogFiles(const Spec& spec, OutputCounts& counts)
    : counts_(counts),
      directory_(spec.log_directory),
      bytes_max_(spec.log_bytes_max != 0 ? spec.log_bytes_max : kLogBytesDefault),
      files_max_(spec.log_files_max != 0 ? spec.log_files_max : kLogFilesDefault) {}

Line LogFiles::path(std::uint64_t number) const {
  char name[kDigits];
  for (std::size_t i = kDigits; i-- > 0; number /= 10)
    name[i] = static_cast<char>('0' + number % 10);
  Line line;
  line.add(without_zero(directory_)).add("/").add({name, kDigits}).add(kSuffix);
  return line;
}

// Goes on in the last file of an earlier life, so that its beginning is where its end was.
void LogFiles::find_last() {
  for_each_name(directory_.data(), [this](std::string_view name) {
    if (number_of(name) > number_) number_ = number_of(name);
  });
  if (number_ == 0) return;
  file_.reset(::open(path(number_).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  struct stat st;
  if (file_.open() && ::fstat(file_.get(), &st) == 0)
    size_ = static_cast<std::uint64_t>(st.st_size);
  if (size_ >= bytes_max_) file_.reset();
}

void LogFiles::remove_old() const {
  if (number_ < files_max_) return;
  const std::uint64_t last = number_ - files_max_;
  for_each_name(directory_.data(), [this, last](std::string_view name) {
    const std::uint64_t number = number_of(name);
    if (number != 0 && number <= last) ::unlink(path(number).c_str());
  });
}

bool LogFiles::open_next() {
  if (number_ == 0) find_last();
  if (file_.open()) return true;
  const int file =
      ::open(path(number_ + 1).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) {
    counts_.error = errno;
    return false;
  }
  file_.reset(file);
  ++number_;
  size_ = 0;
  line_open_ = false;
  remove_old();
  return true;
}

// Returns how much of it was written.
std::size_t LogFiles::append(std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = ::write(file_.get(), bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      counts_.error = n < 0 ? errno : ENOSPC;
      return written;
    }
    written += static_cast<std::size_t>(n);
    size_ += static_cast<std::uint64_t>(n);
    line_open_ = bytes.data()[written - 1] != '\n';
  }
  counts_.error = 0;
  return written;
}

void LogFiles::mark_dropped() {
  const std::uint64_t dropped = counts_.dropped;
  if (dropped == marked_) return;
  Line line;
  if (line_open_) line.add("\n");
  line.add("[polis: ").add(dropped - marked_).add(" bytes of output were dropped here]\n");
  if (append(line.view()) == line.view().size()) marked_ = dropped;
}

void LogFiles::write(std::string_view bytes) {
  if (directory_.empty()) return;
  while (!bytes.empty()) {
    if (size_ >= bytes_max_) file_.reset();
    if (!file_.open() && !open_next()) break;
    mark_dropped();
    const std::uint64_t room = size_ < bytes_max_ ? bytes_max_ - size_ : 1;
    const std::size_t wanted = bytes.size() < room ? bytes.size() : static_cast<std::size_t>(room);
    const std::size_t written = append({bytes.data(), wanted});
    bytes = {bytes.data() + written, bytes.size() - written};
    if (written < wanted) break;
  }
  counts_.dropped += bytes.size();
}

}  // namespace polis::shim
