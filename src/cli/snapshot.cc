// polis cell snapshot save|verify|restore

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "api/polis/cell.pb.h"
#include "cell/backup.hh"
#include "cli/cli.hh"
#include "cli/json.hh"
#include "cli/setting_flags.hh"
#include "io/posix_disk.hh"

namespace polis::cli {
namespace {

struct Flags {
  Target target;
  std::string file, output = "text";
  SettingFlags settings;
};

constexpr std::uint64_t kSyncEvery = 4 << 20;

int print(const cell::BackupInfo& info, const std::string& file, bool json) {
  std::string members;
  for (const consensus::Member& member : info.mark.configuration.members)
    members += (members.empty() ? "" : ", ") + member.name;
  if (json) {
    fmt::print(
        "{{\"file\": {}, \"bytes\": {}, \"records\": {}, \"revision\": {}, \"index\": {}, "
        "\"term\": {}, \"members\": {}}}\n",
        json_string(file), info.bytes, info.records, info.revision, info.mark.index.value,
        info.mark.term.value, json_string(members));
  } else {
    fmt::print(
        "{}: whole; revision {}, {} records, {:.1f} MB, log entry {} of term {}, cell of {}\n",
        file, info.revision, info.records, static_cast<double>(info.bytes) / 1e6,
        info.mark.index.value, info.mark.term.value, members);
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

int save(const Flags& flags) {
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
  auto info = cell::restore_backup(flags.file, *settings);
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
      "it; "
      "the file is read back before it gets its name.");
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
      "a=10.0.0.1:2380,b=10.0.0.2:2380,c=10.0.0.3:2380\nGive the new cell another name if the old "
      "one "
      "may still run.");
  app->add_option("file", flags->file, "the backup")->required();
  flags->settings.add_to(*app);
  app->callback([=, &run] { run = [=] { return restore(*flags); }; });
}

}  // namespace polis::cli
