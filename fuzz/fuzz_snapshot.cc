// Snapshot files.

#include "base/crc32c.hh"
#include "storage/snapshot_file.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis;
  std::string_view rows(reinterpret_cast<const char*>(data), size);
  // With a right header and checksum, so that the rows themselves are reached.
  std::string file = "POLISNAP";
  Writer out(file);
  out.u32(1);
  out.u32(static_cast<std::uint32_t>(size));
  out.u32(crc32c(rows));
  file += rows;
  storage::SnapshotRows ignore{[](std::string_view, std::string_view) { return Result<void>(); },
                               [](storage::RecordKey, std::string_view) { return Result<void>(); }};
  auto read = [](std::string_view from) {
    return [from](std::uint64_t at, std::size_t n) -> Result<std::string> {
      return std::string(at >= from.size() ? std::string_view() : from.substr(at, n));
    };
  };
  (void)storage::read_snapshot(read(file), ignore);
  (void)storage::read_snapshot(read(rows), ignore);
  return 0;
}
