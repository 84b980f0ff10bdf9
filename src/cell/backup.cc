#include "cell/backup.hh"

#include <fmt/format.h>

#include "api/polis/cell.pb.h"
#include "cell/identity.hh"
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
  server.add_stream("/polis.v1.Cell/Backup", [this](const http::CallPtr& call) {
    // One request makes one copy, whatever else the client sends.
    call->on_message = [this, call = call.get(), begun = false](std::string_view) mutable {
      if (!std::exchange(begun, true)) begin(call->shared_from_this());
    };
  });
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
      [&](std::uint64_t offset, std::size_t length) { return (*file)->read(offset, length); },
      {.named = [&](std::string_view name, std::string_view value) -> Result<void> {
         if (name != store::kMetaName) return {};
         auto mark = store::mark_of_meta(value);
         if (!mark) return fail(ErrorCode::kCorrupt, "what it says of itself cannot be read");
         info.mark = *mark;
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

Result<BackupInfo> restore_backup(const std::string& path, const Settings& settings) {
  auto info = verify_backup(path);
  if (!info) return info;
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
  Result<void> outcome;
  auto wait = [&](auto begin) {
    begin([&](Result<void> result) {
      outcome = std::move(result);
      reactor.stop();
    });
    reactor.run();
  };
  store::Store store(**engine);
  wait([&](io::Done done) {
    (*engine)->load_snapshot_later(path, store.restore_from(), std::move(done));
  });
  if (!outcome) return std::unexpected(outcome.error());

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
  wait([&](io::Done done) { (*wal)->sync_later(std::move(done)); });
  if (!outcome) return std::unexpected(outcome.error());

  // The state comes last: it knows how far its log is durable, and that is this one's from now on.
  store.set_configuration(founding(settings));
  store.forget_mastership();
  store.set_saved_by({settings.cell_id, settings.id, settings.protocol, (*wal)->durable()});
  auto batch = store.take_batch();
  wait([&](io::Done done) {
    (*engine)->adopt_loaded_later(batch ? std::move(*batch) : storage::WriteBatch(),
                                  std::move(done));
  });
  if (!outcome) return std::unexpected(outcome.error());
  auto claimed =
      claim_directory(settings, static_cast<std::uint64_t>(io::wall_clock_nanoseconds()));
  if (!claimed) return std::unexpected(claimed.error());
  if (auto begun = mark_begun(settings); !begun) return std::unexpected(begun.error());
  info->revision = store.revision();
  info->compacted = store.compacted();
  return info;
}

}  // namespace polis::cell
