#pragma once

// The file that holds a whole state, for another replica or as a backup: a header, blocks of rows
// with a checksum each, and an end block that counts the rows. See docs/formats/snapshot.md.
//
// Threads: none of its own; engines use it beside the loop.

#include <functional>
#include <string>
#include <string_view>

#include "base/error.hh"
#include "storage/engine.hh"

namespace polis::storage {

// Makes the bytes of such a file from rows.
// Life: add_named ... -> add_record ... -> finish.
class SnapshotWriter {
 public:
  // `sink` is given the file's bytes in order, a block at a time. An error that it returns is
  // returned by the call that led to it, and the file is of no use then.
  explicit SnapshotWriter(std::function<Result<void>(std::string_view)> sink);
  Result<void> add_named(std::string_view name, std::string_view value);
  Result<void> add_record(RecordKey key, std::string_view bytes);
  // Writes what is left, and the end block: without it the file is not complete.
  Result<void> finish();
  std::uint64_t bytes() const { return bytes_; }  // given to the sink so far

 private:
  Result<void> maybe_flush(bool now);
  std::function<Result<void>(std::string_view)> sink_;
  std::string block_;
  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
};

// Reads a whole file. `read(offset, length)` gives up to `length` of its bytes, fewer only at its
// end. `rows` sees each row. kCorrupt: a checksum, a count or the end is wrong; the text says
// where. kInvalid: a newer format. Rows that were given before an error must be dropped.
Result<void> read_snapshot(
    const std::function<Result<std::string>(std::uint64_t, std::size_t)>& read,
    const SnapshotRows& rows);

}  // namespace polis::storage
