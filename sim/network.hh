#pragma once

// A simulated network of datagrams. They may be lost, late, repeated, and out of order; links may
// be cut in one direction or both. A link goes from one replica to another; both are named by their
// place in the cell (sim/cell.hh).
//
// Threads: one.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "sim/world.hh"

namespace polis::sim {

struct NetworkFaults {
  Duration delay_min = std::chrono::microseconds(50);
  Duration delay_max = std::chrono::milliseconds(1);
  double loss = 0;    // chance that a message is lost, 0 to 1
  double repeat = 0;  // chance that it arrives twice
  double late = 0;    // chance that it takes late_by longer
  Duration late_by = std::chrono::milliseconds(500);
};

class Network {
 public:
  using Deliver = std::function<void(std::size_t from, std::size_t to, std::string message)>;
  Network(World& world, NetworkFaults faults, Deliver deliver)
      : world_(world), random_(world.fork()), faults_(faults), deliver_(std::move(deliver)) {}

  void send(std::size_t from, std::size_t to, const std::string& message);
  void cut(std::size_t from, std::size_t to) { cut_.insert({from, to}); }
  void heal() { cut_.clear(); }
  bool reaches(std::size_t from, std::size_t to) const { return !cut_.contains({from, to}); }
  void set_faults(NetworkFaults faults) { faults_ = faults; }
  // Adds to the delay of each message what `slow` says of it.
  void set_slow(std::function<Duration(const std::string& message)> slow) {
    slow_ = std::move(slow);
  }
  // Adds to the delay of each message what `distance` says of its link, one way.
  void set_distance(std::function<Duration(std::size_t from, std::size_t to)> distance) {
    distance_ = std::move(distance);
  }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  Duration delay();
  World& world_;
  Random random_;
  NetworkFaults faults_;
  Deliver deliver_;
  std::function<Duration(const std::string&)> slow_;
  std::function<Duration(std::size_t, std::size_t)> distance_;
  std::set<std::pair<std::size_t, std::size_t>> cut_;
  std::uint64_t sent_ = 0, sent_bytes_ = 0;
};

}  // namespace polis::sim
