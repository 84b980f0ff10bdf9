#pragma once

// A cell with real connections: the replicas of sim/cell.hh, each in a process with the real peer
// links, the real server and the real services, on the simulated network of byte streams.
// Everything above sockets and disks is the code that runs in production.
//
// Threads: one. Life: construct (all replicas are started) -> steps -> destroy, after all clients.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/cell.hh"
#include "sim/checkers.hh"
#include "sim/stream_network.hh"

namespace polis::sim {

inline constexpr std::uint16_t kClientPort = 2379, kPeerPort = 2380;

// How a process ends. kKilled: its system goes on, and tells the peers that the connections are
// closed. kPowerFails: the peers are told nothing.
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
  // Stops the replica as SIGTERM does: it hands mastership over, lets calls end, and its process
  // has ended some time after this call.
  void stop(std::size_t place);
  // Cuts the replica off from all other replicas, in both directions; clients still reach it.
  void cut_off(std::size_t place);
  void run_for(Duration time) { world_.run_until(world_.now() + time); }
  // Runs in small steps until holds() is true. Violation: it is not within `patience`; the text has
  // `what`.
  void until(const std::string& what, const std::function<bool()>& holds,
             Duration patience = std::chrono::seconds(10));
  // The place of the master that a quorum follows; waits for one. Violation: there is none in time.
  std::size_t master();
  // Whether all replicas run, are at the same revision, and have no lease.
  bool settled();
  // Checks everything that was recorded, by all checkers. Precondition: settled().
  void check();
  std::string describe();  // the state of all replicas, for people
  // If set, called at every change of a replica's role.
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
