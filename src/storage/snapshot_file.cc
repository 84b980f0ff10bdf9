#include "storage/snapshot_file.hh"

#include <fmt/format.h>

#include "base/crc32c.hh"

namespace polis::storage {
namespace {

constexpr std::string_view kMagic = "POLISNAP";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kBlockBytes = 256 << 10;
constexpr std::uint32_t kBlockBytesMax = 16 << 20;

// Stored: DO NOT CHANGE the numbers.
enum Row : std::uint8_t { kNamed = 1, kRecord = 2, kEnd = 3 };

std::unexpected<Error> corrupt(std::uint64_t offset, std::string_view what) {
  return fail(ErrorCode::kCorrupt,
              fmt::format("snapshot is damaged at byte {}: {}; fetch it again", offset, what));
}

// True: this was the end block.
Result<bool> read_rows(std::string_view block, std::uint64_t offset, std::uint64_t& rows,
                       const SnapshotRows& use) {
  Reader in(block);
  while (!in.done()) {
    switch (in.u8()) {
      case kNamed: {
        std::string_view name = in.string(), value = in.string();
        if (!in.ok()) return corrupt(offset, "a row is cut short");
        if (auto done = use.named(name, value); !done) return std::unexpected(done.error());
        break;
      }
      case kRecord: {
        RecordKey key{in.varint(), static_cast<std::uint32_t>(in.varint())};
        std::string_view bytes = in.string();
        if (!in.ok()) return corrupt(offset, "a row is cut short");
        if (auto done = use.record(key, bytes); !done) return std::unexpected(done.error());
        break;
      }
      case kEnd:
        if (in.varint() != rows || !in.done()) return corrupt(offset, "rows are missing");
        return true;
      default:
        return corrupt(offset, "a row of unknown kind");
    }
    ++rows;
  }
  return false;
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::function<Result<void>(std::string_view)> sink)
    : sink_(std::move(sink)) {}

Result<void> SnapshotWriter::add_named(std::string_view name, std::string_view value) {
  Writer out(block_);
  out.u8(kNamed);
  out.string(name);
  out.string(value);
  ++rows_;
  return maybe_flush(false);
}

Result<void> SnapshotWriter::add_record(RecordKey key, std::string_view bytes) {
  Writer out(block_);
  out.u8(kRecord);
  out.varint(key.revision);
  out.varint(key.sub);
  out.string(bytes);
  ++rows_;
  return maybe_flush(false);
}

Result<void> SnapshotWriter::finish() {
  Writer out(block_);
  out.u8(kEnd);
  out.varint(rows_);
  return maybe_flush(true);
}

Result<void> SnapshotWriter::maybe_flush(bool now) {
  if (!now && block_.size() < kBlockBytes) return {};
  std::string head;
  Writer out(head);
  if (bytes_ == 0) {
    head = kMagic;
    out.u32(kVersion);
  }
  out.u32(static_cast<std::uint32_t>(block_.size()));
  out.u32(crc32c(block_));
  bytes_ += head.size() + block_.size();
  if (auto done = sink_(head); !done) return done;
  auto done = sink_(block_);
  block_.clear();
  return done;
}

Result<void> read_snapshot(
    const std::function<Result<std::string>(std::uint64_t, std::size_t)>& read,
    const SnapshotRows& rows) {
  auto header = read(0, kHeaderBytes);
  if (!header) return std::unexpected(header.error());
  if (header->size() < kHeaderBytes || !header->starts_with(kMagic))
    return corrupt(0, "it does not begin as a snapshot does");
  std::uint32_t version = Reader(std::string_view(*header).substr(kMagic.size())).u32();
  if (version > kVersion) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("snapshot has format {}, this polis reads up to {}; use the newer binary",
                    version, kVersion));
  }
  std::uint64_t offset = kHeaderBytes, seen = 0;
  while (true) {
    auto head = read(offset, 8);
    if (!head) return std::unexpected(head.error());
    Reader in(*head);
    std::uint32_t length = in.u32(), crc = in.u32();
    if (!in.ok() || length > kBlockBytesMax) return corrupt(offset, "a block is cut short");
    auto block = read(offset + 8, length);
    if (!block) return std::unexpected(block.error());
    if (block->size() != length || crc32c(*block) != crc)
      return corrupt(offset, "a block fails its checksum");
    auto ended = read_rows(*block, offset, seen, rows);
    if (!ended) return std::unexpected(ended.error());
    if (*ended) return {};
    offset += 8 + length;
  }
}

}  // namespace polis::storage
