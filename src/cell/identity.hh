#pragma once

// The file that says whose data directory this is, and how often it was started. See
// docs/formats/identity.md.

#include <optional>
#include <string>

#include "base/error.hh"
#include "cell/settings.hh"

namespace polis::cell {

struct Known {
  std::uint64_t cell = 0;
  consensus::ReplicaId id;
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  bool begun = false;  // a log was made there; releases of before did not say so
};

// What this replica was when the directory was used last; nothing in a new directory.
// kInvalid: the directory belongs to another cell, another replica, or a newer version.
Result<std::optional<Known>> identity_in(const Settings& settings);

// Whose directory it is, whatever the settings say.
struct Owner {
  std::string cluster, name;
  Known known;
  bool removed = false;
};
// Nothing: a new directory. kCorrupt, kInvalid: damaged, or of a newer version.
Result<std::optional<Owner>> owner_of(const std::string& data_dir);

// The cell has removed this replica: the directory is not to be used again.
Result<void> mark_removed(const Settings& settings);

// The directory holds a log from now on, which must be there at every later start.
Result<void> mark_begun(const Settings& settings);

// Writes the file anew and gives this start's incarnation, larger than every one before.
// Precondition: identity_in() found nothing wrong; settings.cell_id, settings.id and
// settings.protocol are what it gave.
Result<std::uint64_t> claim_directory(const Settings& settings,
                                      std::uint64_t wall_clock_nanoseconds);

}  // namespace polis::cell
