#pragma once

// What the replicas of a cell may write for each other to read.
//
// Replicas of different releases work together while they are replaced one by one: as long as one
// of them knows only version N, none writes anything that needs more. When the master sees that all
// members know a newer version, it raises the cell's through the log; from that entry on, whoever
// knows less cannot take part any more, and before it, every replica can go back to its old
// release.
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
