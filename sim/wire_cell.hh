#pragma once

// A cell as its clients see it: the replicas of sim/cell.hh, each in a process with the real links
// between replicas, the real server and the real services, on the simulated network of byte
// streams. Everything above sockets and disks is what runs in production.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/cell.hh"
#include "sim/checkers.hh"
#include "sim/stream_network.hh"

namespace polis::sim {

inline constexpr std::uint16_t kClientPort = 2379, kPeerPort = 2380;

// How a process ends: its system goes on and tells the others, or it does not.
enum class Ending { kKilled, kPowerFails };

class WireCell {
 public:
  WireCell(std::uint64_t seed, CellConfig config, WireQuality quality = {});
  ~WireCell();

  World& world() { return world_; }
  StreamNetwork& network() { return network_; }
  SimulatedCell& cell() { return cell_; }
  Node& node(std::size_t place) { return cell_.node(place); }
  std::size_t size() const { return cell_.size(); }
  History& history() { return history_; }
  StreamHost& host(std::size_t place) { return *hosts_[place]; }
  static std::string name_of(std::size_t place) { return "r" + std::to_string(place + 1); }
  static io::Address address_of(std::size_t place) { return {name_of(place), kClientPort, ""}; }
  std::vector<io::Address> endpoints() const;

  void start(std::size_t place);
  void crash(std::size_t place, Ending ending);
  // As by SIGTERM: it hands mastership over, lets calls end, and is gone after a while.
  void stop(std::size_t place);
  // In both directions, from all other replicas; clients still reach it.
  void cut_off(std::size_t place);
  void run_for(Duration time) { world_.run_until(world_.now() + time); }
  // Runs in small steps until it holds. Violation: it does not within `patience`.
  void until(const std::string& what, const std::function<bool()>& holds,
             Duration patience = std::chrono::seconds(10));
  // The place of the master whom a quorum follows.
  std::size_t master();
  // All replicas run, stand at one revision, and no lease is left.
  bool settled();
  // Checks everything that was recorded. Needs settled().
  void check();
  std::string describe();
  // Told about every change of a replica's role.
  std::function<void(std::size_t place, const consensus::RoleState& role)> on_role;

 private:
  class WireProcess;
  void look(std::size_t place);

  World world_;
  StreamNetwork network_;
  std::vector<std::unique_ptr<StreamHost>> hosts_;  // by place
  SimulatedCell cell_;
  History history_;
  ChangeCollector collector_;
  ProtocolChecker protocol_;
  std::vector<consensus::RoleState> roles_;
};

}  // namespace polis::sim
