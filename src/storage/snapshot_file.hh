#pragma once

// The file that carries a whole state from one replica to another: a header, blocks of rows with a
// checksum each, and an end block that counts them. See docs/formats/snapshot.md.

#include <functional>
#include <string>
#include <string_view>

#include "base/error.hh"
#include "storage/engine.hh"

namespace polis::storage {

// Collects rows and hands out whole blocks.
class SnapshotWriter {
 public:
  // `sink` takes the file's bytes in order.
  explicit SnapshotWriter(std::function<Result<void>(std::string_view)> sink);
  Result<void> add_named(std::string_view name, std::string_view value);
  Result<void> add_record(RecordKey key, std::string_view bytes);
  // Writes what is left and the end block.
  Result<void> finish();
  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<void> maybe_flush(bool now);
  std::function<Result<void>(std::string_view)> sink_;
  std::string block_;
  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
};

// Reads a snapshot through `read(offset, length)`. kCorrupt: says where. kInvalid: a newer format.
Result<void> read_snapshot(
    const std::function<Result<std::string>(std::uint64_t, std::size_t)>& read,
    const SnapshotRows& rows);

}  // namespace polis::storage
