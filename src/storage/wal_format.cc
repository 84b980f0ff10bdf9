#include "storage/wal_format.hh"

#include "base/coding.hh"
#include "base/crc32c.hh"

namespace polis::storage::wal {

void append_record(std::string& out, const Record& record) {
  const std::size_t start = out.size();
  Writer writer(out);
  writer.u32(0);
  writer.u32(static_cast<std::uint32_t>(record.payload.size()));
  writer.u64(record.position);
  writer.u64(record.durable);
  writer.u64(record.type);
  out.append(record.payload);
  std::uint32_t crc = crc32c(std::string_view(out).substr(start + 4));
  std::memcpy(out.data() + start, &crc, 4);
  out.resize(start + Record::padded(out.size() - start));
}

std::optional<Record> parse_record(std::string_view bytes, std::uint64_t position) {
  Reader in(bytes);
  std::uint32_t crc = in.u32();
  std::uint32_t length = in.u32();
  Record record;
  record.position = in.u64();
  record.durable = in.u64();
  std::uint64_t type = in.u64();
  if (!in.ok() || length > kPayloadMax || record.position != position || type == 0 ||
      type > kAccepted)
    return std::nullopt;
  record.type = static_cast<std::uint8_t>(type);
  record.payload = in.take(length);
  if (!in.ok() || crc32c(bytes.substr(4, kHeaderBytes - 4 + length)) != crc) return std::nullopt;
  return record;
}

}  // namespace polis::storage::wal
