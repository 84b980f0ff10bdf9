#pragma once

// A cell of real replicas (replica/, storage/, store/, consensus/) on simulated machines. It is the
// code that runs in production, with simulated network, disks and clocks.
//
// `place` in sim/ is the number of a machine in its cell, from 0 on; founders come first, then
// spares. (In src/, a place is what fails together.)
//
// Threads: one.

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

// The surroundings of a replica in its process, which connect it to other replicas and to clients.
// One is made for each process (CellConfig::process).
class ReplicaProcess {
 public:
  virtual ~ReplicaProcess() = default;
  virtual replica::Transport& transport() = 0;
  // The replica has recovered; from now on it can be used.
  virtual void begin(replica::Replica& replica, const storage::Engine& engine) = 0;
  virtual void on_configuration(const consensus::Configuration& configuration) = 0;
  virtual void on_store_replaced() = 0;
  virtual void turn_end() = 0;
  // The process is to stop in order: it must take no more calls, and end those that are open.
  virtual void drain() = 0;
  // The process ends: the replica is destroyed after this call, and then this object.
  virtual void end() = 0;
};

// The configuration of a simulated cell. In runs, the seed decides it.
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
  // Founders begin with the oldest release, and some restarts bring the newest.
  bool upgrades = false;
  replica::AutoCompactionOptions auto_compaction;
  consensus::Reads reads = consensus::Reads::kLease;
  Duration lease_margin = std::chrono::milliseconds(5);
  // The clock of each machine runs faster or slower than virtual time by at most this fraction.
  double clock_drift_max = 0.00025;
  // The bound that the replicas are told (LeaseOptions::drift_max). nullopt: the one that follows
  // from clock_drift_max.
  std::optional<double> clock_drift_told;
  // Makes the surroundings of each process. Null: replicas use the simulated network of messages.
  std::function<std::unique_ptr<ReplicaProcess>(std::size_t place, Node& node)> process;

  double drift_told() const;  // the bound that the replicas are told
  std::string describe() const;
};

class SimulatedCell;

// One simulated machine and the replica on it.
class Node final : public replica::Transport {
 public:
  Node(World& world, SimulatedCell& cell, const CellConfig& config, std::size_t place);
  ~Node() override;

  // The replica's id. Founders have one from the beginning. A spare gets one by become(), when the
  // cell has added it.
  consensus::ReplicaId id() const { return id_; }
  // Crashes, empties its disk, and takes this id. It takes part when it is started.
  void become(consensus::ReplicaId id);
  void start();
  void crash();  // as if the power failed
  // Crashes, and damages something on its disk that it has acknowledged or that it needs. The
  // result says what was done; empty: nothing could be damaged.
  std::string crash_and_rot();
  // Crashes, and its log is lost, as when a mount is missing or an older copy of a file system was
  // put there. kGone: all files; kEmptied: the content of all files; kCut: what was written last.
  // The result says what was done; empty: nothing was.
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
  // Called after every turn of a running replica, before its store is replaced, and before its
  // process ends.
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
  // The place of the member with this id; size(): there is none.
  std::size_t place_of(consensus::ReplicaId id) const;
  // The newest configuration that any replica was seen to have applied.
  const consensus::Configuration& configuration() const { return newest_.configuration; }
  // Call it after every turn of the node: notes the configuration that the node has applied.
  void note_configuration(std::size_t place);
  bool is_member(std::size_t place) const;

 private:
  CellConfig config_;
  Network network_;
  consensus::SnapshotMark newest_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace polis::sim
