#pragma once

// Backups: a running replica sends them, and commands verify and restore them.
//
// Threads: Backups: the loop's. The functions may be called on any thread; they block, and are for
// commands.

#include <map>

#include "cell/settings.hh"
#include "etcd/common.hh"
#include "io/disk.hh"

namespace polis::cell {

// polis.v1.Cell/Backup: makes a copy of the state and streams it to the client. The copy lies in
// the data directory while it is sent. At most two are under way; further ones are refused
// (RESOURCE_EXHAUSTED). The references must outlive the server's calls.
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

// What a backup contains.
struct BackupInfo {
  std::uint64_t bytes = 0, records = 0, revision = 0, compacted = 0;
  consensus::SnapshotMark mark;
  std::optional<store::SavedBy> saved_by;  // nullopt: an older release made the backup
  std::uint64_t digest = 0;                // a checksum of its content
};

// Reads a whole backup and checks every checksum in it. kCorrupt: one is wrong; the text says
// where. kNotFound: there is no such file.
Result<BackupInfo> verify_backup(const std::string& path);

struct RestoreOptions {
  // How many revisions to skip (Store::skip_revisions). Choose it so that the new cell's first
  // change has a revision that the old cell has not reached. Watchers and readers of skipped and
  // older revisions are told that these are compacted.
  std::uint64_t bump_revision = 0;
  // Entries to apply to the state, as if they had been committed.
  std::vector<consensus::Entry> tail;
};

// Makes a data directory for a replica of a new cell that begins with the state of the backup. The
// new cell has the backup's protocol, quorum rule and places. The cell and its replicas get new
// ids, so that no replica of the old cell can take part. Founders that restore the same backup in
// the same way get the same ids. kInvalid: the directory is in use, or the settings contradict the
// backup. Other errors: as verify_backup, and of the disk.
Result<BackupInfo> restore_backup(const std::string& path, const Settings& settings,
                                  const RestoreOptions& options = {});

}  // namespace polis::cell
