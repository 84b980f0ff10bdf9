#pragma once

// The file `identity`, which says which replica a data directory belongs to. See
// docs/formats/identity.md.
//
// Threads: any; the functions block.
// Errors of all functions: as io::read_file and io::write_file_atomically, besides those named.

#include <optional>
#include <string>

#include "base/error.hh"
#include "cell/settings.hh"

namespace polis::cell {

struct Known {
  std::uint64_t cell = 0;
  consensus::ReplicaId id;
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  bool begun = false;  // a log was made there; files of earlier releases do not say it
};

// What the file in settings.data_dir says. nullopt: there is no such file; the directory is new.
// kInvalid: the directory belongs to another cell or replica than the settings name, the replica
// was removed from its cell, or a newer release wrote the file.
Result<std::optional<Known>> identity_in(const Settings& settings);

// The replica that a data directory belongs to.
struct Owner {
  std::string cluster, name;
  Known known;
  bool removed = false;  // from its cell
};
// The owner of a data directory, whatever the settings are. nullopt: the directory is new.
// kCorrupt: the file is damaged. kInvalid: a newer release wrote it.
Result<std::optional<Owner>> owner_of(const std::string& data_dir);

// Notes that the cell has removed this replica: the directory cannot be used again.
Result<void> mark_removed(const Settings& settings);

// Notes that the directory holds a log now. From then on, a start without a log is refused.
Result<void> mark_begun(const Settings& settings);

// Writes the file for this start. The result is this start's incarnation, which is larger than all
// earlier ones. Precondition: identity_in() gave no error; settings.cell_id, settings.id and
// settings.protocol are what it gave.
Result<std::uint64_t> claim_directory(const Settings& settings,
                                      std::uint64_t wall_clock_nanoseconds);

}  // namespace polis::cell
