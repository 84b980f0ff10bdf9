// polis sim: rehearses a cell on simulated machines.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/cli.hh"
#include "sim/run.hh"

namespace polis::cli {
namespace {

struct SimFlags {
  std::uint64_t seed = 1, seeds = 1;
  std::size_t replicas = 0;
  double seconds = 20;
  bool trace = false;
};

int simulate(const SimFlags& flags) {
  std::uint64_t failed = 0;
  std::uint32_t digest = 0;
  for (std::uint64_t seed = flags.seed; seed < flags.seed + flags.seeds; ++seed) {
    sim::RunResult result = sim::run(
        {.seed = seed,
         .replicas = flags.replicas,
         .faults = std::chrono::milliseconds(static_cast<std::int64_t>(flags.seconds * 1000)),
         .trace = flags.trace});
    for (const std::string& line : result.trace) fmt::print("{}\n", line);
    fmt::print(
        "seed {} {}: {} operations, {} acknowledged, {} unknown, {} crashes, {} elections, {} "
        "changes of members, {} snapshots, revision {}, {} events\n",
        seed, result.violation ? "FAILED" : "ok", result.operations, result.acknowledged,
        result.unknown, result.crashes, result.elections, result.changes, result.snapshots,
        result.revision, result.events);
    if (result.violation) fmt::print("  {}\n  {}\n", *result.violation, result.config);
    std::fflush(stdout);
    failed += result.violation.has_value();
    digest = result.digest;
  }
  if (flags.seeds > 1) fmt::print("{} runs, {} failed\n", flags.seeds, failed);
  if (flags.seeds == 1) fmt::print("digest {:08x}\n", digest);
  return failed == 0 ? kDone : kRefused;
}

}  // namespace

void add_sim_command(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "sim", "Rehearse a cell on simulated machines with faults, and check its promises");
  command->footer(
      "Examples:\n  polis sim --seeds 100\n  polis sim --seed 42 --trace\nThe same seed gives the "
      "same run to the byte. Ends with 1 if any run failed.");
  auto flags = std::make_shared<SimFlags>();
  command->add_option("--seed", flags->seed, "the seed, or the first of several")
      ->capture_default_str();
  command->add_option("--seeds", flags->seeds, "how many runs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--replicas", flags->replicas, "1 to 7 replicas; 0: the seed decides")
      ->check(CLI::Range(0, 7));
  command->add_option("--seconds", flags->seconds, "virtual seconds with faults")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command->add_flag("--trace", flags->trace, "print what happened when");
  command->callback([=, &run] { run = [=] { return simulate(*flags); }; });
}

}  // namespace polis::cli
