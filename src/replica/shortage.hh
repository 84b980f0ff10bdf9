#pragma once

// Whether this replica, and its cell, are short of space on disks or of memory.
//
// Measures the free space of this replica's disk, reports a shortage to the other replicas,
// remembers their reports, and decides which commands are refused meanwhile. The rules are in
// disk_space.hh and memory_shortage.hh.
//
// Threads: the loop's.
// Life: construct -> check_disk, tell, on_told, on_memory_measured at any time -> destroy.

#include <span>
#include <vector>

#include "base/coding.hh"
#include "io/disk.hh"
#include "io/loop.hh"
#include "replica/disk_space.hh"
#include "replica/memory_shortage.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "replica/transport.hh"
#include "storage/engine.hh"
#include "store/store.hh"

namespace polis::replica {

class Shortage {
 public:
  // All of these must outlive this object.
  struct Needs {
    Situation& situation;  // sets `exhausted`
    const io::Loop& loop;
    io::Disk& disk;
    const storage::Engine& engine;  // for how much of its file it can use again
    Transport& transport;
    const store::Store& store;  // for the configuration
    // The level of free space on this replica's disk has changed. May be null.
    std::function<void(DiskSpace::Level)> space_changed;
  };
  // `options` must outlive this object. Used: disk_free_min, directory.
  Shortage(const Options& options, Needs needs);

  // Measures the disk if that is due: every 500 ms, or at each call while space is scarce. Call it
  // about every 20 ms.
  void check_disk();
  // Reports the shortage of this replica to every member: at once when it changes, and every 500 ms
  // while there is a shortage. Call it about every 20 ms.
  void tell();
  // A report of another replica has come. `in` stands behind the kind of the message (wire.hh). A
  // malformed one is dropped.
  void on_told(ReplicaId from, Reader& in);
  // As MemoryShortage::on_measured.
  void on_memory_measured(std::uint64_t used, std::uint64_t allowed);
  // A commit of the engine has ended. `refused`: it failed.
  void on_engine_refused(bool refused) { space_.on_engine_refused(refused); }

  // OK: there is space and memory for all of these commands. Else no_space or short_of_memory.
  Status admits(std::span<const store::Command> commands) const;
  DiskSpace::Level disk_level() const { return space_.own(); }
  bool disk_full() const { return space_.own() != DiskSpace::Level::kEnough; }
  bool disk_exhausted() const { return space_.own() == DiskSpace::Level::kExhausted; }
  std::uint64_t disk_free() const { return space_.free(); }
  const MemoryShortage& memory() const { return memory_; }
  // As far as this replica knows.
  bool cell_is_full() const;
  bool cell_is_short_of_memory() const;
  bool has_room(ReplicaId member) const;
  std::vector<ReplicaId> full_members() const;

 private:
  const Configuration& configuration() const { return needs_.store.applied_mark().configuration; }

  const Options& options_;
  Needs needs_;
  DiskSpace space_;
  MemoryShortage memory_;
  Instant checked_{};
  std::pair<DiskSpace::Level, bool> told_{};  // the last report to the others: disk, memory
  Instant told_at_{};
};

}  // namespace polis::replica
