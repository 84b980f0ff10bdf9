#pragma once

// What a replica is to be, and its bounds. Threads: plain values.

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
  // Who takes part when the log is empty: the same on every replica that founds the cell; empty on
  // one that joins it.
  Configuration initial;
  std::uint64_t incarnation = 1;  // larger after every start
  bool begun = false;             // a log was made here in an earlier life
  std::string directory;          // wal/ and snapshots/ lie here
  consensus::Options consensus;   // id and seed are set by open()
  std::uint64_t seed = 1;
  std::uint64_t wal_segment_bytes = 16 << 20;

  // Applied log that is kept in memory for followers that lag a little, bytes. Those that lag more
  // get a snapshot.
  std::size_t log_retain_bytes = 8 << 20;
  // How often the engine takes what was applied, and at how many bytes it takes it sooner.
  Duration engine_interval = std::chrono::milliseconds(100);
  std::size_t engine_bytes = 8 << 20;
  // Applied but not yet in the engine; more than this and new commands are refused until it has
  // caught up.
  std::size_t unsaved_bytes_max = 256 << 20;
  // While a snapshot is being sent, the log behind it is kept up to this.
  std::size_t log_bytes_max = 512 << 20;
  // Commands waiting for their outcome; more than this and new ones are refused.
  std::size_t pending_bytes_max = 64 << 20;
  // The same for what they cost to apply, since all of it may come in one turn, which everybody
  // waits for. One that costs more than this is accepted while no other waits.
  std::uint64_t pending_work_max = store::kCommandWorkMax / 4;
  // A request that has no outcome after this time is answered "timed out": what became of it is
  // unknown.
  Duration request_timeout = std::chrono::seconds(7);
  // A bundle or question that was sent and not answered is sent again after this time.
  Duration resend_interval = std::chrono::seconds(1);
  // A master hands over when its log syncs take longer than this on average, or when one sync has
  // not ended after five times as long: the cell is as fast as its master's disk.
  Duration slow_sync = std::chrono::milliseconds(200);
  // Compaction of history by itself.
  AutoCompactionOptions auto_compaction;
  // A disk with less free space than this is called full (replica/disk_space.hh).
  std::uint64_t disk_free_min = 96 << 20;
  // Requests that take longer are reported (Environment::slow).
  Duration slow_request = std::chrono::milliseconds(500);
  // The newest cell version that this replica knows; a simulated cell has older ones, too.
  store::CellVersion cell_version_newest = store::kCellVersionNewest;
};

}  // namespace polis::replica
