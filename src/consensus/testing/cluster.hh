#pragma once

// A few objects of one protocol, with a network and disks that a test moves by hand: nothing is
// delivered, and nothing becomes durable, unless the test says so (Settings has the exceptions).
// After every step the safety properties are checked: those of any replicated log here, the
// protocol's own by its Checker. A property that is broken throws InvariantBroken, with the text of
// what was seen.
//
// Nodes are named 1, 2, 3 ... : first voters, then learners, then spares. `Kind` says which
// protocol it is (raft/testing/kind.hh, paxos/testing/kind.hh): Core is its class; kGaps says that
// an entry replaces its own slot alone; term_at gives an entry's term; Checker knows its safety
// properties.
//
// Threads: one. Used by unit tests, random walks (walk.hh) and the explorer (sim/explorer.hh).

#include <fmt/format.h>

#include <deque>
#include <list>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "consensus/encoded_log.hh"
#include "consensus/options.hh"

namespace polis::consensus::testing {

struct InvariantBroken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Sizes are bytes.
struct Settings {
  std::uint64_t voters = 3;
  std::uint64_t learners = 0;
  std::uint64_t spares = 0;  // nodes that run and are no members yet
  bool pre_vote = true;
  std::uint64_t seed = 1;
  std::size_t append_bytes_max = 1 << 20;
  std::uint32_t snapshot_chunk_bytes = 8;
  consensus::Reads reads = consensus::Reads::kQuorum;
  bool persist_at_once = true;  // false: a test calls persist()
  bool install_at_once = true;  // false: a test calls install()
};

// What some node has applied, by index: the entry's term and text. Safety means that no index ever
// gets a second one.
using Committed = std::map<LogIndex, std::pair<Term, std::string>>;

// The payload; "" for a no-op.
inline std::string text_of(const Entry& entry) { return entry.data ? *entry.data : ""; }
[[noreturn]] inline void broken(const std::string& text) { throw InvariantBroken(text); }

template <class Kind>
class Cluster {
 public:
  using Core = typename Kind::Core;
  using Message = typename Core::Message;
  using Output = OutputOf<Message>;
  using Settings = testing::Settings;

  explicit Cluster(Settings settings);

  Core& core(std::uint64_t id) { return *nodes_.at(id).core; }  // precondition: up(id)
  std::uint64_t count() const { return nodes_.size(); }
  bool up(std::uint64_t id) const { return nodes_.at(id).core.has_value(); }  // it has not crashed
  Instant now() const { return now_; }
  // The messages that are under way, oldest first. A test may remove, repeat and reorder them.
  const std::list<Message>& network() const { return network_; }
  std::list<Message>& network() { return network_; }
  // What a node has applied, by index, as text_of.
  const std::map<LogIndex, std::string>& applied(std::uint64_t id) const {
    return nodes_.at(id).applied;
  }
  // The answers to read().
  const std::vector<ReadReady>& reads(std::uint64_t id) const { return nodes_.at(id).reads; }
  const std::vector<ReadId>& reads_refused(std::uint64_t id) const { return nodes_.at(id).refused; }

  // Time passes, and all nodes notice it.
  void advance(Duration by);
  // The node notices the present time, at which the others may not have looked yet.
  void tick(std::uint64_t id);
  // A heartbeat interval passes, and this node alone notices it.
  void beat(std::uint64_t id);
  // The longest election timeout passes, and this node alone notices it: it begins an election.
  void campaign(std::uint64_t id);
  bool propose(std::uint64_t id, const std::string& text);  // false: refused
  // Asks the node for a read; `read_id` has not been used before.
  void read(std::uint64_t id, std::uint64_t read_id);
  // Asks the node to hand over to `to`.
  void transfer(std::uint64_t id, std::uint64_t to);
  // Asks the node for a change of members. "": it has begun; else the text of the refusal.
  std::string change(std::uint64_t id, Result<Configuration> target);
  // The node's state is saved, and its log released through `index`. Precondition: it has applied
  // `index`.
  void compact(std::uint64_t id, std::uint64_t index);

  // Performs what a node has decided: disk, network, state machine. All functions here do it by
  // themselves; a test that calls core() directly calls this afterwards.
  void perform(std::uint64_t id);
  // Everything that the node has written becomes durable.
  void persist(std::uint64_t id);
  // The snapshot that has arrived is loaded now; it is installed if it is still wanted. False: none
  // has arrived.
  bool install(std::uint64_t id);
  // Whether parts of a snapshot that arrive at the node are dropped for want of space.
  void fill_disk(std::uint64_t id, bool full) { nodes_.at(id).disk_full = full; }
  // The snapshot file that the node sends is damaged from now on.
  void damage_snapshot(std::uint64_t id);
  void crash(std::uint64_t id);  // what was not durable is lost
  void restart(std::uint64_t id);

  // Delivers a copy of the message, and performs what follows. Lost if the receiver is down, or if
  // either end is isolated.
  void deliver(const Message& message);
  // Delivers the oldest message again and again, until none is under way.
  void settle();
  void isolate(std::uint64_t id) { isolated_[id] = true; }  // its messages are lost, both ways
  void heal() { isolated_.clear(); }                        // nobody is isolated any more

  std::uint64_t leader() const;  // the master with the highest term; 0: there is none
  void check();                  // throws InvariantBroken

 private:
  template <class>
  friend struct Inspector;

  // What one output asked to persist, and the messages that wait for it.
  struct Pending {
    Ticket ticket;
    std::optional<HardState> hard_state;
    std::vector<Entry> entries;
    std::vector<Message> then_send;
  };
  // What outlives a crash.
  struct Disk {
    HardState hard_state;
    SnapshotMark mark;
    std::map<LogIndex, Entry> entries;
    LogIndex applied;  // what the state machine holds durably
    std::map<LogIndex, std::string> state;
    Configuration configuration;  // as of `applied`
  };
  struct Node {
    std::optional<Core> core;
    Disk disk;
    std::deque<Pending> pending;
    std::map<LogIndex, std::string> applied;
    Configuration configuration;  // as of the last entry applied
    std::vector<ReadReady> reads;
    std::vector<ReadId> refused;
    // Of each read under way: the highest index that any node had applied when it was asked for.
    std::map<ReadId, LogIndex> asked_at;
    std::string arriving;                                       // the snapshot file that arrives
    bool disk_full = false;                                     // chunks are not kept
    std::optional<std::pair<ReplicaId, SnapshotMark>> loading;  // arrived whole: sender and mark
    std::optional<ChunkArrived> chunk_waiting;  // of the next snapshot, while one is loading
    std::string snapshot;                       // the snapshot file that this node sends
    SnapshotMark snapshot_mark;
    std::map<LogIndex, std::string> snapshot_state;
  };

  void perform_once(Node& node, std::uint64_t id, Output output);
  void make_snapshot(Node& node);
  void on_chunk(Node& node, ChunkArrived chunk);
  void install(Node& node);
  void send(Node& node, std::vector<Message> messages);

  Settings settings_;
  Configuration configuration_;
  Instant now_{std::chrono::seconds(100)};
  std::map<std::uint64_t, Node> nodes_;
  std::list<Message> network_;
  std::map<std::uint64_t, bool> isolated_;
  Committed committed_;
  typename Kind::Checker checker_;
};

template <class Kind>
Cluster<Kind>::Cluster(Settings settings) : settings_(settings) {
  for (std::uint64_t id = 1; id <= settings.voters; ++id) configuration_.voters.emplace_back(id);
  for (std::uint64_t i = 1; i <= settings.learners; ++i) {
    configuration_.learners.emplace_back(settings.voters + i);
  }
  for (ReplicaId id : configuration_.everyone()) {
    nodes_[id.value].disk.mark.configuration = configuration_;
    nodes_[id.value].disk.configuration = configuration_;
    restart(id.value);
  }
  for (std::uint64_t i = 1; i <= settings.spares; ++i)
    restart(settings.voters + settings.learners + i);
}

template <class Kind>
void Cluster<Kind>::advance(Duration by) {
  now_ += by;
  for (auto& [id, node] : nodes_) tick(id);
}

template <class Kind>
void Cluster<Kind>::tick(std::uint64_t id) {
  if (!up(id)) return;
  core(id).tick(now_);
  perform(id);
}

template <class Kind>
void Cluster<Kind>::beat(std::uint64_t id) {
  now_ += Options().heartbeat_interval;
  tick(id);
}

template <class Kind>
void Cluster<Kind>::campaign(std::uint64_t id) {
  now_ += std::chrono::milliseconds(700);
  tick(id);
}

template <class Kind>
bool Cluster<Kind>::propose(std::uint64_t id, const std::string& text) {
  bool accepted = core(id).propose(share(text), now_).has_value();
  perform(id);
  return accepted;
}

template <class Kind>
void Cluster<Kind>::read(std::uint64_t id, std::uint64_t read_id) {
  nodes_.at(id).asked_at[ReadId(read_id)] =
      committed_.empty() ? LogIndex() : committed_.rbegin()->first;
  core(id).read(ReadId(read_id), now_);
  perform(id);
}

template <class Kind>
void Cluster<Kind>::transfer(std::uint64_t id, std::uint64_t to) {
  [[maybe_unused]] auto refused = core(id).transfer(ReplicaId(to), now_);
  perform(id);
}

template <class Kind>
std::string Cluster<Kind>::change(std::uint64_t id, Result<Configuration> target) {
  if (!target) return target.error().text;
  auto begun = core(id).change(std::move(*target), now_);
  perform(id);
  return begun ? "" : begun.error().text;
}

template <class Kind>
void Cluster<Kind>::compact(std::uint64_t id, std::uint64_t index) {
  Node& node = nodes_.at(id);
  LogIndex through(index);
  node.disk.applied = std::max(node.disk.applied, through);
  node.disk.state = node.applied;
  node.disk.configuration = node.configuration;
  node.disk.mark = {through, Kind::term_at(*node.core, through), node.configuration};
  node.core->compact(through);
  std::erase_if(node.disk.entries, [&](auto& e) { return e.first <= through; });
  perform(id);
}

template <class Kind>
void Cluster<Kind>::perform(std::uint64_t id) {
  Node& node = nodes_.at(id);
  for (int i = 0; node.core && i < 1000; ++i) {
    Output output = node.core->take_output();
    bool nothing = !output.ticket && output.messages.empty() &&
                   output.messages_after_persist.empty() && output.committed.empty() &&
                   output.reads.empty() && output.reads_refused.empty() && output.chunks.empty();
    if (output.snapshot_damaged) {
      node.snapshot_mark = {};
      node.snapshot.clear();
    }
    bool wants_snapshot = output.snapshot_wanted;
    perform_once(node, id, std::move(output));
    if (wants_snapshot) make_snapshot(node);
    if (settings_.persist_at_once && !node.pending.empty()) {
      persist(id);
      continue;
    }
    if (nothing && !wants_snapshot) break;
  }
  check();
}

template <class Kind>
void Cluster<Kind>::perform_once(Node& node, std::uint64_t id, Output output) {
  send(node, std::move(output.messages));
  if (output.ticket) {
    node.pending.push_back({*output.ticket, output.hard_state, output.entries,
                            std::move(output.messages_after_persist)});
  } else if (!node.pending.empty()) {
    auto& held = node.pending.back().then_send;
    held.insert(held.end(), output.messages_after_persist.begin(),
                output.messages_after_persist.end());
  } else {
    send(node, std::move(output.messages_after_persist));
  }
  for (const Entry& entry : output.committed) {
    auto known = committed_.find(entry.index);
    if (known == committed_.end()) {
      committed_[entry.index] = {entry.term, text_of(entry)};
    } else if (known->second.second != text_of(entry) ||
               (!Kind::kGaps && known->second.first != entry.term)) {
      broken(fmt::format("state machine safety: {} applied another entry at {}", id,
                         entry.index.value));
    }
    if (node.applied.size() + 1 != entry.index.value) {
      broken(fmt::format("{} applies {} after {} entries", id, entry.index.value,
                         node.applied.size()));
    }
    node.applied[entry.index] = text_of(entry);
    if (entry.kind == consensus::EntryKind::kConfiguration) {
      Reader in(*entry.data);
      if (!decode(in, node.configuration)) broken("a configuration that cannot be read");
    }
  }
  for (const ReadReady& ready : output.reads) {
    if (ready.index < node.asked_at[ready.id]) {
      broken(fmt::format("stale read: {} may read at {} what was asked for at {}", id,
                         ready.index.value, node.asked_at[ready.id].value));
    }
  }
  node.reads.insert(node.reads.end(), output.reads.begin(), output.reads.end());
  node.refused.insert(node.refused.end(), output.reads_refused.begin(), output.reads_refused.end());
  for (ChunkArrived& chunk : output.chunks) on_chunk(node, std::move(chunk));
}

template <class Kind>
void Cluster<Kind>::make_snapshot(Node& node) {
  if (!node.snapshot.empty() && node.snapshot_mark.index >= node.core->status().first.previous()) {
    return node.core->on_snapshot_available(node.snapshot_mark, node.snapshot.size(), now_);
  }
  auto through = node.applied.empty() ? LogIndex() : node.applied.rbegin()->first;
  node.snapshot_mark = {through, Kind::term_at(*node.core, through), node.configuration};
  node.snapshot_state = node.applied;
  node.snapshot.clear();
  Writer out(node.snapshot);
  for (auto& [index, text] : node.applied) out.string(text);
  node.core->on_snapshot_available(node.snapshot_mark, node.snapshot.size(), now_);
}

template <class Kind>
void Cluster<Kind>::on_chunk(Node& node, ChunkArrived chunk) {
  if (node.disk_full) return;
  if (node.loading) {
    node.chunk_waiting = std::move(chunk);
    return;
  }
  if (chunk.offset == 0) node.arriving.clear();
  node.arriving += chunk.bytes;
  node.core->on_chunk_written(chunk.from, chunk.mark, node.arriving.size(), now_);
  if (node.arriving.size() < chunk.size) return;
  node.loading = {chunk.from, chunk.mark};
  if (settings_.install_at_once) install(node);
}

template <class Kind>
bool Cluster<Kind>::install(std::uint64_t id) {
  Node& node = nodes_.at(id);
  if (!node.core || !node.loading) return false;
  install(node);
  perform(id);
  return true;
}

template <class Kind>
void Cluster<Kind>::install(Node& node) {
  const auto [from, mark] = *std::exchange(node.loading, std::nullopt);
  auto next = std::exchange(node.chunk_waiting, std::nullopt);
  std::map<LogIndex, std::string> applied;
  Reader in(node.arriving);
  for (LogIndex i(1); i <= mark.index; i = i.next()) applied[i] = std::string(in.string());
  if (!in.done()) {
    node.core->on_snapshot_damaged(from, mark, now_);
  } else if (node.core->wants_snapshot(mark)) {
    node.applied = std::move(applied);
    node.disk.mark = mark;
    std::erase_if(node.disk.entries,
                  [&](auto& e) { return !Kind::kGaps || e.first <= mark.index; });
    node.disk.applied = mark.index;
    node.disk.configuration = node.configuration = mark.configuration;
    node.disk.state = node.applied;
    if (!Kind::kGaps) node.pending.clear();
    node.core->on_snapshot_installed(from, mark, now_);
    next.reset();
  }
  if (next) on_chunk(node, std::move(*next));
}

template <class Kind>
void Cluster<Kind>::damage_snapshot(std::uint64_t id) {
  nodes_.at(id).snapshot.at(0) = '\x7f';
}

template <class Kind>
void Cluster<Kind>::send(Node& node, std::vector<Message> messages) {
  for (Message& message : messages) {
    if (message.chunk_reference()) {
      message.chunk = node.snapshot.substr(message.offset, message.chunk_length);
    }
    network_.push_back(std::move(message));
  }
}

template <class Kind>
void Cluster<Kind>::persist(std::uint64_t id) {
  Node& node = nodes_.at(id);
  while (node.core && !node.pending.empty()) {
    Pending pending = std::move(node.pending.front());
    node.pending.pop_front();
    if (pending.hard_state) node.disk.hard_state = *pending.hard_state;
    if (!pending.entries.empty() && !Kind::kGaps)
      node.disk.entries.erase(node.disk.entries.lower_bound(pending.entries.front().index),
                              node.disk.entries.end());
    for (const Entry& entry : pending.entries) {
      if (entry.index > node.disk.mark.index) node.disk.entries[entry.index] = entry;
    }
    send(node, std::move(pending.then_send));
    node.core->on_persisted(pending.ticket, now_);
  }
  if (!settings_.persist_at_once) perform(id);
}

template <class Kind>
void Cluster<Kind>::crash(std::uint64_t id) {
  Node& node = nodes_.at(id);
  node.core.reset();
  node.pending.clear();
  node.loading.reset();
  node.chunk_waiting.reset();
}

template <class Kind>
void Cluster<Kind>::restart(std::uint64_t id) {
  Node& node = nodes_[id];
  consensus::Restored restored{node.disk.hard_state, node.disk.mark, {}, node.disk.applied};
  for (auto& [index, entry] : node.disk.entries) restored.entries.push_back(entry);
  node.applied = node.disk.state;
  node.configuration = node.disk.configuration;
  node.snapshot_mark = {};
  node.snapshot.clear();
  node.reads.clear();
  node.refused.clear();
  node.asked_at.clear();
  Options options{.id = ReplicaId(id),
                  .append_bytes_max = settings_.append_bytes_max,
                  .in_flight_messages_max = 4,
                  .snapshot_chunk_bytes = settings_.snapshot_chunk_bytes,
                  .pre_vote = settings_.pre_vote,
                  .lease = {.reads = settings_.reads},
                  .seed = settings_.seed};
  node.core.emplace(options, std::move(restored), now_);
  perform(id);
}

template <class Kind>
void Cluster<Kind>::deliver(const Message& message) {
  std::uint64_t to = message.to.value;
  if (isolated_[to] || isolated_[message.from.value] || !up(to)) return;
  // Through the wire form, so that every test also tests the encoding.
  std::string bytes = encode(message) + message.chunk;
  core(to).step(Message::decode(bytes).value(), now_);
  perform(to);
}

template <class Kind>
void Cluster<Kind>::settle() {
  for (int i = 0; !network_.empty() && i < 100000; ++i) {
    Message message = std::move(network_.front());
    network_.pop_front();
    deliver(message);
  }
}

template <class Kind>
std::uint64_t Cluster<Kind>::leader() const {
  std::uint64_t found = 0;
  Term newest;
  for (auto& [id, node] : nodes_) {
    if (!node.core || node.core->role() != Role::kMaster) continue;
    const Term term = node.core->status().role.term;
    if (term < newest) continue;
    newest = term;
    found = id;
  }
  return found;
}

template <class Kind>
void Cluster<Kind>::check() {
  for (auto& [id, node] : nodes_) {
    if (!node.core) continue;
    checker_.look(id, *node.core, committed_);
    for (auto& [other, peer] : nodes_) {
      if (other < id && peer.core) checker_.compare(*node.core, *peer.core);
    }
  }
}

}  // namespace polis::consensus::testing
