#pragma once

// Backups of a cell that serves, and their use.
//
// Threads: Backups belongs to the reactor; the functions block and are for commands.

#include <map>

#include "cell/settings.hh"
#include "etcd/common.hh"
#include "io/disk.hh"

namespace polis::cell {

// polis.v1.Cell/Backup: makes a copy of the state and streams it. Copies lie in the data directory
// while they are sent.
class Backups {
 public:
  Backups(etcd::Context context, http::Server& server, io::Disk& disk, const Settings& settings);
  ~Backups();

 private:
  struct Sending;
  void begin(const http::CallPtr& call);
  void pump(const std::shared_ptr<Sending>& sending);
  void end(const std::shared_ptr<Sending>& sending);

  etcd::Context context_;
  io::Disk& disk_;
  const Settings& settings_;
  std::uint64_t serial_ = 0;
  std::size_t under_way_ = 0;
};

// What a backup says of itself.
struct BackupInfo {
  std::uint64_t bytes = 0, records = 0, revision = 0, compacted = 0;
  consensus::SnapshotMark mark;
  std::optional<store::SavedBy> saved_by;  // nothing: by a release that did not say it
  std::uint64_t digest = 0;                // of its content
};

// Reads a whole backup and checks every checksum in it. kCorrupt: says where. kNotFound.
Result<BackupInfo> verify_backup(const std::string& path);

// How a backup is taken for the beginning of a cell.
struct RestoreOptions {
  // Revisions that are skipped: the first change of the new cell has one that the old cell cannot
  // have reached since. Watchers and readers of older ones are told that they are compacted.
  std::uint64_t bump_revision = 0;
  // Applied to the state as if they had been committed.
  std::vector<consensus::Entry> tail;
};

// Makes a data directory for a replica of a new cell that begins with the state of the backup. The
// cell's protocol, quorum rule and places are the backup's. The cell and its replicas have ids of
// their own, equal on all founders that restore the same backup in the same way, so that nothing of
// the old cell can take part. kInvalid: the directory is in use, or the settings contradict the
// backup.
Result<BackupInfo> restore_backup(const std::string& path, const Settings& settings,
                                  const RestoreOptions& options = {});

}  // namespace polis::cell
