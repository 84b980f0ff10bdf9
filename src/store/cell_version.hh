#pragma once

// The cell version: which formats and commands the replicas of a cell may write for each other.
//
// Replicas of different releases must work together while an operator replaces them one by one. So
// no replica writes anything that needs a version newer than the cell's. When the master sees that
// all members know a newer version, it raises the cell's version by an entry of the log. Until that
// entry, each replica can go back to its old release. After it, a release that does not know the
// version cannot take part any more.
//
//   1  the first
//   2  records and named values in the engine and in snapshots carry a checksum
//   3  the log says whose mastership it is, and what a master decides by its clock is bound to
//      that; transactions in the log may be nested more than 45 deep

#include <cstdint>

namespace polis::store {

using CellVersion = std::uint32_t;

inline constexpr CellVersion kCellVersionFirst = 1;
inline constexpr CellVersion kCellVersionNewest = 3;  // that this release knows
inline constexpr CellVersion kCellVersionChecksums = 2;
inline constexpr CellVersion kCellVersionMasterships = 3;
inline constexpr CellVersion kCellVersionDeepTxns = 3;

}  // namespace polis::store
