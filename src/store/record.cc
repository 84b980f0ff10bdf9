#include "store/record.hh"

#include "base/crc32c.hh"

namespace polis::store {
namespace {

enum Flag : std::uint8_t { kTombstone = 1, kChecksummed = 2 };
constexpr std::size_t kChecksumAt = 1, kChecksumBytes = 4;

std::uint32_t checksum_of(RecordKey key, std::string_view record) {
  std::string where;
  Writer out(where);
  out.u64(key.revision);
  out.u32(key.sub);
  std::uint32_t crc = crc32c(where);
  crc = crc32c(record.substr(0, kChecksumAt), crc);
  return crc32c(record.substr(kChecksumAt + kChecksumBytes), crc);
}

// Calls use(field, number, bytes) for each field; skips fixed-width ones. False: malformed.
template <typename Use>
bool read_fields(std::string_view bytes, Use use) {
  Reader in(bytes);
  while (in.ok() && in.remaining() > 0) {
    std::uint64_t tag = in.varint();
    auto field = static_cast<int>(tag >> 3);
    switch (tag & 7) {
      case 0:
        use(field, in.varint(), std::string_view());
        break;
      case 1:
        in.take(8);
        break;
      case 2:
        use(field, 0, in.string());
        break;
      case 5:
        in.take(4);
        break;
      default:
        return false;
    }
    if (field == 0) return false;
  }
  return in.ok();
}

}  // namespace

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t n = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++n;
  }
  return n;
}

void append_tag_varint(std::string& out, int field, std::uint64_t value) {
  if (value == 0) return;
  Writer writer(out);
  writer.varint(static_cast<std::uint64_t>(field) << 3);
  writer.varint(value);
}

void append_tag_bytes(std::string& out, int field, std::string_view bytes) {
  Writer writer(out);
  writer.varint(static_cast<std::uint64_t>(field) << 3 | 2);
  writer.string(bytes);
}

void append_key_value(std::string& out, const RecordView& record, bool keys_only) {
  append_tag_bytes(out, 1, record.key);
  append_tag_varint(out, 2, static_cast<std::uint64_t>(record.create_revision));
  append_tag_varint(out, 3, static_cast<std::uint64_t>(record.mod_revision));
  append_tag_varint(out, 4, static_cast<std::uint64_t>(record.version));
  if (!keys_only && !record.value.empty()) append_tag_bytes(out, 5, record.value);
  append_tag_varint(out, 6, static_cast<std::uint64_t>(record.lease));
}

std::uint8_t revision_bytes_of(const RecordView& record) {
  const std::uint64_t value = record.value.empty() ? 0 : field_bytes(record.value.size());
  return static_cast<std::uint8_t>(record.key_value.size() - field_bytes(record.key.size()) -
                                   value);
}

std::string encode_record(RecordKey key, const RecordView& record) {
  std::string bytes;
  bytes.reserve(record.key.size() + record.value.size() + 48);
  Writer out(bytes);
  out.u8((record.tombstone ? kTombstone : 0) | (record.checksummed ? kChecksummed : 0));
  if (record.checksummed) out.u32(0);
  out.varint(record.previous.revision);
  out.varint(record.previous.sub);
  append_key_value(bytes, record, false);
  if (record.checksummed) {
    std::string crc;
    Writer(crc).u32(checksum_of(key, bytes));
    bytes.replace(kChecksumAt, kChecksumBytes, crc);
  }
  return bytes;
}

bool is_intact(RecordKey key, std::string_view bytes) {
  Reader in(bytes);
  const std::uint8_t flags = in.u8();
  const std::uint32_t crc = in.u32();
  if (flags & kChecksummed) return in.ok() && crc == checksum_of(key, bytes);
  if (!in.ok()) return bytes.size() > 0;
  // Of before there were checksums; or that very flag is what was altered.
  std::string with(bytes);
  with[0] = static_cast<char>(flags | kChecksummed);
  return crc != checksum_of(key, with);
}

std::optional<RecordView> decode_record(std::string_view bytes) {
  Reader in(bytes);
  RecordView record;
  const std::uint8_t flags = in.u8();
  record.tombstone = flags & kTombstone;
  record.checksummed = flags & kChecksummed;
  if (record.checksummed) in.u32();
  record.previous.revision = in.varint();
  record.previous.sub = static_cast<std::uint32_t>(in.varint());
  if (!in.ok()) return std::nullopt;
  record.key_value = bytes.substr(bytes.size() - in.remaining());
  bool good =
      read_fields(record.key_value, [&](int field, std::uint64_t number, std::string_view part) {
        auto value = static_cast<std::int64_t>(number);
        switch (field) {
          case 1:
            record.key = part;
            break;
          case 2:
            record.create_revision = value;
            break;
          case 3:
            record.mod_revision = value;
            break;
          case 4:
            record.version = value;
            break;
          case 5:
            record.value = part;
            break;
          case 6:
            record.lease = value;
            break;
        }
      });
  if (!good) return std::nullopt;
  return record;
}

std::string_view key_value_of_record(std::string_view bytes) {
  Reader in(bytes);
  if (in.u8() & kChecksummed) in.u32();
  in.varint();
  in.varint();
  return bytes.substr(bytes.size() - in.remaining());
}

std::optional<PutView> parse_put(std::string_view bytes) {
  PutView put;
  bool good = read_fields(bytes, [&](int field, std::uint64_t number, std::string_view part) {
    switch (field) {
      case 1:
        put.key = part;
        break;
      case 2:
        put.value = part;
        break;
      case 3:
        put.lease = static_cast<std::int64_t>(number);
        break;
      case 4:
        put.prev_kv = number != 0;
        break;
      case 5:
        put.ignore_value = number != 0;
        break;
      case 6:
        put.ignore_lease = number != 0;
        break;
    }
  });
  if (!good) return std::nullopt;
  return put;
}

std::optional<GetView> parse_get(std::string_view bytes) {
  GetView get;
  bool plain = true;
  bool good = read_fields(bytes, [&](int field, std::uint64_t number, std::string_view part) {
    switch (field) {
      case 1:
        get.key = part;
        break;
      case 7:
        get.serializable = number != 0;
        break;
      default:
        plain = false;
    }
  });
  if (!good || !plain || get.key.empty()) return std::nullopt;
  return get;
}

}  // namespace polis::store
