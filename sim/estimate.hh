#pragma once

// Estimates the availability of a cell that its owner describes. play() finds on the simulator how
// long writes stop when something fails. draw_years() draws failures of machines and places over
// many years, which gives how often and how long writes stop.
//
// Assumptions: failures are independent of each other and as likely at any time (exponential);
// repairs take the given time on average (exponential); software does not fail. The figures do not
// contain what breaks these assumptions, such as a faulty release, or a power supply that fails for
// machines of different places.
//
// Threads: one.

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
  double loss = 0;                                                // chance for a message, 0 to 1
  Duration sync = std::chrono::milliseconds(1);                   // how long a disk's sync takes
  double machine_failures = 4;                                    // of each, per year
  Duration machine_repair = std::chrono::minutes(30);
  double place_failures = 0.2;  // of each, per year
  Duration place_repair = std::chrono::hours(4);
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  Duration election_timeout_min = std::chrono::milliseconds(300);
  Duration election_timeout_max = std::chrono::milliseconds(600);

  // kInvalid: a value is impossible; the text says which.
  Result<void> validate() const;
  std::size_t replicas() const;
  std::size_t place_of(std::size_t replica) const;
  Duration ping(std::size_t place, std::size_t other) const;
};

struct Times {
  std::vector<Duration> all;  // sorted
  // The quantile at `fraction`, 0 to 1; 0.5 is the median. Zero: `all` is empty.
  Duration at(double fraction) const;
};

// Times on the simulator. The last three: from the failure of the master until a write is done
// again.
struct Played {
  Times write;           // how long a write takes for a client beside the master
  Times process_ends;    // the master's process ends; its peers see their connections break
  Times machine_silent;  // the master's machine falls silent; its peers are told nothing
  Times place_silent;    // all machines of its place do; empty: the rest is no majority
  std::size_t elections_without_cause = 0;  // while nothing had failed
  Duration quiet{};                         // the time in which those were counted
};

// Plays each failure `trials` times.
Played play(const DescribedCell& cell, std::size_t trials, std::uint64_t seed);

struct Years {
  double years = 0;
  double outages = 0;              // how often the majority is lost, per year
  double seconds_no_majority = 0;  // per year
  double seconds_fail_over = 0;    // without writes after a master was lost, per year
  double fail_overs = 0;           // how often that happens, per year
  // What was down when the majority was lost ("1 place", "2 machines" ...), and how often per year.
  std::vector<std::pair<std::string, double>> causes;

  double availability() const;  // the fraction of time in which writes go on, 0 to 1
};

// Draws `years` years of failures. `played`: from play() for the same cell.
Years draw_years(const DescribedCell& cell, const Played& played, double years, std::uint64_t seed);

}  // namespace polis::sim
