// Records of the write-ahead log.

#include "base/check.hh"
#include "storage/wal_format.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::storage;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (auto record = wal::parse_record(bytes, 4096)) CHECK(record->payload.size() <= size);
  std::string written;
  wal::append_record(written, {wal::kEntry, 64, 32, bytes});
  auto read = wal::parse_record(written, 64);
  CHECK(read && read->payload == bytes && read->durable == 32);
  return 0;
}
