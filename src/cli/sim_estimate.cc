// polis sim estimate: what to expect of a cell that the user describes.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "cli/cli.hh"
#include "sim/estimate.hh"

namespace polis::cli {
namespace {

struct Flags {
  std::string protocol = "raft", places = "here=3";
  std::vector<std::string> pings;
  double inside_ms = 0.3, loss_percent = 0, sync_ms = 1;
  double machine_failures = 4, machine_repair_minutes = 30;
  double place_failures = 0.2, place_repair_minutes = 240;
  double heartbeat_ms = 50, election_min_ms = 300, election_max_ms = 600;
  double years = 20000;
  std::size_t trials = 50;
  std::uint64_t seed = 1;
  std::string output = "text";
};

Duration milliseconds(double ms) { return Duration(static_cast<std::int64_t>(ms * 1e6)); }
double ms(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

template <typename T>
bool parse_number(std::string_view text, T& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

// a=2,b=1
Result<void> parse_places(const std::string& text, sim::DescribedCell& cell) {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string one = text.substr(at, end - at);
    const std::size_t equals = one.find('=');
    sim::DescribedPlace place{one.substr(0, equals), 1};
    if (place.name.empty() ||
        (equals != std::string::npos &&
         !parse_number(std::string_view(one).substr(equals + 1), place.replicas)))
      return fail(
          ErrorCode::kInvalid,
          fmt::format("--places: '{}' is not NAME=REPLICAS, as in rome=2,oslo=2,wien=1", one));
    cell.places.push_back(std::move(place));
    at = end + 1;
  }
  return {};
}

// a-b=15
Result<void> parse_ping(const std::string& text, sim::DescribedCell& cell) {
  const std::size_t equals = text.find('=');
  double time = 0;
  if (equals != std::string::npos &&
      parse_number(std::string_view(text).substr(equals + 1), time)) {
    for (std::size_t a = 0; a < cell.places.size(); ++a) {
      for (std::size_t b = 0; b < cell.places.size(); ++b) {
        if (a == b || text.substr(0, equals) != cell.places[a].name + "-" + cell.places[b].name)
          continue;
        cell.pings[{std::min(a, b), std::max(a, b)}] = milliseconds(time);
        return {};
      }
    }
  }
  return fail(
      ErrorCode::kInvalid,
      fmt::format("--ping '{}' is neither a number of milliseconds nor NAME-NAME=MILLISECONDS "
                  "with two of the places",
                  text));
}

Result<sim::DescribedCell> describe(const Flags& flags) {
  sim::DescribedCell cell;
  cell.protocol = *consensus::protocol_of(flags.protocol);
  if (auto done = parse_places(flags.places, cell); !done) return std::unexpected(done.error());
  for (const std::string& text : flags.pings) {
    double all = 0;
    if (parse_number(std::string_view(text), all)) {
      cell.ping_between = milliseconds(all);
    } else if (auto done = parse_ping(text, cell); !done) {
      return std::unexpected(done.error());
    }
  }
  cell.ping_inside = milliseconds(flags.inside_ms);
  cell.loss = flags.loss_percent / 100;
  cell.sync = milliseconds(flags.sync_ms);
  cell.machine_failures = flags.machine_failures;
  cell.machine_repair = milliseconds(flags.machine_repair_minutes * 60'000);
  cell.place_failures = flags.place_failures;
  cell.place_repair = milliseconds(flags.place_repair_minutes * 60'000);
  cell.heartbeat_interval = milliseconds(flags.heartbeat_ms);
  cell.election_timeout_min = milliseconds(flags.election_min_ms);
  cell.election_timeout_max = milliseconds(flags.election_max_ms);
  if (auto valid = cell.validate(); !valid) return std::unexpected(valid.error());
  return cell;
}

void print_times(const char* what, const sim::Times& times) {
  if (times.all.empty()) return;
  fmt::print("  {:<44} {:>8.0f} {:>8.0f} {:>8.0f}\n", what, ms(times.at(0.5)), ms(times.at(0.99)),
             ms(times.at(1)));
}

// How often something comes, in words.
std::string often(double per_year) {
  if (per_year >= 1) return fmt::format("{:.1f} times a year", per_year);
  if (per_year > 0) return fmt::format("once in {:.0f} years", 1 / per_year);
  return "never";
}

std::string json_of(const sim::Times& times) {
  if (times.all.empty()) return "null";
  return fmt::format(R"({{"p50_ms": {:.3f}, "p99_ms": {:.3f}, "max_ms": {:.3f}}})",
                     ms(times.at(0.5)), ms(times.at(0.99)), ms(times.at(1)));
}

void print_json(const sim::Played& played, const sim::Years& years) {
  fmt::print(R"({{"write": {}, "process_ends": {}, "machine_silent": {}, "place_silent": {}, )"
             R"("elections_without_cause": {}, "quiet_seconds": {:.0f}, "availability": {:.8f}, )"
             R"("outages_per_year": {:.6f}, "seconds_no_majority_per_year": {:.3f}, )"
             R"("fail_overs_per_year": {:.4f}, "seconds_fail_over_per_year": {:.3f}}})"
             "\n",
             json_of(played.write), json_of(played.process_ends), json_of(played.machine_silent),
             json_of(played.place_silent), played.elections_without_cause,
             std::chrono::duration<double>(played.quiet).count(), years.availability(),
             years.outages, years.seconds_no_majority, years.fail_overs, years.seconds_fail_over);
}

void print(const sim::DescribedCell& cell, const sim::Played& played, const sim::Years& years,
           const Flags& flags) {
  fmt::print("{} replicas in {} place{}; {} trials of each, milliseconds\n\n", cell.replicas(),
             cell.places.size(), cell.places.size() > 1 ? "s" : "", flags.trials);
  fmt::print("  {:<44} {:>8} {:>8} {:>8}\n", "", "median", "p99", "worst");
  print_times("a write of a client beside the master", played.write);
  print_times("no writes when the master's process ends", played.process_ends);
  if (cell.replicas() > 2)
    print_times("no writes when its machine falls silent", played.machine_silent);
  print_times("no writes when its whole place does", played.place_silent);
  if (played.elections_without_cause > 0) {
    fmt::print(
        "\n  {} elections without cause in {:.0f} quiet minutes: raise --election-timeout-min and "
        "-max for this network\n",
        played.elections_without_cause, std::chrono::duration<double>(played.quiet).count() / 60);
  }
  fmt::print(
      "\nExpected, from {:.0f} years with {:g} failures of each machine ({:g} min) and {:g} "
      "of each place ({:g} min) a year:\n\n",
      flags.years, flags.machine_failures, flags.machine_repair_minutes, flags.place_failures,
      flags.place_repair_minutes);
  fmt::print("  available                {:.5f} %\n", 100 * years.availability());
  fmt::print("  without a majority       {:.1f} s a year, {}\n", years.seconds_no_majority,
             often(years.outages));
  fmt::print("  in fail-overs            {:.1f} s a year, {}\n", years.seconds_fail_over,
             often(years.fail_overs));
  for (std::size_t i = 0; i < std::min<std::size_t>(years.causes.size(), 4); ++i)
    fmt::print("  {} lost to {:<15} {}\n", i == 0 ? "a majority is" : "             ",
               years.causes[i].first, often(years.causes[i].second));
  fmt::print(
      "\nFailures are taken to come independently of each other; software that fails, and what "
      "people do, is not in it.\n");
}

int estimate(const Flags& flags) {
  auto cell = describe(flags);
  if (!cell) return complain(Error{ErrorCode::kInvalid, cell.error().text});
  sim::Played played = sim::play(*cell, flags.trials, flags.seed);
  sim::Years years = sim::draw_years(*cell, played, flags.years, flags.seed);
  if (flags.output == "json") {
    print_json(played, years);
  } else {
    print(*cell, played, years, flags);
  }
  return kDone;
}

}  // namespace

void add_estimate_command(CLI::App& sim, Run& run) {
  auto* app = sim.add_subcommand(
      "estimate", "Describe a cell; read off its availability and how long a fail-over takes");
  app->footer(
      "Examples:\n  polis sim estimate\n  polis sim estimate --places rome=2,oslo=2,wien=1 --ping "
      "25 "
      "--ping rome-wien=12\n  polis sim estimate --places a=1,b=1,c=1 --machine-failures 12 "
      "--machine-repair 60 --loss 1\nThe times come from the simulator, which runs the replicas' "
      "own "
      "code; the years from drawing failures.");
  auto flags = std::make_shared<Flags>();
  app->add_option("--protocol", flags->protocol, "consensus protocol")
      ->check(CLI::IsMember({"raft", "paxos"}))
      ->capture_default_str();
  app->add_option("--places", flags->places, "NAME=REPLICAS,...")->capture_default_str();
  app->add_option(
      "--ping", flags->pings,
      "there and back between places, ms (default 10), or NAME-NAME=MS; may be repeated");
  app->add_option("--ping-inside", flags->inside_ms, "there and back within a place, ms")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  app->add_option("--loss", flags->loss_percent, "percent of messages that are lost")
      ->check(CLI::Range(0.0, 50.0))
      ->capture_default_str();
  app->add_option("--sync", flags->sync_ms, "what a disk takes for an fdatasync, ms")
      ->check(CLI::Range(0.001, 10000.0))
      ->capture_default_str();
  auto add = [&](const char* name, double& value, const char* what) {
    app->add_option(name, value, what)->check(CLI::Range(0.0, 1e6))->capture_default_str();
  };
  add("--machine-failures", flags->machine_failures, "of each machine, per year");
  add("--machine-repair", flags->machine_repair_minutes, "minutes until it is back");
  add("--place-failures", flags->place_failures, "of each place as a whole, per year");
  add("--place-repair", flags->place_repair_minutes, "minutes until it is back");
  add("--heartbeat-interval", flags->heartbeat_ms, "the cell's setting, ms");
  add("--election-timeout-min", flags->election_min_ms, "the cell's setting, ms");
  add("--election-timeout-max", flags->election_max_ms, "the cell's setting, ms");
  app->add_option("--years", flags->years, "years that are drawn")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  app->add_option("--trials", flags->trials, "how often each failure is played")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app->add_option("--seed", flags->seed, "the same seed gives the same figures")
      ->capture_default_str();
  app->add_option("-o,--output", flags->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app->callback([=, &run] { run = [=] { return estimate(*flags); }; });
}

}  // namespace polis::cli
