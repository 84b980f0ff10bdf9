// polis cell recover: going on from one survivor when the quorum is lost for good

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cell/backup.hh"
#include "cell/stopped.hh"
#include "cli/cli.hh"

namespace polis::cli {
namespace {

struct Flags {
  std::string data_dir, into;
  bool accept_loss = false, without_log = false;
};

void say_what_may_be_lost(const cell::StoppedReplica& survivor, const Flags& flags) {
  const cell::Owner& owner = survivor.owner();
  const store::Store& store = survivor.store();
  std::string members;
  for (const consensus::Member& member : store.applied_mark().configuration.members)
    members += (members.empty() ? "" : ", ") + member.name;
  fmt::print("{} is replica '{}' of cell '{}' ({}). Its state is at revision {}, log entry {}.\n",
             flags.data_dir, owner.name, owner.cluster, members, store.revision(),
             store.applied().value);
  if (!survivor.uncommitted().empty()) {
    fmt::print(
        "Its log holds {} more entries, which may have been acknowledged or not. They take "
        "effect.\n",
        survivor.uncommitted().size());
  }
  fmt::print(
      "Its last entry is {} of term {}. LOST IS each write that was acknowledged behind that: a "
      "quorum without this\nreplica may have had some. Look at the other survivors in the same way "
      "and go on from the one with the\nhighest term, and among those the highest entry.\n"
      "All other replicas of the old cell have to stay stopped. They cannot join the new cell, nor "
      "vote in it: it has\nanother id.\n",
      survivor.last().value, survivor.last_term().value);
}

// A cell of one with the survivor's name and peer address.
Result<cell::Settings> settings_of(const cell::StoppedReplica& survivor, const Flags& flags) {
  const cell::Owner& owner = survivor.owner();
  std::map<std::string, std::string> given{
      {"name", owner.name}, {"cluster", owner.cluster}, {"data-dir", flags.into}};
  const auto& old = survivor.store().applied_mark().configuration;
  if (const consensus::Member* own = old.find(owner.known.id); own && !own->peer.empty())
    given["peer"] = own->peer;
  given["protocol"] = to_string(owner.known.protocol);
  // A rule that counts replicas needs them.
  if (old.quorum.kind == consensus::QuorumKind::kFlexible) given["quorum"] = "majority";
  auto values = host::collect_settings(cell::setting_infos(), "", given, {});
  if (!values) return std::unexpected(values.error());
  return cell::parse_settings(*values);
}

int recover(const Flags& flags) {
  auto survivor = cell::StoppedReplica::open(
      flags.data_dir, flags.without_log ? cell::LogUse::kIgnored : cell::LogUse::kNeeded);
  if (!survivor) return complain(survivor.error());
  say_what_may_be_lost(**survivor, flags);
  if (!flags.accept_loss) {
    fmt::print(
        "Nothing was done. With --accept-loss a cell of one begins in {}; {} stays as it is.\n",
        flags.into, flags.data_dir);
    return kRefused;
  }
  auto settings = settings_of(**survivor, flags);
  if (!settings) return complain(settings.error());
  const std::string file = flags.into + ".snapshot";
  if (auto saved = (*survivor)->save(file); !saved) return complain(saved.error());
  auto restored = cell::restore_backup(file, *settings, {.tail = (*survivor)->uncommitted()});
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  [[maybe_unused]] auto removed = disk.remove(file);
  if (!restored) return complain(restored.error());
  const auto& quorum = (*survivor)->store().applied_mark().configuration.quorum;
  if (quorum.kind == consensus::QuorumKind::kFlexible)
    fmt::print("The quorum rule was {}; a cell of one has majority and keeps it.\n",
               to_string(quorum));
  fmt::print(
      "{} holds a cell of one at revision {}. Start it, then empty the others' data directories "
      "and add them anew:\n"
      "  polis cell run --name {} --cluster {} --data-dir {} --peer {} --client HOST:PORT\n"
      "  polis cell add NAME=HOST:PORT\n",
      flags.into, restored->revision, settings->name, settings->cluster, flags.into,
      settings->peer_text);
  return kDone;
}

}  // namespace

void add_recover_command(CLI::App& cell, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* app = cell.add_subcommand(
      "recover", "Go on from one survivor when the quorum is lost for good and there is no backup");
  app->footer(
      "Example, on the machine of a survivor that is stopped:\n  polis cell recover --data-dir "
      "/var/lib/polis --into /var/lib/polis-new\nSays what may be lost and does nothing; with "
      "--accept-loss it founds a cell of one there.");
  app->add_option("--data-dir", flags->data_dir, "the survivor's data directory")->required();
  app->add_option("--into", flags->into, "new data directory of the cell that goes on")->required();
  app->add_flag("--accept-loss", flags->accept_loss, "do it, whatever is lost");
  app->add_flag("--without-log", flags->without_log,
                "take the state alone, although its log is damaged or missing");
  app->callback([=, &run] { run = [=] { return recover(*flags); }; });
}

}  // namespace polis::cli
