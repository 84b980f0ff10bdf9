#pragma once

// A few Raft objects with a network and disks that a test moves by hand. After every step the
// protocol's safety properties (Raft thesis figure 3.2) are checked; a broken one throws with the
// text of what was seen.

#include <list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "consensus/raft/raft.hh"

namespace polis::raft::testing {

struct InvariantBroken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Cluster {
 public:
  struct Settings {
    std::uint64_t voters = 3;
    std::uint64_t learners = 0;
    std::uint64_t spares = 0;  // replicas that run and do not take part yet
    bool pre_vote = true;
    std::uint64_t seed = 1;
    std::size_t append_bytes_max = 1 << 20;
    std::uint32_t snapshot_chunk_bytes = 8;
    consensus::Reads reads = consensus::Reads::kQuorum;
    bool persist_at_once = true;  // false: a test calls persist()
    bool install_at_once = true;  // false: a test calls install()
  };

  explicit Cluster(Settings settings);

  Raft& raft(std::uint64_t id) { return *nodes_.at(id).raft; }
  std::uint64_t raft_count() const { return nodes_.size(); }
  bool up(std::uint64_t id) const { return nodes_.at(id).raft != nullptr; }
  Instant now() const { return now_; }
  const std::list<Message>& network() const { return network_; }
  std::list<Message>& network() { return network_; }
  // What a node has given to its state machine, as text, "" for a no-op.
  const std::map<LogIndex, std::string>& applied(std::uint64_t id) const {
    return nodes_.at(id).applied;
  }
  const std::vector<ReadReady>& reads(std::uint64_t id) const { return nodes_.at(id).reads; }
  const std::vector<ReadId>& reads_refused(std::uint64_t id) const { return nodes_.at(id).refused; }

  // Moves time for all nodes, or for one.
  void advance(Duration by);
  void tick(std::uint64_t id);
  // Lets the node's election timeout pass; the others do not notice the time.
  void campaign(std::uint64_t id);
  bool propose(std::uint64_t id, const std::string& text);
  void read(std::uint64_t id, std::uint64_t read_id);
  void transfer(std::uint64_t id, std::uint64_t to);
  // Asks the node to change who takes part; the text of the refusal, or "".
  std::string change(std::uint64_t id, Result<Configuration> target);
  void compact(std::uint64_t id, std::uint64_t index);

  // Performs what a node has decided: disk, network, state machine.
  void perform(std::uint64_t id);
  // The disk of the node has done everything asked of it.
  void persist(std::uint64_t id);
  // The snapshot that has arrived is loaded now: it is installed if it is still wanted. False:
  // there is none.
  bool install(std::uint64_t id);
  // The file of the snapshot that the node sends is damaged from now on.
  void damage_snapshot(std::uint64_t id);
  void crash(std::uint64_t id);  // forgets what was not persisted
  void restart(std::uint64_t id);

  // Delivers the message and performs what follows.
  void deliver(const Message& message);
  // Delivers until nothing is under way; messages from or to an isolated node are lost.
  void settle();
  void isolate(std::uint64_t id) { isolated_[id] = true; }
  void heal() { isolated_.clear(); }

  std::uint64_t leader() const;  // 0 if there is none in the newest term
  void check();

 private:
  struct Pending {
    Ticket ticket;
    std::optional<HardState> hard_state;
    std::vector<Entry> entries;
    std::vector<Message> then_send;
  };
  struct Disk {
    HardState hard_state;
    SnapshotMark mark;
    std::map<LogIndex, Entry> entries;
    LogIndex applied;  // what the state machine holds durably
    std::map<LogIndex, std::string> state;
    Configuration configuration;  // as of `applied`
  };
  struct Node {
    std::unique_ptr<Raft> raft;
    Disk disk;
    std::deque<Pending> pending;
    std::map<LogIndex, std::string> applied;
    Configuration configuration;  // as of the last entry applied
    std::vector<ReadReady> reads;
    std::vector<ReadId> refused;
    std::map<ReadId, LogIndex> asked_at;  // reads under way: what was applied anywhere when asked
    std::string arriving;
    std::optional<std::pair<ReplicaId, SnapshotMark>> loading;  // what has arrived, and from whom
    std::optional<ChunkArrived> chunk_waiting;                  // of another one meanwhile
    std::string snapshot;                                       // the snapshot's file
    SnapshotMark snapshot_mark;
    std::map<LogIndex, std::string> snapshot_state;
  };

  void perform_once(Node& node, std::uint64_t id, Output output);
  void make_snapshot(Node& node);
  void on_chunk(Node& node, ChunkArrived chunk);
  void install(Node& node);
  void send(Node& node, std::vector<Message> messages);
  void check_configuration(std::uint64_t id, const Raft& raft) const;
  void check_logs(const Node& a, const Node& b) const;

  Settings settings_;
  Configuration configuration_;
  Instant now_{std::chrono::seconds(100)};
  std::map<std::uint64_t, Node> nodes_;
  std::list<Message> network_;
  std::map<std::uint64_t, bool> isolated_;
  std::map<Term, ReplicaId> leaders_;
  std::map<LogIndex, std::pair<Term, std::string>> committed_;
};

}  // namespace polis::raft::testing
