#include "io/programs.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/crc32c.hh"
#include "io/posix_disk.hh"
#include "io/posix_file.hh"

namespace polis::io {
namespace {

constexpr std::string_view kUsualPlaces =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Result<std::string> check_program(std::string path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no program {}; install it, or correct the command", path));
  }
  if (!S_ISREG(st.st_mode) || ::access(path.c_str(), X_OK) != 0) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} cannot be run: {}", path,
                            S_ISDIR(st.st_mode) ? "it is a directory"
                                                : "it is not executable; chmod +x it"));
  }
  return path;
}

bool runs_programs(const std::string& directory) {
  struct statvfs st;
  return ::statvfs(directory.c_str(), &st) == 0 && (st.f_flag & ST_NOEXEC) == 0;
}

// Written under another name, so that nobody runs half of it, and nobody writes into what runs.
Result<void> write_program(const std::string& path, std::string_view bytes) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fd < 0) return system_error("create", temporary);
  Result<void> done = write_all(fd, 0, bytes, temporary);
  ::close(fd);
  if (done && ::rename(temporary.c_str(), path.c_str()) != 0)
    done = system_error("rename", temporary);
  if (!done) ::unlink(temporary.c_str());
  return done;
}

void remove_others(const std::string& directory, std::string_view prefix, const std::string& kept) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string path = entry.path().string();
    if (entry.path().filename().string().starts_with(prefix) && path != kept)
      ::unlink(path.c_str());
  }
}

}  // namespace

Result<std::string> find_program(std::string_view word, std::string_view search_path,
                                 const std::string& directory) {
  if (word.empty()) return fail(ErrorCode::kInvalid, "the command is empty");
  if (word.starts_with('/')) return check_program(std::string(word));
  if (word.find('/') != std::string_view::npos)
    return check_program((std::filesystem::path(directory) / word).string());
  std::string_view rest = search_path.empty() ? kUsualPlaces : search_path;
  const std::string_view places = rest;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string_view place = rest.substr(0, colon);
    if (place.starts_with('/'))
      if (auto found = check_program(fmt::format("{}/{}", place, word))) return found;
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("there is no program {} in {}; install it, or name it by its path", word,
                          places));
}

Result<void> check_directory(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0)
    return fail(ErrorCode::kNotFound, fmt::format("there is no directory {}; make it", path));
  if (!S_ISDIR(st.st_mode))
    return fail(ErrorCode::kInvalid, fmt::format("{} is not a directory", path));
  return {};
}

Result<void> PlacedProgram::place_as_file(const std::string& directory, std::string_view name,
                                          std::string_view bytes) {
  if (!runs_programs(directory))
    return fail(ErrorCode::kIo, fmt::format("programs cannot run in {} (noexec)", directory));
  path_ = fmt::format("{}/{}-{:08x}{:x}", directory, name, crc32c(bytes), bytes.size());
  auto there = read_file(path_);
  if (!there || *there != bytes)
    if (auto done = write_program(path_, bytes); !done) return done;
  remove_others(directory, fmt::format("{}-", name), path_);
  return {};
}

Result<void> PlacedProgram::place_in_memory(std::string_view name, std::string_view bytes) {
  const int fd = ::memfd_create(std::string(name).c_str(), MFD_CLOEXEC);
  if (fd < 0) return system_error("make in memory", std::string(name));
  // Shared by the copies of this object.
  memory_ = std::shared_ptr<void>(nullptr, [fd](void*) { ::close(fd); });
  path_ = fmt::format("/proc/{}/fd/{}", ::getpid(), fd);
  return write_all(fd, 0, bytes, path_);
}

Result<PlacedProgram> PlacedProgram::place(const std::string& directory, std::string_view name,
                                           std::string_view bytes) {
  PlacedProgram placed;
  if (placed.place_as_file(directory, name, bytes)) return placed;
  if (auto done = placed.place_in_memory(name, bytes); !done) return std::unexpected(done.error());
  return placed;
}

}  // namespace polis::io
