// polis cell members|add|replace|repair|promote|remove|move

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "api/polis/cell.pb.h"
#include "cli/cli.hh"
#include "cli/json.hh"

namespace polis::cli {
namespace {

using v1::ChangeRequest;
using v1::Member;
using v1::MembersResponse;

constexpr Duration kPollInterval = std::chrono::milliseconds(300);

struct NameAndAddress {
  std::string name;
  io::Address address;
  bool scheme = false;  // it stands there whether the address speaks TLS
};

// "NAME=HOST:PORT", with https:// or http:// before the host or without.
Result<NameAndAddress> parse_named(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string behind = equals == std::string::npos ? "" : text.substr(equals + 1);
  auto address = io::parse_address(behind);
  if (equals == 0 || !address || address->unspecified() || address->is_unix())
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' must be NAME=HOST:PORT, with the address by which the other "
                            "replicas reach it",
                            text));
  const bool scheme = io::parse_address(behind, io::NoScheme::kTls)->tls == address->tls;
  return NameAndAddress{text.substr(0, equals), std::move(*address), scheme};
}

// Without a scheme, a peer address speaks TLS if those of the members do.
void follow(NameAndAddress& named, const MembersResponse& all) {
  if (named.scheme) return;
  named.address.tls = std::any_of(all.members().begin(), all.members().end(), [](const Member& m) {
    auto peer = io::parse_address(m.peer());
    return peer && peer->tls;
  });
}

const Member* find(const MembersResponse& all, std::uint64_t id) {
  for (const Member& member : all.members()) {
    if (member.id() == id) return &member;
  }
  return nullptr;
}

// By name or id. Of two with one name (one is about to take the other's place), the one that votes.
const Member* find(const MembersResponse& all, const std::string& name) {
  const Member* found = nullptr;
  for (const Member& member : all.members()) {
    if (member.name() != name && id_text(member.id()) != name) continue;
    if (found == nullptr || member.voter()) found = &member;
  }
  return found;
}

std::string role_of(const MembersResponse& all, const Member& member) {
  if (member.leaving()) return "voter, leaving";
  if (member.voter()) return "voter";
  if (!member.promote()) return "learner";
  for (const Member& other : all.members()) {
    if (other.id() == member.replaces())
      return fmt::format("learner, takes the place of {}", other.name());
  }
  return "learner, votes when it has caught up";
}

void print(const MembersResponse& all, const Target& target) {
  if (target.json()) return print_json(all);
  std::vector<Member> sorted(all.members().begin(), all.members().end());
  std::sort(sorted.begin(), sorted.end(),
            [](const Member& a, const Member& b) { return a.name() < b.name(); });
  fmt::print("{:<10} {:<18} {:<22} {:<22} {}\n", "NAME", "ID", "PEER", "CLIENT", "ROLE");
  for (const Member& member : sorted) {
    fmt::print("{:<10} {:<18x} {:<22} {:<22} {}\n", member.name().empty() ? "?" : member.name(),
               member.id(), member.peer(),
               member.client().empty() ? "(not started yet)" : member.client(),
               role_of(all, member));
  }
}

// One command: the session and what the cell said of its members first.
struct Work {
  std::unique_ptr<Session> session;
  MembersResponse all;
};

// Nothing: `code` says how it ended.
std::optional<Work> begin(const Target& target, int& code) {
  auto session = Session::open(target);
  if (!session) {
    code = complain(session.error());
    return std::nullopt;
  }
  Work work{std::move(*session), {}};
  auto status = work.session->call("/polis.v1.Cell/Members", v1::MembersRequest(), work.all);
  if (status.ok()) return work;
  code = complain(status);
  return std::nullopt;
}

int no_such_member(const MembersResponse& all, const std::string& name) {
  std::string names;
  for (const Member& member : all.members())
    names += (names.empty() ? "" : ", ") + (member.name().empty() ? "?" : member.name());
  return refuse(fmt::format("the cell has no member '{}'; it has {}", name, names));
}

int change(Work& work, const ChangeRequest& request, const Target& target) {
  auto status = work.session->call("/polis.v1.Cell/Change", request, work.all);
  if (!status.ok()) return complain(status);
  print(work.all, target);
  return kDone;
}

std::string start_command(const MembersResponse& all, const NameAndAddress& added) {
  std::string join;
  for (const Member& member : all.members()) {
    if (!member.client().empty() && member.name() != added.name)
      join += (join.empty() ? "" : ",") + member.client();
  }
  return fmt::format(
      "polis cell run --name {} --data-dir DIR --client HOST:PORT --peer {} --cluster {} --join {}",
      added.name, added.address.text(), all.cluster(), join);
}

// How far the new member has come, in words for one line.
std::string progress_of(Work& work, const Member& member) {
  v1::StatusResponse status;
  if (!work.session->call("/polis.v1.Cell/Status", v1::StatusRequest(), status).ok()) return "";
  for (const v1::Peer& peer : status.peers()) {
    if (peer.id() != member.id()) continue;
    if (peer.match() == 0 && !peer.receives_snapshot()) return "waits for it to start";
    if (peer.receives_snapshot()) return "receives a snapshot";
    return fmt::format("is {} log entries behind",
                       status.commit() - std::min(status.commit(), peer.match()));
  }
  return "catches up";  // this replica is not the master and cannot say how far
}

// Until the member votes. Stopping to wait changes nothing: the cell goes on by itself.
int wait_for_vote(Work& work, std::uint64_t id, const std::string& name, double seconds,
                  const Target& target) {
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  Instant deadline = work.session->reactor().now() +
                     Duration(static_cast<std::int64_t>(std::min(seconds, 1e6) * 1e9));
  std::string shown;
  while (true) {
    auto status = work.session->call("/polis.v1.Cell/Members", v1::MembersRequest(), work.all);
    const Member* member = status.ok() ? find(work.all, id) : nullptr;
    if (status.ok() && member == nullptr) {
      return refuse(fmt::format("member '{}' was removed meanwhile", name));
    }
    if (member != nullptr && member->voter() && !member->leaving() &&
        std::none_of(work.all.members().begin(), work.all.members().end(),
                     [](const Member& m) { return m.leaving(); })) {
      if (terminal && !shown.empty()) fmt::print(stderr, "\r\x1b[K");
      print(work.all, target);
      return kDone;
    }
    std::string now = member != nullptr ? progress_of(work, *member) : status.message;
    if (terminal && now != shown) fmt::print(stderr, "\r\x1b[K{} {}", name, now);
    shown = now;
    if (work.session->reactor().now() >= deadline) {
      if (terminal) fmt::print(stderr, "\n");
      return refuse(
          fmt::format("after {} s {} still {}; the change goes on by itself, `polis cell members` "
                      "shows it",
                      seconds, name, now));
    }
    auto timer =
        work.session->reactor().after(kPollInterval, [&] { work.session->reactor().stop(); });
    work.session->reactor().run();
  }
}

struct Newcomer {
  NameAndAddress named;
  std::string replaces;  // whose place it takes; empty: nobody's
  std::string place;     // what it fails together with; empty: as `replaces`
  bool learner = false;
  double wait = 600;  // s, until it votes
};

int add(const Target& target, const Newcomer& newcomer) {
  const auto& [named, replaces, place, learner, wait] = newcomer;
  NameAndAddress added = named;
  int code = kDone;
  auto work = begin(target, code);
  if (!work) return code;
  follow(added, work->all);
  ChangeRequest request;
  request.set_kind(ChangeRequest::ADD);
  request.set_name(added.name);
  request.set_peer(added.address.url());
  request.set_promote(!learner);
  request.set_place(place);
  const Member* old = replaces.empty() ? nullptr : find(work->all, replaces);
  // Asked for before: then it is only waited for.
  std::uint64_t asked = 0;
  for (const Member& member : work->all.members()) {
    if (member.peer() == added.address.text() && &member != old && member.name() == added.name)
      asked = member.id();
  }
  if (!replaces.empty() && old == nullptr && asked == 0) return no_such_member(work->all, replaces);
  if (old != nullptr && !old->voter()) {
    return refuse(fmt::format("{} is a learner; remove it and add another", replaces));
  }
  if (asked == 0) {
    if (old != nullptr) request.set_replaces(old->id());
    auto status = work->session->call("/polis.v1.Cell/Change", request, work->all);
    if (!status.ok()) return complain(status);
    asked = work->all.id();
    note(fmt::format("{} is added{}. {}:\n  {}", added.name,
                     learner            ? " as a learner"
                     : replaces.empty() ? " and votes when it has caught up"
                     : replaces == added.name
                         ? " anew and takes its old place when it has caught up"
                         : " and takes the place of " + replaces + " when it has caught up",
                     replaces == added.name
                         ? "Stop it if it runs, move its data directory away, and start it with"
                         : "Start it, if it does not run yet",
                     start_command(work->all, added)));
  }
  if (learner || wait <= 0) {
    print(work->all, target);
    return kDone;
  }
  return wait_for_vote(*work, asked, added.name, wait, target);
}

// The member that `text` names as NAME=HOST:PORT.
int add(const Target& target, const std::string& text, Newcomer newcomer) {
  auto named = parse_named(text);
  if (!named) return complain(named.error());
  newcomer.named = std::move(*named);
  return add(target, newcomer);
}

struct Flags {
  Target target;
  std::string name, with, place;
  bool learner = false;
  double wait = 600;
};

int change_by_name(const Flags& flags, ChangeRequest::Kind kind) {
  int code = kDone;
  auto work = begin(flags.target, code);
  if (!work) return code;
  const Member* member = find(work->all, flags.name);
  if (member == nullptr) return no_such_member(work->all, flags.name);
  ChangeRequest request;
  request.set_kind(kind);
  request.set_id(member->id());
  auto status = work->session->call("/polis.v1.Cell/Change", request, work->all);
  // Whoever was asked may be the one that left, and gone before it could say so.
  if (!status.ok() && kind == ChangeRequest::REMOVE &&
      work->session->call("/polis.v1.Cell/Members", v1::MembersRequest(), work->all).ok() &&
      find(work->all, request.id()) == nullptr)
    status = {};
  if (!status.ok()) return complain(status);
  print(work->all, flags.target);
  return kDone;
}

// The same replica with a new identity and nothing of what it had on disk.
int repair(const Flags& flags) {
  int code = kDone;
  auto work = begin(flags.target, code);
  if (!work) return code;
  const Member* member = find(work->all, flags.name);
  if (member == nullptr) return no_such_member(work->all, flags.name);
  if (member->voter() && member->client().empty()) {
    return refuse(
        fmt::format("{} has not told the cell yet where it serves clients; if it has just started, "
                    "look again in a second",
                    member->name()));
  }
  Target itself = flags.target;
  itself.endpoints = member->client();
  itself.told_by_members = true;
  itself.timeout_seconds = 1;
  auto session = Session::open(itself);
  v1::StatusResponse status;
  if (session && (*session)->call("/polis.v1.Cell/Status", v1::StatusRequest(), status).ok() &&
      status.id() == member->id()) {
    return refuse(fmt::format(
        "{} answers at {}; there is nothing to repair. To rebuild it all the same, stop "
        "it first",
        member->name(), member->client()));
  }
  auto address = io::parse_address(member->peer());
  if (!address) return complain(address.error());
  return add(flags.target, {.named = {member->name(), std::move(*address), true},
                            .replaces = member->name(),
                            .place = "",
                            .wait = flags.wait});
}

int move(const Flags& flags) {
  auto moved = parse_named(flags.name);
  if (!moved) return complain(moved.error());
  int code = kDone;
  auto work = begin(flags.target, code);
  if (!work) return code;
  follow(*moved, work->all);
  const Member* member = find(work->all, moved->name);
  if (member == nullptr) return no_such_member(work->all, moved->name);
  ChangeRequest request;
  request.set_kind(ChangeRequest::UPDATE);
  request.set_id(member->id());
  request.set_peer(moved->address.url());
  return change(*work, request, flags.target);
}

CLI::App* command(CLI::App& cell, Flags& flags, const char* name, const char* help,
                  const char* example) {
  auto* app = cell.add_subcommand(name, help);
  app->footer(example);
  flags.target.add_to(*app);
  return app;
}

}  // namespace

void add_member_commands(CLI::App& cell, Run& run) {
  auto flags = std::make_shared<Flags>();
  command(cell, *flags, "members", "List who takes part in a cell",
          "Example:\n  polis cell members --endpoints 10.0.0.1:2379")
      ->callback([=, &run] {
        run = [=] {
          int code = kDone;
          auto work = begin(flags->target, code);
          if (work) print(work->all, flags->target);
          return code;
        };
      });

  flags = std::make_shared<Flags>();
  auto* app = command(cell, *flags, "add", "Add a replica; it votes when it has caught up",
                      "Example:\n  polis cell add d=10.0.0.4:2380\nThen start it with the command "
                      "that is printed. Stopping to wait changes nothing: the cell goes on.");
  app->add_option("member", flags->name,
                  "NAME=HOST:PORT, with its address for peers; without http:// or "
                  "https:// in front it speaks TLS if those of the members do")
      ->required();
  app->add_option("--place", flags->place,
                  "what it fails together with; needed where a quorum is of places");
  app->add_flag("--learner", flags->learner, "it does not vote until `polis cell promote`");
  app->add_option("--wait", flags->wait, "seconds to wait until it votes; 0: do not wait")
      ->capture_default_str();
  app->callback([=, &run] {
    run = [=] {
      return add(flags->target, flags->name,
                 {.named = {},
                  .replaces = "",
                  .place = flags->place,
                  .learner = flags->learner,
                  .wait = flags->wait});
    };
  });

  flags = std::make_shared<Flags>();
  app = command(cell, *flags, "replace", "Let a new replica take the place of one, dead or alive",
                "Example:\n  polis cell replace b --with d=10.0.0.4:2380\nb stays a member until d "
                "has caught up, so the cell is never weaker than it was.");
  app->add_option("old", flags->name, "name of the replica that leaves")
      ->required()
      ->type_name("MEMBER");
  app->add_option("--with", flags->with, "NAME=HOST:PORT of the new one")->required();
  app->add_option("--place", flags->place, "what it fails together with; else as the old one");
  app->add_option("--wait", flags->wait, "seconds to wait until it is done; 0: do not wait")
      ->capture_default_str();
  app->callback([=, &run] {
    run = [=] {
      return add(
          flags->target, flags->with,
          {.named = {}, .replaces = flags->name, .place = flags->place, .wait = flags->wait});
    };
  });

  flags = std::make_shared<Flags>();
  app = command(
      cell, *flags, "repair", "Rebuild a replica whose data is damaged or lost, from the others",
      "Example:\n  polis cell repair b\nThe damaged copy is never asked again: the replica "
      "comes back under a new identity, catches up, and takes its old place in one step.");
  app->add_option("name", flags->name, "name of the damaged replica")
      ->required()
      ->type_name("MEMBER");
  app->add_option("--wait", flags->wait, "seconds to wait until it is done; 0: do not wait")
      ->capture_default_str();
  app->callback([=, &run] { run = [=] { return repair(*flags); }; });

  flags = std::make_shared<Flags>();
  app = command(cell, *flags, "promote", "Let a learner vote, once it has caught up",
                "Example:\n  polis cell promote d");
  app->add_option("name", flags->name, "name of the learner")->required()->type_name("MEMBER");
  app->callback(
      [=, &run] { run = [=] { return change_by_name(*flags, ChangeRequest::PROMOTE); }; });

  flags = std::make_shared<Flags>();
  app = command(cell, *flags, "remove", "Remove a replica from the cell",
                "Example:\n  polis cell remove b\nRefused if too few of the others answer.");
  app->add_option("name", flags->name, "name of the replica")->required()->type_name("MEMBER");
  app->callback([=, &run] { run = [=] { return change_by_name(*flags, ChangeRequest::REMOVE); }; });

  flags = std::make_shared<Flags>();
  app = command(cell, *flags, "move", "Tell the cell a replica's new address for peers",
                "Example:\n  polis cell move b=10.0.0.9:2380");
  app->add_option("member", flags->name, "NAME=HOST:PORT")->required();
  app->callback([=, &run] { run = [=] { return move(*flags); }; });
}

}  // namespace polis::cli
