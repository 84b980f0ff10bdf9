#pragma once

// What this replica, and its cell, are short of: space on disks, and memory.
//
// It measures the disk's free space, tells the other replicas when it has too little of something,
// remembers what they say, and decides which commands are refused meanwhile.
//
// Threads: the loop's. See disk_space.hh and memory_shortage.hh for the rules.

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
  struct Needs {
    Situation& situation;  // sets `exhausted`
    const io::Loop& loop;
    io::Disk& disk;
    const storage::Engine& engine;  // for how much of its file it can use again
    Transport& transport;
    const store::Store& store;  // for who takes part
    // The space on this replica's disk is on another level now. May be null.
    std::function<void(DiskSpace::Level)> space_changed;
  };
  // Of the options: disk_free_min and directory.
  Shortage(const Options& options, Needs needs);

  // Measures the disk when that is due. Call every few milliseconds.
  void check_disk();
  // Tells every member: at once when something has changed, and again and again while there is too
  // little. Call every few milliseconds.
  void tell();
  // What another replica tells: what stands behind the kind of the message (wire.hh).
  void on_told(ReplicaId from, Reader& in);
  void on_memory_measured(std::uint64_t used, std::uint64_t allowed);
  // The engine found no space for a commit, or found it.
  void on_engine_refused(bool refused) { space_.on_engine_refused(refused); }

  // Whether there is space and memory for all of these; else no_space or short_of_memory.
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
  std::pair<DiskSpace::Level, bool> told_{};  // to the others: disk, memory
  Instant told_at_{};
};

}  // namespace polis::replica
