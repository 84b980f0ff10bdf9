// polis cell snapshot save|verify|restore

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "api/polis/cell.pb.h"
#include "cell/backup.hh"
#include "cell/stopped.hh"
#include "cli/cli.hh"
#include "cli/json.hh"
#include "cli/setting_flags.hh"
#include "io/posix_disk.hh"

namespace polis::cli {
namespace {

struct Flags {
  Target target;
  std::string file, output = "text", data_dir;
  bool without_log = false, mark_compacted = false;
  std::uint64_t bump_revision = 0;
  SettingFlags settings;
};

constexpr std::uint64_t kSyncEvery = 4 << 20;

int print(const cell::BackupInfo& info, const std::string& file, bool json) {
  std::string members;
  for (const consensus::Member& member : info.mark.configuration.members)
    members += (members.empty() ? "" : ", ") + member.name;
  const std::string quorum = to_string(info.mark.configuration.quorum);
  const std::string protocol = info.saved_by ? to_string(info.saved_by->protocol) : "";
  if (json) {
    fmt::print(
        "{{\"file\": {}, \"bytes\": {}, \"records\": {}, \"revision\": {}, \"index\": {}, "
        "\"term\": {}, \"members\": {}, \"quorum\": {}, \"protocol\": {}}}\n",
        json_string(file), info.bytes, info.records, info.revision, info.mark.index.value,
        info.mark.term.value, json_string(members), json_string(quorum), json_string(protocol));
  } else {
    fmt::print(
        "{}: whole; revision {}, {} records, {:.1f} MB, log entry {} of term {}, cell of {} with "
        "quorum {}{}\n",
        file, info.revision, info.records, static_cast<double>(info.bytes) / 1e6,
        info.mark.index.value, info.mark.term.value, members, quorum,
        protocol.empty() ? "" : " and protocol " + protocol);
  }
  return kDone;
}

// Receives into `path`; how many bytes there should be is in `total`.
http::GrpcStatus receive(Session& session, io::File& file, std::uint64_t& received,
                         std::uint64_t& total) {
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  http::GrpcStatus result;
  Error failure;
  std::uint64_t shown = 0, synced = 0;
  auto call = session.client().stream(
      "/polis.v1.Cell/Backup",
      [&](std::string_view bytes) {
        v1::BackupChunk chunk;
        if (!chunk.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
        total = chunk.total_bytes();
        auto written = file.write(received, chunk.data());
        received += chunk.data().size();
        // Little at a time: a cell on the same disk waits behind it.
        if (written && received - synced >= kSyncEvery) {
          synced = received;
          written = file.sync();
        }
        if (!written && failure.text.empty()) {
          failure = written.error();
          session.reactor().stop();
        }
        if (terminal && received - shown > (8 << 20)) {
          shown = received;
          fmt::print(stderr, "\r{:.0f} of {:.0f} MB", static_cast<double>(received) / 1e6,
                     static_cast<double>(total) / 1e6);
        }
      },
      [&](const http::GrpcStatus& status) {
        result = status;
        session.reactor().stop();
      });
  call->send(v1::BackupRequest().SerializeAsString());
  call->half_close();
  session.reactor().run();
  if (shown > 0) fmt::print(stderr, "\r\x1b[K");
  if (!failure.text.empty())
    return http::grpc_status(http::GrpcCode::kInternal, "polis: " + failure.text);
  return result;
}

// Nobody can be asked: what one replica has on its disk.
int save_stopped(const Flags& flags) {
  auto replica = cell::StoppedReplica::open(
      flags.data_dir, flags.without_log ? cell::LogUse::kIgnored : cell::LogUse::kNeeded);
  if (!replica) return complain(replica.error());
  const std::string part = flags.file + ".part";
  if (auto saved = (*replica)->save(part); !saved) return complain(saved.error());
  auto info = cell::verify_backup(part);
  if (!info) return complain(info.error());
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  if (auto renamed = disk.rename(part, flags.file); !renamed) return complain(renamed.error());
  if (!(*replica)->uncommitted().empty()) {
    fmt::print(stderr,
               "polis: {} entries of the log behind that are not in it: this replica does not know "
               "whether they are committed\n",
               (*replica)->uncommitted().size());
  }
  return print(*info, flags.file, flags.target.json());
}

int save(const Flags& flags) {
  if (!flags.data_dir.empty()) return save_stopped(flags);
  auto session = Session::open(flags.target);
  if (!session) return complain(session.error());
  io::PosixDisk disk((*session)->reactor());
  const std::string part = flags.file + ".part";
  auto file = disk.create(part);
  if (!file) return complain(file.error());
  std::uint64_t received = 0, total = 0;
  auto status = receive(**session, **file, received, total);
  auto give_up = [&](int code) {
    [[maybe_unused]] auto removed = disk.remove(part);
    return code;
  };
  if (!status.ok()) return give_up(complain(status));
  if (auto synced = (*file)->sync(); !synced) return give_up(complain(synced.error()));
  if (received != total || total == 0) {
    fmt::print(stderr, "polis: {} of {} bytes came; nothing was kept, try again\n", received,
               total);
    return give_up(kRefused);
  }
  // What is kept has been read back.
  auto info = cell::verify_backup(part);
  if (!info) return give_up(complain(info.error()));
  if (auto renamed = disk.rename(part, flags.file); !renamed)
    return give_up(complain(renamed.error()));
  return print(*info, flags.file, flags.target.json());
}

int verify(const Flags& flags) {
  auto info = cell::verify_backup(flags.file);
  return info ? print(*info, flags.file, flags.output == "json") : complain(info.error());
}

int restore(const Flags& flags) {
  auto values = flags.settings.collect();
  if (!values) return complain(values.error());
  auto settings = cell::parse_settings(*values);
  if (!settings) return complain(settings.error());
  if (settings->founders.empty()) {
    fmt::print(stderr, "polis: a backup founds a new cell: use --initial, not --join\n");
    return kWrongUsage;
  }
  if (flags.mark_compacted != (flags.bump_revision > 0)) {
    fmt::print(stderr, "polis: --bump-revision and --mark-compacted need each other\n");
    return kWrongUsage;
  }
  auto info = cell::restore_backup(flags.file, *settings,
                                   {.bump_revision = flags.bump_revision, .tail = {}});
  if (!info) return complain(info.error());
  fmt::print(
      "{} holds the state of revision {} for replica '{}' of cell '{}'. Restore the same file "
      "for every founder, then start them with the same settings\n",
      settings->data_dir, info->revision, settings->name, settings->cluster);
  return kDone;
}

}  // namespace

void add_snapshot_commands(CLI::App& cell, Run& run) {
  auto* snapshot = cell.add_subcommand("snapshot", "Back up a cell that serves, and use backups");
  snapshot->require_subcommand(1);

  auto flags = std::make_shared<Flags>();
  auto* app = snapshot->add_subcommand("save", "Write a copy of the whole state to a file");
  app->footer(
      "Example:\n  polis cell snapshot save backup.snapshot\nEverything acknowledged before is in "
      "it; the file is read back before it gets its name.\nOf a replica that does not run, when "
      "nobody can be asked:\n  polis cell snapshot save backup.snapshot --data-dir /var/lib/polis");
  app->add_option("--data-dir", flags->data_dir,
                  "take the state of a replica that does not run, as far as it knows it to be "
                  "committed; others may have more");
  app->add_flag("--without-log", flags->without_log,
                "with --data-dir: take the state alone, although its log is damaged or missing");
  app->add_option("file", flags->file, "file to write; FILE.part until it is whole")->required();
  flags->target.add_to(*app);
  app->callback([=, &run] { run = [=] { return save(*flags); }; });

  flags = std::make_shared<Flags>();
  app = snapshot->add_subcommand("verify", "Check every checksum of a backup");
  app->footer(
      "Example:\n  polis cell snapshot verify backup.snapshot\nEnds with 1 if it is damaged.");
  app->add_option("file", flags->file, "the backup")->required();
  app->add_option("-o,--output", flags->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  app->callback([=, &run] { run = [=] { return verify(*flags); }; });

  flags = std::make_shared<Flags>();
  app = snapshot->add_subcommand("restore", "Make a data directory of a new cell from a backup");
  app->footer(
      "Example, for each founder of the new cell:\n  polis cell snapshot restore backup.snapshot "
      "--name a --data-dir /var/lib/polis \\\n    --cluster restored --initial "
      "a=10.0.0.1:2380,b=10.0.0.2:2380,c=10.0.0.3:2380\nThe new cell has an id of its own, also "
      "under the old name: nothing of the old one can join it. Protocol, quorum rule and places "
      "are the backup's.");
  app->add_option("file", flags->file, "the backup")->required();
  app->add_option("--bump-revision", flags->bump_revision,
                  "skip so many revisions, more than the old cell can have made since the backup; "
                  "with --mark-compacted");
  app->add_flag("--mark-compacted", flags->mark_compacted,
                "call all revisions before that compacted, so that watchers and caches that have "
                "seen more than the backup holds are told");
  flags->settings.add_to(*app);
  app->callback([=, &run] { run = [=] { return restore(*flags); }; });
}

}  // namespace polis::cli
