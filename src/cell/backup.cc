#include "cell/backup.hh"

#include <fmt/format.h>

#include "api/polis/cell.pb.h"
#include "base/check.hh"
#include "cell/identity.hh"
#include "cell/stopped.hh"
#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "storage/lmdb_engine.hh"
#include "storage/snapshot_file.hh"
#include "storage/wal.hh"

namespace polis::cell {
namespace {

// Each costs a copy of the state on disk.
constexpr std::size_t kUnderWayMax = 2;
constexpr std::size_t kChunkBytes = 256 << 10;
// What may wait for a client that reads slowly.
constexpr std::size_t kQueueBytes = 1 << 20;
// Of a block in a backup; it says how long the block is and what its checksum is.
constexpr std::size_t kHeadBytes = 8;

std::uint64_t digest_of(std::string_view bytes, std::uint64_t so_far) {
  for (char c : bytes) so_far = (so_far ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return so_far;
}

// Protocol, quorum rule and places of the cell that was backed up.
Result<void> take_over(const BackupInfo& backup, Settings& settings) {
  const consensus::Configuration& old = backup.mark.configuration;
  if (backup.mark.index == consensus::LogIndex())
    return fail(ErrorCode::kInvalid, "the backup is of a replica that had not begun; found a cell");
  if (backup.saved_by) {
    const consensus::Protocol protocol = backup.saved_by->protocol;
    if (settings.protocol_asked.value_or(protocol) != protocol) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("the backup is of a cell with protocol {}, which a cell keeps; leave "
                              "--protocol out",
                              to_string(protocol)));
    }
    settings.protocol = protocol;
  }
  for (const consensus::Member& member : old.members) {
    for (const peers::Peer& founder : settings.founders) {
      if (founder.name != member.name || member.place.empty()) continue;
      auto [place, added] = settings.places.try_emplace(founder.id, member.place);
      if (!added && place->second != member.place) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("in the backup replica '{}' is in '{}', --places says '{}'; leave "
                                "it out",
                                member.name, member.place, place->second));
      }
    }
  }
  const consensus::QuorumRule asked = settings.quorum;
  settings.quorum = old.quorum;
  auto fits = consensus::check_quorums(founding(settings));
  if (!settings.quorum_asked || asked == old.quorum) {
    if (fits) return {};
    return fail(ErrorCode::kInvalid,
                fmt::format("the backup is of a cell with quorum {}, which these founders cannot "
                            "keep ({}); found as many as it had, or give another --quorum",
                            to_string(old.quorum), fits.error().text));
  }
  if (fits && old.voters.size() == settings.founders.size()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the backup is of a cell with quorum {}, which a cell keeps; leave "
                            "--quorum out",
                            to_string(old.quorum)));
  }
  settings.quorum = asked;
  return consensus::check_quorums(founding(settings));
}

// Ids that neither the old cell nor another restored one has.
void take_new_identity(const BackupInfo& backup, const RestoreOptions& options,
                       Settings& settings) {
  settings.cell_id = founding_cell_id(
      settings, fmt::format("restored {:x} {}", backup.digest, options.bump_revision));
  if (settings.founders.size() == 1) settings.cell_id ^= io::entropy();
  auto renewed = [&](consensus::ReplicaId id) {
    return consensus::ReplicaId(digest_of(fmt::format("{:x}", id.value), settings.cell_id));
  };
  std::map<consensus::ReplicaId, std::string> places;
  for (auto& [id, place] : settings.places) places[renewed(id)] = place;
  settings.places = std::move(places);
  for (peers::Peer& founder : settings.founders) founder.id = renewed(founder.id);
  std::sort(settings.founders.begin(), settings.founders.end(),
            [](const peers::Peer& a, const peers::Peer& b) { return a.id < b.id; });
  settings.id = renewed(settings.id);
}

}  // namespace

struct Backups::Sending {
  http::CallPtr call;
  std::string path;
  std::unique_ptr<io::File> file;
  std::uint64_t bytes = 0, sent = 0;
  bool pumping = false, ended = false;
};

Backups::Backups(etcd::Context context, http::Server& server, io::Disk& disk,
                 const Settings& settings)
    : context_(context), disk_(disk), settings_(settings) {
  server.add_stream(
      "/polis.v1.Cell/Backup",
      [this](const http::CallPtr& call) {
        // One request makes one copy, whatever else the client sends.
        call->on_message = [this, call = call.get(), begun = false](std::string_view) mutable {
          if (!std::exchange(begun, true)) begin(call->shared_from_this());
        };
      },
      http::Streams::kServer);
}

Backups::~Backups() = default;

void Backups::begin(const http::CallPtr& call) {
  if (under_way_ >= kUnderWayMax) {
    return call->finish(
        etcd::to_grpc({store::Code::kResourceExhausted,
                       fmt::format("polis: {} backups are under way at this replica; try "
                                   "again later, or another replica",
                                   under_way_)}));
  }
  ++under_way_;
  auto sending = std::make_shared<Sending>();  // shared by the callbacks of the call
  sending->call = call;
  sending->path = fmt::format("{}/snapshots/backup-{}.snapshot", settings_.data_dir, ++serial_);
  call->on_close = [this, sending] { end(sending); };
  call->on_drained = [this, sending] { pump(sending); };
  context_.replica.back_up(sending->path, [this, sending](Result<storage::SnapshotFile> made) {
    auto file = made ? disk_.open(sending->path) : std::unexpected(made.error());
    if (!file) {
      sending->call->finish(
          etcd::to_grpc({store::Code::kUnavailable, "polis: no backup: " + file.error().text}));
      return end(sending);
    }
    sending->file = std::move(*file);
    sending->bytes = made->bytes;
    if (sending->ended) return end(sending);  // the client has gone meanwhile
    pump(sending);
  });
}

void Backups::pump(const std::shared_ptr<Sending>& sending) {
  if (!sending->file || sending->pumping || sending->ended) return;
  sending->pumping = true;  // sending may call back
  while (sending->call->open() && sending->call->queued() < kQueueBytes &&
         sending->sent < sending->bytes) {
    auto bytes = sending->file->read(sending->sent, kChunkBytes);
    if (!bytes || bytes->empty()) {
      sending->call->finish(
          etcd::to_grpc({store::Code::kInternal, "polis: the copy of the state cannot be read"}));
      break;
    }
    sending->sent += bytes->size();
    v1::BackupChunk chunk;
    chunk.set_total_bytes(sending->bytes);
    chunk.set_data(std::move(*bytes));
    sending->call->send(chunk.SerializeAsString());
  }
  sending->pumping = false;
  if (sending->sent == sending->bytes) {
    sending->call->finish({});
    end(sending);
  }
}

void Backups::end(const std::shared_ptr<Sending>& sending) {
  const bool first = !std::exchange(sending->ended, true);
  if (first) --under_way_;
  // While the file is being written it cannot go yet; whoever wrote it comes here again.
  if (!sending->file) return;
  sending->file.reset();
  [[maybe_unused]] auto removed = disk_.remove(sending->path);
}

Result<BackupInfo> verify_backup(const std::string& path) {
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  auto file = disk.open(path);
  if (!file) return std::unexpected(file.error());
  auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  BackupInfo info{.bytes = *size};
  bool has_meta = false;
  auto done = storage::read_snapshot(
      [&](std::uint64_t offset, std::size_t length) {
        auto bytes = (*file)->read(offset, length);
        // Their heads hold the checksums of the blocks.
        if (bytes && length <= kHeadBytes) info.digest = digest_of(*bytes, info.digest);
        return bytes;
      },
      {.named = [&](std::string_view name, std::string_view value) -> Result<void> {
         if (name != store::kMetaName) return {};
         auto mark = store::mark_of_meta(value);
         if (!mark) return fail(ErrorCode::kCorrupt, "what it says of itself cannot be read");
         info.mark = *mark;
         info.saved_by = store::saved_by_of_meta(value);
         has_meta = true;
         return {};
       },
       .record = [&](storage::RecordKey key, std::string_view bytes) -> Result<void> {
         if (!store::decode_record(bytes) || !store::is_intact(key, bytes))
           return fail(ErrorCode::kCorrupt,
                       fmt::format("the record of revision {} cannot be read", key.revision));
         ++info.records;
         info.revision = std::max(info.revision, key.revision);
         return {};
       }});
  if (!done) return fail(done.error().code, fmt::format("{}: {}", path, done.error().text));
  if (!has_meta) return fail(ErrorCode::kCorrupt, path + ": it is no snapshot of a cell");
  return info;
}

Result<BackupInfo> restore_backup(const std::string& path, const Settings& asked,
                                  const RestoreOptions& options) {
  auto info = verify_backup(path);
  if (!info) return info;
  Settings settings = asked;
  if (auto taken = take_over(*info, settings); !taken) return std::unexpected(taken.error());
  take_new_identity(*info, options, settings);
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  auto found = disk.list(settings.data_dir);
  if (found && !found->empty()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is not empty; a backup is restored into a new directory",
                            settings.data_dir));
  }
  if (auto made = disk.make_directory(settings.data_dir); !made)
    return std::unexpected(made.error());
  auto engine = storage::LmdbEngine::open(reactor, {.directory = settings.data_dir});
  if (!engine) return std::unexpected(engine.error());
  auto wait = [&](auto begin) {
    Result<void> outcome;
    begin([&](Result<void> result) {
      outcome = std::move(result);
      reactor.stop();
    });
    reactor.run();
    return outcome;
  };
  store::Store store(**engine);
  auto done = wait([&](io::Done d) {
    (*engine)->load_snapshot_later(path, store.restore_from(), std::move(d));
  });
  if (!done) return std::unexpected(done.error());
  done = wait([&](io::Done d) { (*engine)->adopt_loaded_later({}, std::move(d)); });
  if (!done) return std::unexpected(done.error());
  apply_alone(store, options.tail);
  if (options.bump_revision > 0) store.skip_revisions(options.bump_revision);
  info->mark = store.applied_mark();

  storage::Recovered none;
  auto wal = storage::Wal::open(disk,
                                {.directory = settings.data_dir + "/wal",
                                 .identity = {settings.cell_id, settings.id},
                                 .gaps = settings.protocol == consensus::Protocol::kPaxos,
                                 .segment_bytes = settings.wal_segment_bytes},
                                none);
  if (!wal) return std::unexpected(wal.error());
  if (auto reset = (*wal)->reset(info->mark.index, info->mark.term); !reset)
    return std::unexpected(reset.error());
  done = wait([&](io::Done d) { (*wal)->sync_later(std::move(d)); });
  if (!done) return std::unexpected(done.error());

  store.set_configuration(founding(settings));
  store.forget_mastership();
  store.set_saved_by({settings.cell_id, settings.id, settings.protocol, (*wal)->durable()});
  auto batch = store.take_batch();
  CHECK(batch.has_value());  // nobody else has this id
  done = wait([&](io::Done d) { (*engine)->commit_later(std::move(*batch), std::move(d)); });
  if (!done) return std::unexpected(done.error());
  auto claimed =
      claim_directory(settings, static_cast<std::uint64_t>(io::wall_clock_nanoseconds()));
  if (!claimed) return std::unexpected(claimed.error());
  if (auto begun = mark_begun(settings); !begun) return std::unexpected(begun.error());
  info->revision = store.revision();
  info->compacted = store.compacted();
  return info;
}

}  // namespace polis::cell
