#pragma once

// The options of one replica: its identity, its files, its times and its bounds. Sizes are bytes.
//
// Threads: plain values.

#include <cstdint>
#include <string>

#include "consensus/options.hh"
#include "replica/auto_compaction.hh"
#include "replica/types.hh"
#include "storage/wal.hh"
#include "store/cell_version.hh"
#include "store/store.hh"

namespace polis::replica {

struct Options {
  storage::Identity identity;
  Protocol protocol = Protocol::kRaft;
  // The configuration before the first entry of the log. The same on every replica that founds the
  // cell; empty on a replica that joins the cell.
  Configuration initial;
  std::uint64_t incarnation = 1;  // larger at every start of this replica
  bool begun = false;             // an earlier start has made a log in `directory`
  std::string directory;          // the directories wal/ and snapshots/ lie in this one
  consensus::Options consensus;   // id and seed are set by open()
  std::uint64_t seed = 1;         // another one at every start and on every replica
  std::uint64_t wal_segment_bytes = 16 << 20;  // storage::WalOptions::segment_bytes

  // How much of the applied log is kept in memory, for followers that lag a little. Followers that
  // lag more get a snapshot.
  std::size_t log_retain_bytes = 8 << 20;
  // The state is saved to the engine at this interval, or sooner when this many bytes are not
  // saved.
  Duration engine_interval = std::chrono::milliseconds(100);
  std::size_t engine_bytes = 8 << 20;
  // If more than this was applied and is not saved in the engine, new commands are refused until
  // the engine has caught up.
  std::size_t unsaved_bytes_max = 256 << 20;
  // While a snapshot is being sent, the log behind it is kept in memory up to this size.
  std::size_t log_bytes_max = 512 << 20;
  // The largest sum of the commands that wait for their outcome. Beyond it, new ones are refused.
  // If none waits, a command of any size is accepted.
  std::size_t pending_bytes_max = 64 << 20;
  // The same for the cost of applying them, in the units of store.hh: all of them may be applied in
  // one turn, and all other requests wait for the end of that turn.
  std::uint64_t pending_work_max = store::kCommandWorkMax / 4;
  // A request that has no outcome after this time ends with timed_out: its outcome is unknown.
  Duration request_timeout = std::chrono::seconds(7);
  // A bundle or question that was sent and not answered is sent again after this time.
  Duration resend_interval = std::chrono::seconds(1);
  // A master hands over when its log syncs take longer than this on average, or when one sync has
  // not ended after five times as long: the cell is as fast as its master's disk.
  Duration slow_sync = std::chrono::milliseconds(200);
  // Compaction of history without being asked.
  AutoCompactionOptions auto_compaction;
  // A disk with less free space than this is called full (replica/disk_space.hh).
  std::uint64_t disk_free_min = 96 << 20;
  // Requests that take longer than this are reported (Environment::slow).
  Duration slow_request = std::chrono::milliseconds(500);
  // The newest cell version that this replica knows. Only simulations set an older one.
  store::CellVersion cell_version_newest = store::kCellVersionNewest;
};

}  // namespace polis::replica
