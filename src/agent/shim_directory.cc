#include "agent/shim_directory.hh"

#include "io/posix_disk.hh"

namespace polis::agent {

Result<ShimDirectory> look(const std::string& directory) {
  ShimDirectory found;
  auto served = io::is_locked(directory + "/" + shim::kLockFile);
  if (!served) return std::unexpected(served.error());
  found.served = *served;
  auto bytes = io::read_file(directory + "/" + shim::kRecordFile);
  if (!bytes) {
    if (bytes.error().code == ErrorCode::kNotFound) return found;
    return std::unexpected(bytes.error());
  }
  shim::Record record;
  if (!shim::newest_record(*bytes, record)) return found;
  auto boot = io::read_file("/proc/sys/kernel/random/boot_id");
  found.record = record;
  found.this_boot = boot && boot->starts_with(record.boot.view()) && record.boot.size > 0;
  return found;
}

}  // namespace polis::agent
