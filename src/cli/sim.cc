// polis sim: rehearses a cell on simulated machines.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/cli.hh"
#include "cli/json.hh"
#include "sim/run.hh"
#include "sim/scenarios.hh"

namespace polis::cli {
namespace {

struct SimFlags {
  std::uint64_t seed = 1, seeds = 1;
  std::size_t replicas = 0;
  double seconds = 20;
  std::string protocol = "raft", profile = "mixed", scenario, output = "text";
  bool trace = false;

  bool json() const { return output == "json"; }
};

sim::Profile profile_of(const std::string& name) {
  for (sim::Profile profile : sim::kProfiles) {
    if (name == to_string(profile)) return profile;
  }
  return sim::Profile::kMixed;  // the flag takes no other name
}

struct Total {
  std::uint64_t runs = 0, failed = 0;
  std::size_t operations = 0, acknowledged = 0, unknown = 0, crashes = 0, elections = 0,
              changes = 0, snapshots = 0, damages = 0;
  Duration simulated{};

  void add(const sim::RunResult& run) {
    ++runs;
    failed += run.violation.has_value();
    operations += run.operations;
    acknowledged += run.acknowledged;
    unknown += run.unknown;
    crashes += run.crashes;
    elections += run.elections;
    changes += run.changes;
    snapshots += run.snapshots;
    damages += run.damages;
    simulated += run.simulated;
  }
};

void print(const sim::RunResult& run) {
  for (const std::string& line : run.trace) fmt::print("{}\n", line);
  fmt::print(
      "seed {} {}: {} operations, {} acknowledged, {} unknown, {} crashes, {} elections, {} "
      "changes of members, {} snapshots, {} damaged disks, revision {}, {} events\n",
      run.seed, run.violation ? "FAILED" : "ok", run.operations, run.acknowledged, run.unknown,
      run.crashes, run.elections, run.changes, run.snapshots, run.damages, run.revision,
      run.events);
  if (run.violation) fmt::print("  {}\n  {}\n", *run.violation, run.config);
  std::fflush(stdout);
}

void print(const Total& total) {
  fmt::print(
      "{} runs, {} failed; {:.2f} hours of a cell: {} operations, {} acknowledged, {} with unknown "
      "outcome; {} crashes, {} elections, {} changes of members, {} snapshots, {} damaged disks\n",
      total.runs, total.failed, std::chrono::duration<double>(total.simulated).count() / 3600,
      total.operations, total.acknowledged, total.unknown, total.crashes, total.elections,
      total.changes, total.snapshots, total.damages);
}

std::string json_or_null(const std::optional<std::string>& text) {
  return text ? json_string(*text) : "null";
}

void print_json(const sim::RunResult& run) {
  std::string trace;
  for (const std::string& line : run.trace)
    trace += (trace.empty() ? "" : ", ") + json_string(line);
  fmt::print(
      R"({{"seed": {}, "violation": {}, "config": {}, "operations": {}, "acknowledged": {}, )"
      R"("unknown": {}, "crashes": {}, "elections": {}, "changes": {}, "snapshots": {}, )"
      R"("damaged_disks": {}, "revision": {}, "events": {}, "digest": "{:08x}", "trace": [{}]}})"
      "\n",
      run.seed, json_or_null(run.violation), json_string(run.config), run.operations,
      run.acknowledged, run.unknown, run.crashes, run.elections, run.changes, run.snapshots,
      run.damages, run.revision, run.events, run.digest, trace);
  std::fflush(stdout);
}

void print_json(const Total& total) {
  fmt::print(
      R"({{"runs": {}, "failed": {}, "hours": {:.3f}, "operations": {}, "acknowledged": {}, )"
      R"("unknown": {}, "crashes": {}, "elections": {}, "changes": {}, "snapshots": {}, )"
      R"("damaged_disks": {}}})"
      "\n",
      total.runs, total.failed, std::chrono::duration<double>(total.simulated).count() / 3600,
      total.operations, total.acknowledged, total.unknown, total.crashes, total.elections,
      total.changes, total.snapshots, total.damages);
}

int simulate(const SimFlags& flags) {
  Total total;
  std::uint32_t digest = 0;
  for (std::uint64_t seed = flags.seed; seed < flags.seed + flags.seeds; ++seed) {
    sim::RunResult result = sim::run(
        {.seed = seed,
         .protocol = *consensus::protocol_of(flags.protocol),
         .replicas = flags.replicas,
         .faults = std::chrono::milliseconds(static_cast<std::int64_t>(flags.seconds * 1000)),
         .profile = profile_of(flags.profile),
         .trace = flags.trace});
    flags.json() ? print_json(result) : print(result);
    total.add(result);
    digest = result.digest;
  }
  if (flags.seeds > 1) flags.json() ? print_json(total) : print(total);
  if (flags.seeds == 1 && !flags.json()) fmt::print("digest {:08x}\n", digest);
  return total.failed == 0 ? kDone : kRefused;
}

void list_scenarios(bool json) {
  for (const sim::Scenario& scenario : sim::scenarios()) {
    if (json) {
      fmt::print("{{\"scenario\": {}, \"about\": {}}}\n", json_string(scenario.name),
                 json_string(scenario.about));
    } else {
      fmt::print("{:<66} {}\n", scenario.name, scenario.about);
    }
  }
}

int play(const std::string& name, consensus::Protocol protocol, bool json) {
  if (name == "list") {
    list_scenarios(json);
    return kDone;
  }
  bool found = false, good = true;
  for (const sim::Scenario& scenario : sim::scenarios()) {
    if (name != "all" && name != scenario.name) continue;
    found = true;
    const auto broken = scenario.run(protocol);
    if (json) {
      fmt::print("{{\"scenario\": {}, \"protocol\": \"{}\", \"violation\": {}}}\n",
                 json_string(scenario.name), to_string(protocol), json_or_null(broken));
    } else {
      fmt::print("{:<66} {}\n", scenario.name, broken ? "BROKEN: " + *broken : "holds");
    }
    std::fflush(stdout);
    good = good && !broken;
  }
  if (!found) {
    return complain(
        Error{ErrorCode::kInvalid,
              fmt::format("there is no scenario '{}'; --scenario list shows them", name)});
  }
  return good ? kDone : kRefused;
}

}  // namespace

void add_sim_command(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "sim", "Rehearse a cell on simulated machines with faults, and check its promises");
  command->footer(
      "Examples:\n  polis sim --seeds 100\n  polis sim --replicas 5 --seeds 1000 --profile wan\n  "
      "polis sim --seed 42 --trace\n  polis sim --protocol paxos --scenario all\nThe same seed "
      "gives the same run "
      "to "
      "the byte. Ends with 1 if any run failed.");
  auto flags = std::make_shared<SimFlags>();
  command->add_option("--seed", flags->seed, "the seed, or the first of several")
      ->capture_default_str();
  command->add_option("--seeds", flags->seeds, "how many runs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--protocol", flags->protocol, "consensus protocol")
      ->check(CLI::IsMember({"raft", "paxos"}))
      ->capture_default_str();
  command->add_option("--replicas", flags->replicas, "1 to 7 replicas; 0: the seed decides")
      ->check(CLI::Range(0, 7));
  command->add_option("--seconds", flags->seconds, "virtual seconds with faults")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  std::vector<std::string> profiles;
  for (sim::Profile profile : sim::kProfiles) profiles.emplace_back(to_string(profile));
  command->add_option("--profile", flags->profile, "what the runs lean to")
      ->check(CLI::IsMember(profiles))
      ->capture_default_str();
  command->add_option("--scenario", flags->scenario,
                      "play one by name, or 'all'; 'list' shows them");
  command->add_flag("--trace", flags->trace, "print what happened when");
  command->add_option("-o,--output", flags->output, "text, or json: an object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  add_estimate_command(*command, run);
  add_explore_command(*command, run);
  add_compare_command(*command, run);
  command->callback([=, &run] {
    if (!command->get_subcommands().empty()) return;
    run = [=] {
      return flags->scenario.empty()
                 ? simulate(*flags)
                 : play(flags->scenario, *consensus::protocol_of(flags->protocol), flags->json());
    };
  });
}

}  // namespace polis::cli
