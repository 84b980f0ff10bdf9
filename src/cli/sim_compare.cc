// polis sim compare: protocols and quorums beside each other.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/cli.hh"
#include "io/posix_disk.hh"
#include "sim/compare.hh"

namespace polis::cli {
namespace {

struct Flags {
  std::vector<std::string> contenders;
  std::string profile = "lan", svg, output = "text";
  std::size_t trials = 10;
  std::uint64_t seed = 1;
};

double ms(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

void print(const std::vector<sim::Compared>& all) {
  fmt::print("{:<22} {:>5} {:>8} {:>8} {:>8} {:>8} {:>9} {:>7} {:>6} {:>10}\n", "writes", "loss",
             "p50 ms", "p90", "p99", "p99.9", "messages", "bytes", "syncs", "unanswered");
  for (std::size_t i = 0; i < std::size(sim::kLosses); ++i) {
    for (const sim::Compared& one : all) {
      const auto& w = one.writes[i];
      fmt::print(
          "{:<22} {:>4g}% {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>9.2f} {:>7.0f} {:>6.2f} "
          "{:>10}\n",
          one.who.name(), w.loss * 100, ms(w.took.at(0.5)), ms(w.took.at(0.9)), ms(w.took.at(0.99)),
          ms(w.took.at(0.999)), w.messages, w.bytes, w.syncs, w.unanswered);
    }
  }
  fmt::print("\n{:<22} {:>12} {:>10}   {:>16} {:>10} {:>10}\n", "", "fail-over ms", "worst",
             "a return takes ms", "messages", "bytes");
  for (const sim::Compared& one : all) {
    fmt::print("{:<22} {:>12.0f} {:>10.0f}   {:>16.0f} {:>10.0f} {:>10.0f}\n", one.who.name(),
               ms(one.fail_over.at(0.5)), ms(one.fail_over.at(1)), ms(one.back.took),
               one.back.messages, one.back.bytes);
  }
}

void print_json(const std::vector<sim::Compared>& all) {
  fmt::print("[");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const sim::Compared& one = all[i];
    fmt::print(R"({}{{"who": "{}", "writes": [)", i ? ",\n " : "", one.who.name());
    for (std::size_t j = 0; j < one.writes.size(); ++j) {
      const auto& w = one.writes[j];
      fmt::print(R"({}{{"loss": {}, "p50_ms": {}, "p90_ms": {}, "p99_ms": {}, "p999_ms": {}, )"
                 R"("messages": {:.2f}, "bytes": {:.0f}, "syncs": {:.2f}, "unanswered": {}}})",
                 j ? ", " : "", w.loss, ms(w.took.at(0.5)), ms(w.took.at(0.9)), ms(w.took.at(0.99)),
                 ms(w.took.at(0.999)), w.messages, w.bytes, w.syncs, w.unanswered);
    }
    fmt::print(R"(], "fail_over_ms": {{"p50": {}, "worst": {}}}, )"
               R"("return": {{"ms": {}, "messages": {:.0f}, "bytes": {:.0f}}}}})",
               ms(one.fail_over.at(0.5)), ms(one.fail_over.at(1)), ms(one.back.took),
               one.back.messages, one.back.bytes);
  }
  fmt::print("]\n");
}

int compare(const Flags& flags) {
  auto where = sim::parse_surroundings(flags.profile);
  if (!where) return complain(where.error());
  std::vector<sim::Compared> all;
  for (const std::string& text : flags.contenders) {
    auto who = sim::parse_contender(text);
    if (!who) return complain(who.error());
    all.push_back(sim::compare(*who, *where, flags.trials, flags.seed));
  }
  if (flags.output == "json") {
    print_json(all);
  } else {
    fmt::print(
        "{}\n100 writes a second of 100 bytes, by a client beside the master; {} simulated "
        "cells for each figure\n\n",
        where->about, flags.trials);
    print(all);
  }
  if (flags.svg.empty()) return kDone;
  auto written = io::write_file_atomically(
      flags.svg, sim::svg(fmt::format("{}: {}", where->name, where->about), sim::panels(all)));
  if (!written) return complain(written.error());
  return kDone;
}

}  // namespace

void add_compare_command(CLI::App& sim, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* app = sim.add_subcommand("compare", "Measure protocols and quorums beside each other");
  app->footer(
      "Examples:\n  polis sim compare raft paxos --profile wan\n  polis sim compare paxos/5 "
      "paxos/5/flexible:4,2 --profile wan --svg quorums.svg\nOn simulated machines: the figures "
      "are of protocol, network and disks, and no processor time is in them.");
  app->add_option("contenders", flags->contenders, "PROTOCOL[/REPLICAS[/QUORUM]] ...")->required();
  app->add_option("--profile", flags->profile, "lan, wan or lossy")->capture_default_str();
  app->add_option("--svg", flags->svg, "draw it into this file, too");
  app->add_option("--trials", flags->trials, "simulated cells for each figure")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app->add_option("--seed", flags->seed, "seed of the first trial")->capture_default_str();
  app->add_option("-o,--output", flags->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app->callback([=, &run] { run = [=] { return compare(*flags); }; });
}

}  // namespace polis::cli
