// polis sim explore: every way through a small cell.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/cli.hh"
#include "cli/json.hh"
#include "sim/explore.hh"

namespace polis::cli {
namespace {

struct Flags {
  std::string protocol = "raft";
  sim::ExploreBounds bounds;
  bool every_short = false;
  std::string output = "text";
};

void print_json(const sim::Explored& found, consensus::Protocol protocol,
                const sim::ExploreBounds& bounds) {
  fmt::print(R"({{"protocol": "{}", "bounds": {}, "states": {}, "steps": {}, "longest": {}, )"
             R"("committed_most": {}, "complete": {}, "violation": {}}})"
             "\n",
             to_string(protocol), json_string(describe(bounds)), found.states, found.transitions,
             found.deepest, found.committed_most, found.complete,
             found.violation.empty() ? "null" : json_string(found.violation));
}

void print(const sim::Explored& found, consensus::Protocol protocol,
           const sim::ExploreBounds& bounds) {
  fmt::print(
      "{}, {}: {} distinct states, {} steps, at most {} in a row and {} entries committed; {}\n",
      to_string(protocol), describe(bounds), found.states, found.transitions, found.deepest,
      found.committed_most,
      !found.violation.empty() ? "BROKEN"
      : found.complete         ? "complete, nothing broken"
                               : "nothing broken, but cut off by --states-max");
  if (!found.violation.empty()) fmt::print("{}\n", found.violation);
}

bool go_through(consensus::Protocol protocol, const sim::ExploreBounds& bounds, bool json) {
  const sim::Explored found = sim::explore(protocol, bounds);
  json ? print_json(found, protocol, bounds) : print(found, protocol, bounds);
  std::fflush(stdout);
  return found.violation.empty();
}

int explore(const Flags& flags) {
  const auto protocol = *consensus::protocol_of(flags.protocol);
  const bool json = flags.output == "json";
  if (!flags.every_short) return go_through(protocol, flags.bounds, json) ? kDone : kRefused;
  bool good = true;
  for (const sim::ExploreBounds& bounds : sim::short_explorations())
    good = go_through(protocol, bounds, json) && good;
  return good ? kDone : kRefused;
}

}  // namespace

void add_explore_command(CLI::App& sim, Run& run) {
  auto flags = std::make_shared<Flags>();
  flags->bounds.states_max = 5'000'000;
  auto* app = sim.add_subcommand("explore",
                                 "Go through every order of events in a small cell, up to a bound");
  app->footer(
      "Examples:\n  polis sim explore\n  polis sim explore --protocol paxos --replicas 2 --crashes "
      "2 --slow-disks\n  polis sim explore --short\nThe code is the one that a cell runs. Each "
      "message may arrive in any order or never. Ends with 1 if anything is broken, and prints the "
      "way there.");
  app->add_option("--protocol", flags->protocol, "consensus protocol")
      ->check(CLI::IsMember({"raft", "paxos"}))
      ->capture_default_str();
  auto count = [&](const char* name, int& value, const char* help) {
    app->add_option(name, value, help)->check(CLI::Range(0, 10))->capture_default_str();
  };
  app->add_option("--replicas", flags->bounds.replicas, "replicas, all of them voters")
      ->check(CLI::Range(1, 4))
      ->capture_default_str();
  count("--timeouts", flags->bounds.timeouts, "elections begun, or masters that give up");
  count("--proposals", flags->bounds.proposals, "commands that a master is given");
  count("--crashes", flags->bounds.crashes, "replicas that lose what is not on disk");
  count("--heartbeats", flags->bounds.heartbeats, "rounds of a master, with what was lost");
  count("--duplicates", flags->bounds.duplicates, "messages that arrive twice");
  count("--reads", flags->bounds.reads, "linearizable reads, at any replica");
  app->add_flag("--slow-disks", flags->bounds.slow_disks, "disks finish whenever they like");
  app->add_flag("--short", flags->every_short, "go through the bounds that every test run does");
  app->add_option("--states-max", flags->bounds.states_max, "give up at so many states")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("-o,--output", flags->output, "text, or json: an object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app->callback([=, &run] { run = [=] { return explore(*flags); }; });
}

}  // namespace polis::cli
