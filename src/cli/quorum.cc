// polis cell quorum explain: who decides in a cell, and what it survives.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "api/polis/cell.pb.h"
#include "cli/cli.hh"
#include "cli/json.hh"
#include "consensus/quorum_survey.hh"

namespace polis::cli {
namespace {

using consensus::Configuration;
using consensus::ReplicaId;
using consensus::Survey;

struct Flags {
  Target target;
  std::string voters, quorum;  // of a cell that is only thought of
};

// a=rome,b=rome,c
Result<Configuration> imagined(const Flags& flags) {
  Configuration configuration;
  auto rule = consensus::parse_quorum(flags.quorum);
  if (!rule) return std::unexpected(rule.error());
  configuration.quorum = *rule;
  std::string_view rest = flags.voters;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    const std::string name(one.substr(0, equals));
    if (name.empty())
      return fail(
          ErrorCode::kInvalid,
          fmt::format("--voters: '{}' is not NAME or NAME=PLACE, as in a=rome,b=oslo", one));
    const ReplicaId id(configuration.voters.size() + 1);
    configuration.voters.push_back(id);
    configuration.put(
        {.id = id,
         .name = name,
         .place = std::string(equals == std::string_view::npos ? "" : one.substr(equals + 1))});
  }
  const std::size_t most = consensus::voters_max(rule->kind);
  if (configuration.voters.empty() || configuration.voters.size() > most)
    return fail(
        ErrorCode::kInvalid,
        fmt::format("--voters: a cell with quorum {} has 1 to {} voters", to_string(*rule), most));
  return configuration;
}

Result<Configuration> asked(const Flags& flags) {
  auto session = Session::open(flags.target);
  if (!session) return std::unexpected(session.error());
  v1::MembersResponse all;
  auto status = (*session)->call("/polis.v1.Cell/Members", v1::MembersRequest(), all);
  if (!status.ok()) return fail(ErrorCode::kUnavailable, status.message);
  Configuration configuration;
  auto rule = consensus::parse_quorum(all.quorum());
  if (!rule) return std::unexpected(rule.error());
  configuration.quorum = *rule;
  for (const v1::Member& member : all.members()) {
    const ReplicaId id(member.id());
    if (member.voter() && !member.leaving()) configuration.voters.push_back(id);
    if (member.leaving())
      fmt::print("A change is under way: {} votes until it is done, and is left out here.\n\n",
                 member.name());
    configuration.put({.id = id, .name = member.name(), .place = member.place()});
  }
  std::sort(configuration.voters.begin(), configuration.voters.end());
  return configuration;
}

std::string names(const Configuration& configuration, const std::vector<ReplicaId>& ids) {
  std::vector<std::string> all;
  for (ReplicaId id : ids) all.push_back(configuration.name_of(id));
  std::sort(all.begin(), all.end());
  return fmt::format("{}", fmt::join(all, "+"));
}

void print(const Configuration& configuration, const char* what, const Survey::Decides& decides,
           std::size_t voters) {
  fmt::print("{}\n", what);
  fmt::print("  enough           {} of {} voters at least; {} such sets\n", decides.smallest,
             voters, decides.quorums);
  fmt::print("  survives         the loss of any {}; of {} if they are the right ones\n",
             decides.losses_any, decides.losses_most);
  std::string fatal;
  for (const auto& lost : decides.fatal)
    fatal += (fatal.empty() ? "" : ", ") + names(configuration, lost);
  if (decides.fatal_count > decides.fatal.size())
    fatal += fmt::format(", and {} more", decides.fatal_count - decides.fatal.size());
  fmt::print("  is stopped by    {}\n", fatal);
  for (const auto& [place, more] : decides.places) {
    if (more < 0)
      fmt::print("  without {:<9}stands still\n", place);
    else if (more == 0)
      fmt::print("  without {:<9}goes on; one more loss may stop it\n", place);
    else
      fmt::print("  without {:<9}goes on, and survives the loss of any {} more\n", place, more);
  }
}

std::string json_of(const Configuration& configuration, const Survey::Decides& decides) {
  std::string fatal, places;
  for (const auto& lost : decides.fatal) {
    std::string ids;
    for (ReplicaId id : lost)
      ids += (ids.empty() ? "" : ",") + json_string(configuration.name_of(id));
    fatal += (fatal.empty() ? "[" : ",[") + ids + "]";
  }
  for (const auto& [place, more] : decides.places)
    places += fmt::format("{}{}:{}", places.empty() ? "" : ",", json_string(place), more);
  return fmt::format(R"({{"smallest":{},"quorums":{},"survives_any":{},"survives_most":{},)"
                     R"("stopped_by":[{}],"stopped_by_count":{},"more_losses_without":{{{}}}}})",
                     decides.smallest, decides.quorums, decides.losses_any, decides.losses_most,
                     fatal, decides.fatal_count, places);
}

void print_json(const Configuration& configuration, const Survey& found) {
  std::string voters;
  for (ReplicaId id : configuration.voters)
    voters += (voters.empty() ? "" : ",") + json_string(configuration.name_of(id));
  fmt::print(R"({{"quorum":{},"voters":[{}],"commit":{},"elect":{}}})"
             "\n",
             json_string(to_string(configuration.quorum)), voters,
             json_of(configuration, found.commit), json_of(configuration, found.elect));
}

int explain(const Flags& flags) {
  auto configuration = flags.voters.empty() ? asked(flags) : imagined(flags);
  if (!configuration) return complain(configuration.error());
  if (auto safe = consensus::check_quorums(*configuration); !safe) return complain(safe.error());
  const Survey found = consensus::survey(*configuration);
  const std::size_t voters = configuration->voters.size();
  if (flags.target.json()) {
    print_json(*configuration, found);
    return kDone;
  }
  fmt::print("quorum {} of {} voters: {}\n\n", to_string(configuration->quorum), voters,
             names(*configuration, configuration->voters));
  print(*configuration, "writes, and reads (the master renews its lease with these)", found.commit,
        voters);
  fmt::print("\n");
  print(*configuration, "the election of another master", found.elect, voters);
  return kDone;
}

}  // namespace

void add_quorum_command(CLI::App& cell, Run& run) {
  auto* quorum = cell.add_subcommand("quorum", "Who decides in a cell");
  quorum->require_subcommand(1);
  auto flags = std::make_shared<Flags>();
  auto* app = quorum->add_subcommand(
      "explain", "How many, and which, have to answer, and which losses a cell survives");
  app->footer(
      "Examples:\n  polis cell quorum explain\n  polis cell quorum explain --voters "
      "a=rome,b=rome,c=oslo,d=oslo,e=wien --quorum places\n  polis cell quorum explain --voters "
      "a,b,c,d,e --quorum flexible:4,2\nWith --voters no cell is asked.");
  flags->target.add_to(*app);
  app->add_option("--voters", flags->voters, "NAME or NAME=PLACE,... of a cell to think about");
  app->add_option("--quorum", flags->quorum, "its quorum: majority, flexible:ELECT,COMMIT, places");
  app->callback([=, &run] { run = [=] { return explain(*flags); }; });
}

}  // namespace polis::cli
