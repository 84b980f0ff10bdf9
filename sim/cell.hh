#pragma once

// A cell of real replicas (replica/, storage/, store/, consensus/) on simulated machines: the code
// that runs in production, without sockets, disks and clocks of its own.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replica/replica.hh"
#include "sim/disk.hh"
#include "sim/network.hh"
#include "sim/world.hh"
#include "storage/memory_engine.hh"
#include "store/watch_hub.hh"

namespace polis::sim {

class Node;

// What stands around a replica in its process and connects it to the others and to its clients.
// Made for each process anew; without any, replicas have the simulated network of messages.
class ReplicaProcess {
 public:
  virtual ~ReplicaProcess() = default;
  virtual replica::Transport& transport() = 0;
  // The replica has recovered and may be served.
  virtual void begin(replica::Replica& replica, const storage::Engine& engine) = 0;
  virtual void on_configuration(const consensus::Configuration& configuration) = 0;
  virtual void on_store_replaced() = 0;
  virtual void turn_end() = 0;
  // The process is to stop in order: it takes no more calls, and ends those that it has.
  virtual void drain() = 0;
  // The replica is destroyed after this, and this object after it.
  virtual void end() = 0;
};

// What a seed decides about a run.
struct CellConfig {
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  std::size_t replicas = 3;
  consensus::QuorumRule quorum;
  std::size_t spares = 0;  // machines that may be added to the cell
  NetworkFaults network;
  DiskFaults disk;
  Duration engine_commit_max = std::chrono::milliseconds(20);
  Duration engine_interval = std::chrono::milliseconds(100);
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  Duration election_timeout_min = std::chrono::milliseconds(300);
  Duration election_timeout_max = std::chrono::milliseconds(600);
  std::size_t log_retain_bytes = 1 << 20;
  std::uint64_t wal_segment_bytes = 256 << 10;
  std::uint32_t snapshot_chunk_bytes = 4 << 10;
  std::size_t append_bytes_max = 64 << 10;
  // Founders begin with an older release, and some restarts bring the newest.
  bool upgrades = false;
  replica::AutoCompactionOptions auto_compaction;
  consensus::Reads reads = consensus::Reads::kLease;
  Duration lease_margin = std::chrono::milliseconds(5);
  // Each machine's clock runs faster or slower than time by at most this fraction; what the
  // replicas are told follows from it, unless it is set.
  double clock_drift_max = 0.00025;
  std::optional<double> clock_drift_told;
  std::function<std::unique_ptr<ReplicaProcess>(std::size_t place, Node& node)> process;

  double drift_told() const;
  std::string describe() const;
};

class SimulatedCell;

// One simulated machine and the replica on it.
class Node final : public replica::Transport {
 public:
  Node(World& world, SimulatedCell& cell, const CellConfig& config, std::size_t place);
  ~Node() override;

  // Founders have an id from the beginning; spares when the cell has given them one.
  consensus::ReplicaId id() const { return id_; }
  // Takes part under this id from now on, with an empty disk, when it is started.
  void become(consensus::ReplicaId id);
  void start();
  void crash();  // as if the power failed
  // And what rests of it is damaged: something that it acknowledged, or that it stands on. What was
  // done; nothing if nothing could be.
  std::string crash_and_rot();
  // And its log does not come back, as when a mount is missing or an older copy of a file system
  // was put there: all of it, what was in it, or what was written last.
  enum class Loss : std::uint8_t { kGone, kEmptied, kCut };
  std::string crash_and_lose_log(Loss loss);
  void lose_peer(std::size_t place);  // its transport believes that the peer's process has ended
  bool up() const { return replica_ != nullptr; }
  bool failed() const { return failure_.has_value(); }
  bool removed() const { return removed_; }
  const std::string& failure() const { return *failure_; }
  replica::Replica& replica() { return *replica_; }
  ReplicaProcess* process() { return process_.get(); }
  store::WatchHub& watches() { return *hub_; }
  Machine& machine() { return machine_; }
  DiskFaults& disk_faults() { return *disk_faults_; }
  std::uint64_t syncs() const { return contents_->syncs; }  // of its disk, ever
  std::uint64_t incarnation() const { return incarnation_; }
  // Called after every turn of a running replica, and before its store is replaced or its process
  // dies.
  std::function<void()> after_turn;

  // Transport
  void send(consensus::ReplicaId to, std::string message) override;
  std::uint32_t cell_version_of(consensus::ReplicaId peer) const override;
  void flush() override {}

 private:
  void end_process();
  World& world_;
  SimulatedCell& cell_;
  Network& network_;
  const CellConfig& config_;
  std::size_t place_;
  consensus::ReplicaId id_ = consensus::kNoReplica;
  Random random_;
  Machine machine_;
  std::shared_ptr<DiskContents> contents_ =
      std::make_shared<DiskContents>();  // shared with the process's disk
  std::shared_ptr<DiskFaults> disk_faults_;
  std::shared_ptr<storage::MemoryEngineState> engine_state_ =
      std::make_shared<storage::MemoryEngineState>();
  std::uint64_t incarnation_ = 0;
  bool begun_ = false;  // there has been a log on this disk
  store::CellVersion knows_ = store::kCellVersionNewest;
  std::optional<std::string> failure_;
  bool removed_ = false;  // the cell has decided so

  // The process.
  std::unique_ptr<SimulatedDisk> disk_;
  std::unique_ptr<storage::MemoryEngine> engine_;
  std::unique_ptr<ReplicaProcess> process_;
  std::unique_ptr<replica::Replica> replica_;
  std::unique_ptr<store::WatchHub> hub_;
};

class SimulatedCell {
 public:
  SimulatedCell(World& world, CellConfig config);
  std::size_t size() const { return nodes_.size(); }
  Node& node(std::size_t place) { return *nodes_[place]; }
  Network& network() { return network_; }
  const CellConfig& config() const { return config_; }
  static consensus::ReplicaId founder(std::size_t place) { return consensus::ReplicaId(place + 1); }
  // Members are known by addresses such as "machine:3".
  static std::string address_of(std::size_t place) { return "machine:" + std::to_string(place); }
  static std::size_t place_of(const std::string& address) { return std::stoul(address.substr(8)); }
  // Where the member of this id is; the cell's size if nowhere.
  std::size_t place_of(consensus::ReplicaId id) const;
  // The newest configuration that any replica was seen to have applied.
  const consensus::Configuration& configuration() const { return newest_.configuration; }
  // Looks what the node has applied; after every turn of it.
  void note_configuration(std::size_t place);
  bool is_member(std::size_t place) const;

 private:
  CellConfig config_;
  Network network_;
  consensus::SnapshotMark newest_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace polis::sim
