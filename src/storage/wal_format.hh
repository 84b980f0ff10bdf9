#pragma once

// The bytes of a record of the write-ahead log. See docs/formats/wal.md.
//
// Threads: pure functions, from any thread.

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
  kReset = 4,     // entries through this index do not count any more; without gaps: no entry does
  kAccepted = 5,  // log with gaps: as kEntry, with its proposer; replaces its own index alone
};

// The format version that stands in the head of a segment. Version 2 added the longest lease
// promise to the hard state. Segments of version 1 are read, but never appended to.
inline constexpr std::uint32_t kVersion = 2;
// The format version of segments of a log with gaps, which have kAccepted instead of kEntry.
inline constexpr std::uint32_t kVersionWithGaps = 3;
inline constexpr std::uint32_t kVersionNewest = 3;
inline constexpr std::size_t kHeaderBytes = 32;  // of a record, before its payload
inline constexpr std::size_t kAlign = 8;         // a record's length is a multiple of this
// The longest payload that is written or believed, bytes: more than the largest entry has.
inline constexpr std::uint32_t kPayloadMax = 12 << 20;

// On disk: CRC32C of all that follows through the payload, u32 | payload length u32 | position u64
// | durable u64 | type u8 | 7 zero bytes | payload | zeros up to a multiple of kAlign.
struct Record {
  std::uint8_t type = 0;  // RecordType
  // The position of this record's first byte in the whole log. If an earlier life or a misdirected
  // write has left a record at some place, its position does not fit that place.
  std::uint64_t position = 0;
  std::uint64_t durable = 0;  // every byte before this position was durable when this was written
  std::string_view payload;

  // Length on disk.
  std::size_t stored_bytes() const { return padded(kHeaderBytes + payload.size()); }
  static std::size_t padded(std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }
};

void append_record(std::string& out, const Record& record);

// The record at the beginning of `bytes`; its payload points into them. `position`: of the first of
// these bytes in the whole log. nullopt: no whole and intact record of that position is there.
std::optional<Record> parse_record(std::string_view bytes, std::uint64_t position);

}  // namespace polis::storage::wal
