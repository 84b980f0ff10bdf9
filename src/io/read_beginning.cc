#include "io/read_beginning.hh"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io/posix_file.hh"

namespace polis::io {

Result<std::string> read_beginning(const std::string& path, std::size_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("open", path);
  std::string bytes;
  char part[65536];
  while (bytes.size() < bytes_max) {
    const ssize_t n = ::read(fd, part, std::min(sizeof part, bytes_max - bytes.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      auto error = system_error("read", path);
      ::close(fd);
      return error;
    }
    if (n == 0) break;
    bytes.append(part, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return bytes;
}

}  // namespace polis::io
