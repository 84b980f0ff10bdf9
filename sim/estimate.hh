#pragma once

// What to expect of a cell that its owner describes: how long writes stop when something fails, by
// playing it on the simulator, and how often and how long that happens, by drawing failures of
// machines and places over many years.
//
// Assumed: failures come independently of each other and at any time alike (exponential), repairs
// take the stated time on average (exponential), software does not fail. What breaks these (a
// release, a rack's power that is nobody's "place") is not in the figures.

#include <map>
#include <string>
#include <vector>

#include "base/error.hh"
#include "base/time.hh"
#include "consensus/lease.hh"
#include "consensus/options.hh"

namespace polis::sim {

struct DescribedPlace {
  std::string name;
  std::size_t replicas = 1;
};

struct DescribedCell {
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  std::vector<DescribedPlace> places;
  Duration ping_inside = std::chrono::microseconds(300);  // there and back
  Duration ping_between = std::chrono::milliseconds(10);
  std::map<std::pair<std::size_t, std::size_t>, Duration> pings;  // of two places, lower one first
  double loss = 0;                                                // of a message, 0 to 1
  Duration sync = std::chrono::milliseconds(1);                   // what a disk takes for one
  double machine_failures = 4;                                    // of each, per year
  Duration machine_repair = std::chrono::minutes(30);
  double place_failures = 0.2;  // of each, per year
  Duration place_repair = std::chrono::hours(4);
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  Duration election_timeout_min = std::chrono::milliseconds(300);
  Duration election_timeout_max = std::chrono::milliseconds(600);

  // kInvalid: says what cannot be.
  Result<void> validate() const;
  std::size_t replicas() const;
  std::size_t place_of(std::size_t replica) const;
  Duration ping(std::size_t place, std::size_t other) const;
};

// Sorted.
struct Times {
  std::vector<Duration> all;
  Duration at(double fraction) const;  // 0 to 1; zero if there are none
};

struct Played {
  Times write;           // of a client beside the master
  Times process_ends;    // no write from then on: peers' connections break at once
  Times machine_silent;  // nobody is told
  Times place_silent;    // the master's whole place; none if the rest is no majority
  std::size_t elections_without_cause = 0;
  Duration quiet{};  // in which those happened
};

// Plays each failure `trials` times.
Played play(const DescribedCell& cell, std::size_t trials, std::uint64_t seed);

struct Years {
  double years = 0;
  double outages = 0;              // times without a majority, per year
  double seconds_no_majority = 0;  // per year
  double seconds_fail_over = 0;    // per year
  double fail_overs = 0;           // per year
  // What was down when the majority was lost: "1 place", "2 machines" ..., with how often per year.
  std::vector<std::pair<std::string, double>> causes;

  double availability() const;
};

// Draws `years` years of failures.
Years draw_years(const DescribedCell& cell, const Played& played, double years, std::uint64_t seed);

}  // namespace polis::sim
