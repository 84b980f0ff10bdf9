#include "consensus/raft/testing/cluster.hh"

#include <fmt/format.h>

namespace polis::raft::testing {
namespace {

std::string text_of(const Entry& entry) { return entry.data ? *entry.data : ""; }

[[noreturn]] void broken(const std::string& text) { throw InvariantBroken(text); }

}  // namespace

Cluster::Cluster(Settings settings) : settings_(settings) {
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

void Cluster::advance(Duration by) {
  now_ += by;
  for (auto& [id, node] : nodes_) tick(id);
}

void Cluster::tick(std::uint64_t id) {
  if (!up(id)) return;
  raft(id).tick(now_);
  perform(id);
}

void Cluster::campaign(std::uint64_t id) {
  now_ += std::chrono::milliseconds(700);
  tick(id);
}

bool Cluster::propose(std::uint64_t id, const std::string& text) {
  bool accepted = raft(id).propose(share(text), now_).has_value();
  perform(id);
  return accepted;
}

void Cluster::read(std::uint64_t id, std::uint64_t read_id) {
  nodes_.at(id).asked_at[ReadId(read_id)] =
      committed_.empty() ? LogIndex() : committed_.rbegin()->first;
  raft(id).read(ReadId(read_id), now_);
  perform(id);
}

void Cluster::transfer(std::uint64_t id, std::uint64_t to) {
  [[maybe_unused]] auto refused = raft(id).transfer(ReplicaId(to), now_);
  perform(id);
}

std::string Cluster::change(std::uint64_t id, Result<Configuration> target) {
  if (!target) return target.error().text;
  auto begun = raft(id).change(std::move(*target), now_);
  perform(id);
  return begun ? "" : begun.error().text;
}

void Cluster::compact(std::uint64_t id, std::uint64_t index) {
  Node& node = nodes_.at(id);
  LogIndex through(index);
  node.disk.applied = std::max(node.disk.applied, through);
  node.disk.state = node.applied;
  node.disk.configuration = node.configuration;
  node.disk.mark = {through, node.raft->log().term_at(through), node.configuration};
  node.raft->compact(through);
  std::erase_if(node.disk.entries, [&](auto& e) { return e.first <= through; });
  perform(id);
}

void Cluster::perform(std::uint64_t id) {
  Node& node = nodes_.at(id);
  for (int i = 0; node.raft && i < 1000; ++i) {
    Output output = node.raft->take_output();
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

void Cluster::perform_once(Node& node, std::uint64_t id, Output output) {
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
    } else if (known->second != std::pair(entry.term, text_of(entry))) {
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

void Cluster::make_snapshot(Node& node) {
  if (!node.snapshot.empty() && node.snapshot_mark.index >= node.raft->log().mark().index) {
    return node.raft->on_snapshot_available(node.snapshot_mark, node.snapshot.size(), now_);
  }
  auto through = node.applied.empty() ? LogIndex() : node.applied.rbegin()->first;
  node.snapshot_mark = {through, node.raft->log().term_at(through), node.configuration};
  node.snapshot_state = node.applied;
  node.snapshot.clear();
  Writer out(node.snapshot);
  for (auto& [index, text] : node.applied) out.string(text);
  node.raft->on_snapshot_available(node.snapshot_mark, node.snapshot.size(), now_);
}

void Cluster::on_chunk(Node& node, ChunkArrived chunk) {
  if (node.loading) {
    node.chunk_waiting = std::move(chunk);
    return;
  }
  if (chunk.offset == 0) node.arriving.clear();
  node.arriving += chunk.bytes;
  node.raft->on_chunk_written(chunk.from, chunk.mark, node.arriving.size(), now_);
  if (node.arriving.size() < chunk.size) return;
  node.loading = {chunk.from, chunk.mark};
  if (settings_.install_at_once) install(node);
}

bool Cluster::install(std::uint64_t id) {
  Node& node = nodes_.at(id);
  if (!node.raft || !node.loading) return false;
  install(node);
  perform(id);
  return true;
}

void Cluster::install(Node& node) {
  const auto [from, mark] = *std::exchange(node.loading, std::nullopt);
  auto next = std::exchange(node.chunk_waiting, std::nullopt);
  std::map<LogIndex, std::string> applied;
  Reader in(node.arriving);
  for (LogIndex i(1); i <= mark.index; i = i.next()) applied[i] = std::string(in.string());
  if (!in.done()) {
    node.raft->on_snapshot_damaged(from, mark, now_);
  } else if (node.raft->wants_snapshot(mark)) {
    node.applied = std::move(applied);
    node.disk.mark = mark;
    node.disk.entries.clear();
    node.disk.applied = mark.index;
    node.disk.configuration = node.configuration = mark.configuration;
    node.disk.state = node.applied;
    node.pending.clear();
    node.raft->on_snapshot_installed(from, mark, now_);
    next.reset();
  }
  if (next) on_chunk(node, std::move(*next));
}

void Cluster::damage_snapshot(std::uint64_t id) { nodes_.at(id).snapshot.at(0) = '\x7f'; }

void Cluster::send(Node& node, std::vector<Message> messages) {
  for (Message& message : messages) {
    if (message.type == MessageType::kSnapshotChunk) {
      message.chunk = node.snapshot.substr(message.offset, message.chunk_length);
    }
    network_.push_back(std::move(message));
  }
}

void Cluster::persist(std::uint64_t id) {
  Node& node = nodes_.at(id);
  while (node.raft && !node.pending.empty()) {
    Pending pending = std::move(node.pending.front());
    node.pending.pop_front();
    if (pending.hard_state) node.disk.hard_state = *pending.hard_state;
    if (!pending.entries.empty()) {
      node.disk.entries.erase(node.disk.entries.lower_bound(pending.entries.front().index),
                              node.disk.entries.end());
      for (const Entry& entry : pending.entries) node.disk.entries[entry.index] = entry;
    }
    send(node, std::move(pending.then_send));
    node.raft->on_persisted(pending.ticket, now_);
  }
  if (!settings_.persist_at_once) perform(id);
}

void Cluster::crash(std::uint64_t id) {
  Node& node = nodes_.at(id);
  node.raft.reset();
  node.pending.clear();
  node.loading.reset();
  node.chunk_waiting.reset();
}

void Cluster::restart(std::uint64_t id) {
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
  node.raft = std::make_unique<Raft>(options, std::move(restored), now_);
  perform(id);
}

void Cluster::deliver(const Message& message) {
  std::uint64_t to = message.to.value;
  if (isolated_[to] || isolated_[message.from.value] || !up(to)) return;
  // Through the wire form, so that every test also tests the encoding.
  std::string bytes = encode(message) + message.chunk;
  raft(to).step(Message::decode(bytes).value(), now_);
  perform(to);
}

void Cluster::settle() {
  for (int i = 0; !network_.empty() && i < 100000; ++i) {
    Message message = std::move(network_.front());
    network_.pop_front();
    deliver(message);
  }
}

std::uint64_t Cluster::leader() const {
  std::uint64_t found = 0;
  Term newest;
  for (auto& [id, node] : nodes_) {
    if (node.raft && node.raft->role() == Role::kMaster && node.raft->term() >= newest) {
      newest = node.raft->term();
      found = id;
    }
  }
  return found;
}

void Cluster::check() {
  for (auto& [id, node] : nodes_) {
    if (!node.raft) continue;
    const Raft& raft = *node.raft;
    if (raft.role() == Role::kMaster) {
      auto [known, is_new] = leaders_.emplace(raft.term(), ReplicaId(id));
      if (known->second.value != id) {
        broken(fmt::format("election safety: {} and {} lead term {}", id, known->second.value,
                           raft.term().value));
      }
      if (is_new) {
        for (auto& [index, entry] : committed_) {
          if (index <= raft.log().mark().index) continue;
          if (index > raft.log().last_index() || raft.log().term_at(index) != entry.first) {
            broken(
                fmt::format("leader completeness: {} lacks committed entry {}", id, index.value));
          }
        }
      }
    }
    check_configuration(id, raft);
    for (auto& [other, peer] : nodes_) {
      if (other < id && peer.raft) check_logs(node, peer);
    }
  }
}

// Raft thesis 4.1: a replica uses the newest configuration in its log.
void Cluster::check_configuration(std::uint64_t id, const Raft& raft) const {
  const Log& log = raft.log();
  Configuration newest = log.mark().configuration;
  for (LogIndex i = log.last_index(); i >= log.first_index(); i = i.previous()) {
    if (log.at(i).kind != consensus::EntryKind::kConfiguration) continue;
    Reader in(*log.at(i).data);
    if (!decode(in, newest)) broken("a configuration that cannot be read");
    break;
  }
  if (raft.configuration() != newest)
    broken(fmt::format("{} does not use the newest configuration in its log", id));
}

// Log matching: one equal (index, term) means equal logs up to there.
void Cluster::check_logs(const Node& a, const Node& b) const {
  const Log& x = a.raft->log();
  const Log& y = b.raft->log();
  LogIndex low = std::max(x.first_index(), y.first_index());
  bool must_match = false;
  for (LogIndex i = std::min(x.last_index(), y.last_index()); i >= low; i = i.previous()) {
    bool same = x.term_at(i) == y.term_at(i);
    if (must_match && !same) broken(fmt::format("log matching: logs differ below {}", i.value));
    if (same && text_of(x.at(i)) != text_of(y.at(i)))
      broken("log matching: one place, two payloads");
    must_match = must_match || same;
  }
}

}  // namespace polis::raft::testing
