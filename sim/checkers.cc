#include "sim/checkers.hh"

#include <fmt/format.h>

#include "base/crc32c.hh"
#include "consensus/paxos/paxos_log.hh"
#include "consensus/raft/raft_log.hh"
#include "store/record.hh"

namespace polis::sim {
namespace {

[[noreturn]] void broken(const std::string& text) { throw Violation(text); }

std::string name_of(const Operation& op) {
  static const char* kinds[] = {"put", "get", "delete", "cas"};
  return fmt::format(
      "client {} {} {} '{}' [{}..{}] revision {}", op.client, kinds[static_cast<int>(op.kind)],
      op.key, op.value, op.invoked.time_since_epoch().count(),
      op.returned == Instant::max() ? -1 : op.returned.time_since_epoch().count(), op.revision);
}

bool writes(const Operation& op) { return op.kind != Operation::Kind::kGet; }

// Each change is the effect of one operation; its place in the order is its revision.
std::map<std::uint64_t, const Operation*> match_changes(
    const History& history, std::map<const Operation*, std::uint64_t>& place) {
  std::map<std::string, const Operation*> by_value;
  for (const Operation& op : history.operations) {
    if (!op.value.empty()) by_value[op.value] = &op;
  }
  std::map<std::uint64_t, const Operation*> owner;
  std::set<const Operation*> used;
  for (const auto& [revision, changes] : history.changes) {
    for (const Change& change : changes) {
      if (change.erased || change.key.starts_with(kUntold)) continue;
      auto found = by_value.find(change.value);
      if (found == by_value.end())
        broken(fmt::format("revision {} holds '{}', which nobody wrote", revision, change.value));
      if (!used.insert(found->second).second)
        broken(fmt::format("happened twice: {}, again at revision {}", name_of(*found->second),
                           revision));
      if (found->second->outcome == Outcome::kRefused)
        broken(fmt::format("was refused and happened all the same: {} at revision {}",
                           name_of(*found->second), revision));
      owner[revision] = found->second;
      place[found->second] = revision;
    }
  }
  return owner;
}

void check_answers(const History& history, std::map<const Operation*, std::uint64_t>& place) {
  for (const Operation& op : history.operations) {
    if (op.outcome != Outcome::kOk) continue;
    if (writes(op) && !op.value.empty() && op.succeeded) {
      auto found = place.find(&op);
      if (found == place.end()) broken("acknowledged but lost: " + name_of(op));
      if (found->second != op.revision)
        broken(fmt::format("acknowledged at another revision than {}: {}", found->second,
                           name_of(op)));
    } else if (op.kind == Operation::Kind::kDelete && op.succeeded) {
      auto found = history.changes.find(op.revision);
      if (found == history.changes.end() || found->second.size() != 1 || !found->second[0].erased ||
          found->second[0].key != op.key) {
        broken("acknowledged but lost: " + name_of(op));
      }
      place[&op] = op.revision;
    } else {
      place[&op] = op.revision;  // it only looked
    }
  }
}

// Replays the changes and compares what was read with what was there.
void check_reads(const History& history) {
  std::multimap<std::uint64_t, const Operation*> reads;
  for (const Operation& op : history.operations) {
    if (op.kind == Operation::Kind::kGet && op.outcome == Outcome::kOk)
      reads.emplace(op.revision, &op);
  }
  std::map<std::string, std::string> state;
  auto change = history.changes.begin();
  for (const auto& [revision, op] : reads) {
    for (; change != history.changes.end() && change->first <= revision; ++change) {
      for (const Change& c : change->second) {
        if (c.erased) {
          state.erase(c.key);
        } else {
          state[c.key] = c.value;
        }
      }
    }
    if (op->read_all) {
      if (*op->read_all != state)
        broken("all keys were read and differ from what was: " + name_of(*op));
      continue;
    }
    auto there = state.find(op->key);
    std::optional<std::string> expected =
        there == state.end() ? std::nullopt : std::optional(there->second);
    if (op->read != expected) {
      broken(fmt::format("read '{}' where '{}' was: {}", op->read.value_or("(nothing)"),
                         expected.value_or("(nothing)"), name_of(*op)));
    }
  }
}

// Nobody may stand before an operation that had ended when he began.
void check_real_time(const std::map<const Operation*, std::uint64_t>& place) {
  struct Point {
    Instant when;
    bool end;
    const Operation* op;
    std::uint64_t at;
  };
  std::vector<Point> points;
  for (const auto& [op, at] : place) {
    points.push_back({op->invoked, false, op, at});
    if (op->returned != Instant::max() && op->outcome == Outcome::kOk)
      points.push_back({op->returned, true, op, at});
  }
  std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return std::pair(a.when, a.end) < std::pair(b.when, b.end);
  });
  std::uint64_t newest = 0;
  const Operation* newest_op = nullptr;
  for (const Point& point : points) {
    if (point.end) {
      if (point.at > newest) {
        newest = point.at;
        newest_op = point.op;
      }
    } else if (point.at < newest) {
      broken(fmt::format("stale: {} stands at {}, before {} which had ended when it began",
                         name_of(*point.op), point.at, name_of(*newest_op)));
    }
  }
}

}  // namespace

void check_linearizable(const History& history) {
  std::map<const Operation*, std::uint64_t> place;
  match_changes(history, place);
  check_answers(history, place);
  check_reads(history);
  check_real_time(place);
}

std::string lease_value(std::int64_t lease, std::uint64_t number) {
  return fmt::format("lease {} value {}", lease, number);
}

std::optional<std::int64_t> lease_of_value(const std::string& value) {
  if (!value.starts_with("lease ")) return std::nullopt;
  return std::strtoll(value.c_str() + 6, nullptr, 10);
}

namespace {

double seconds(Instant when) {
  return std::chrono::duration<double>(when.time_since_epoch()).count() - 1;
}

void check_end(std::int64_t id, const LeaseStory& story, Instant ended, double drift_max,
               const std::string& how) {
  if (ended >= story.let_go) return;
  const auto term = static_cast<double>(story.ttl.count()) / (1.0 + drift_max);
  const Instant until = story.renewed_last + Duration(static_cast<std::int64_t>(term) - 1000);
  if (ended >= until) return;
  broken(fmt::format("lease {} of {} s was renewed by a request of {:.6f} s, and {} at {:.6f} s",
                     id, std::chrono::duration_cast<std::chrono::seconds>(story.ttl).count(),
                     seconds(story.renewed_last), how, seconds(ended)));
}

}  // namespace

void check_leases(const History& history, double drift_max) {
  for (const auto& [id, story] : history.leases) {
    if (story.gone_first != Instant::max())
      check_end(id, story, story.gone_first, drift_max, "its holder was told that it is gone");
  }
  std::map<std::string, std::int64_t> holders;
  for (const auto& [revision, changes] : history.changes) {
    for (const Change& change : changes) {
      if (auto lease = lease_of_value(change.value); lease && !change.erased)
        holders[change.key] = *lease;
      auto held = holders.find(change.key);
      if (!change.erased || held == holders.end()) continue;
      const std::int64_t id = held->second;
      holders.erase(held);
      auto story = history.leases.find(id);
      if (story == history.leases.end()) continue;
      check_end(id, story->second, history.applied.at(revision), drift_max,
                fmt::format("its key {} was deleted (revision {})", change.key, revision));
    }
  }
}

void ProtocolChecker::look(std::size_t place, Node& node) {
  if (auto* log = dynamic_cast<const raft::RaftLog*>(&node.replica().log())) {
    const raft::Raft& raft = log->protocol();
    if (raft.role() == consensus::Role::kMaster) look_at_leader(node.id(), raft.term());
    look_at_chosen(place, node, raft.log().first_index(), raft.commit(),
                   [&](consensus::LogIndex index) { return raft.log().at(index); });
  } else {
    const auto& paxos = dynamic_cast<const paxos::PaxosLog&>(node.replica().log()).protocol();
    look_at_chosen(place, node, paxos.slots().first(), paxos.commit(),
                   [&](consensus::LogIndex slot) {
                     consensus::Entry entry = paxos.slots().at(slot);
                     entry.term = {};  // a value may be chosen under several ballots
                     return entry;
                   });
  }
}

// Raft thesis figure 3.2: election safety. (No two replicas of Paxos can have one ballot.)
void ProtocolChecker::look_at_leader(consensus::ReplicaId id, consensus::Term term) {
  auto [known, is_new] = masters_.emplace(term, id);
  if (known->second != id) {
    broken(fmt::format("election safety: replicas {} and {} both lead term {}", known->second.value,
                       id.value, term.value));
  }
}

void ProtocolChecker::look_at_chosen(
    std::size_t place, const Node& node, consensus::LogIndex first, consensus::LogIndex commit,
    const std::function<consensus::Entry(consensus::LogIndex)>& at) {
  std::uint64_t& looked = looked_[{place, node.incarnation()}];
  for (std::uint64_t index = std::max(looked + 1, first.value); index <= commit.value; ++index) {
    const consensus::Entry entry = at(consensus::LogIndex(index));
    std::pair what(entry.term, entry.data ? crc32c(*entry.data) : 0);
    auto [known, is_new] = committed_.emplace(index, what);
    if (known->second != what)
      broken(fmt::format("state machine safety: replica {} committed another entry at {}",
                         place + 1, index));
  }
  looked = commit.value;
}

void ChangeCollector::look(std::size_t place, Node& node, Instant now) {
  const store::Store& store = node.replica().store();
  auto [position, is_new] = seen_.try_emplace({place, node.incarnation()}, store.revision());
  if (is_new) return;  // what it had when it started has been seen before
  std::uint64_t& seen = position->second;
  if (store.revision() < seen)
    broken(fmt::format("replica {} went back from revision {} to {}", place + 1, seen,
                       store.revision()));
  if (store.revision() == seen) return;
  std::map<std::uint64_t, std::vector<Change>> fresh;
  store.scan_records({std::max(seen + 1, store.compacted()), 0},
                     [&](storage::RecordKey key, const store::RecordView& record) {
                       fresh[key.revision].push_back(
                           {std::string(record.key), record.tombstone, std::string(record.value)});
                       return true;
                     });
  for (auto& [revision, changes] : fresh) {
    auto [known, first] = history_.changes.emplace(revision, changes);
    history_.applied.emplace(revision, now);
    if (!first && known->second != changes)
      broken(fmt::format("replica {} has other changes at revision {} than the first to apply it",
                         place + 1, revision));
  }
  seen = store.revision();
  auto [hash, first] = hashes_.emplace(seen, store.history_hash());
  if (!first && hash->second != store.history_hash())
    broken(fmt::format("replica {} differs from another at revision {}", place + 1, seen));
}

void WatchClient::attend() {
  slow_ = random_.chance(0.05);
  if (attached_) {
    Node& node = cell_.node(place_);
    if (node.up() && node.incarnation() == incarnation_) {
      if (random_.chance(0.002)) detach();
      return;
    }
    attached_ = false;
  }
  // Any that runs, if one does.
  place_ = random_.below(cell_.size());
  for (std::size_t i = 0; i < cell_.size() && !cell_.node(place_).up(); ++i)
    place_ = (place_ + 1) % cell_.size();
  Node& node = cell_.node(place_);
  if (!node.up()) return;
  incarnation_ = node.incarnation();
  attached_ = true;
  handle_ = node.watches().add(
      *this, 0, {.range = {std::string(1, '\0'), std::string(1, '\0')}, .start = next_});
}

void WatchClient::detach() {
  if (!attached_) return;
  attached_ = false;
  Node& node = cell_.node(place_);
  if (node.up() && node.incarnation() == incarnation_) node.watches().remove(handle_);
}

void WatchClient::on_events(std::int64_t, std::string_view events, std::uint64_t, bool) {
  std::map<std::uint64_t, std::vector<Change>> got;
  Reader in(events);
  std::uint64_t before = next_ - 1;
  while (in.remaining() > 0) {
    in.varint();
    Reader event(in.string());
    // Event: type (1, varint), kv (2, bytes).
    bool erased = false;
    std::string_view key_value;
    while (event.remaining() > 0) {
      std::uint64_t tag = event.varint();
      if (tag == (1 << 3)) {
        erased = event.varint() == 1;
      } else {
        std::string_view bytes = event.string();
        if (tag == (2 << 3 | 2)) key_value = bytes;
      }
    }
    std::string as_record(3, '\0');
    as_record += key_value;
    auto record = store::decode_record(as_record);
    if (!record || !event.ok()) broken("a watcher was sent something unreadable");
    auto revision = static_cast<std::uint64_t>(record->mod_revision);
    if (revision < before || revision < next_)
      broken(fmt::format("a watcher at {} was sent revision {} again", next_, revision));
    before = revision;
    got[revision].push_back({std::string(record->key), erased, std::string(record->value)});
  }
  for (auto& [revision, changes] : got) {
    if (revision != next_)
      broken(
          fmt::format("a watcher at {} missed changes: it was sent revision {}", next_, revision));
    auto known = history_.changes.find(revision);
    if (known != history_.changes.end() && known->second != changes)
      broken(
          fmt::format("a watcher was sent other changes of revision {} than there are", revision));
    next_ = revision + 1;
  }
}

void WatchClient::on_compacted(std::int64_t, std::uint64_t compacted) {
  // It was too slow for the compaction, and has been told so: it goes on from there.
  attached_ = false;
  if (compacted < next_)
    broken(fmt::format("a watcher at {} was told that {} is compacted", next_, compacted));
  next_ = compacted;
}

void WatchClient::check_complete(std::uint64_t revision) const {
  if (next_ <= revision)
    broken(fmt::format("a watcher stands at {} and never saw revision {}", next_, revision));
}

}  // namespace polis::sim
