#pragma once

// The bytes of a write-ahead log record. See docs/formats/wal.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace polis::storage::wal {

// Stored: DO NOT CHANGE the numbers.
enum RecordType : std::uint8_t {
  kSegmentHead = 1,  // version, cell, replica, segment number, hard state, index and term before
                     // the first entry
  kHardState = 2,
  kEntry = 3,
  kReset = 4,     // the log begins anew behind (index, term)
  kAccepted = 5,  // as kEntry, with its proposer; replaces its own index alone
};

// 2 added the longest promise to the hard state. Older segments are read and never appended to.
inline constexpr std::uint32_t kVersion = 2;
// A log with gaps: kAccepted instead of kEntry.
inline constexpr std::uint32_t kVersionWithGaps = 3;
inline constexpr std::uint32_t kVersionNewest = 3;
inline constexpr std::size_t kHeaderBytes = 32;
inline constexpr std::size_t kAlign = 8;
// The longest payload: an entry of the largest batch, and a little.
inline constexpr std::uint32_t kPayloadMax = 12 << 20;

// crc32c u32 over all that follows | payload length u32 | position u64 | durable u64 | type u8 | 7
// zero bytes | payload
struct Record {
  std::uint8_t type = 0;
  std::uint64_t position =
      0;  // of this record in the whole log: a misdirected or stale one does not match
  std::uint64_t durable = 0;  // everything before this position was durable when this was written
  std::string_view payload;

  std::size_t stored_bytes() const { return padded(kHeaderBytes + payload.size()); }
  static std::size_t padded(std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }
};

void append_record(std::string& out, const Record& record);

// The record at the beginning of `bytes`, which lie at `position`. Nothing if there is no whole,
// intact one.
std::optional<Record> parse_record(std::string_view bytes, std::uint64_t position);

}  // namespace polis::storage::wal
