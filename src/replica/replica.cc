// Recovery, and performing what consensus decided.

#include "replica/replica.hh"

#include <fmt/format.h>

#include "base/check.hh"
#include "consensus/paxos/paxos_log.hh"
#include "consensus/quorum.hh"
#include "consensus/raft/raft_log.hh"
#include "replica/wire.hh"

namespace polis::replica {
namespace {

constexpr Duration kStandingStillTick = std::chrono::milliseconds(10);
// A deadline this near that moves is followed at once. One that is further away is found to have
// moved when it comes: one wake-up for many moves.
constexpr Duration kNearDeadline = std::chrono::milliseconds(20);
constexpr Duration kSyncWindow = std::chrono::seconds(10);

}  // namespace

void SyncTimes::add(Duration took, Instant now) {
  ++count;
  average = average == Duration() ? took : average + (took - average) / 16;
  if (now - window_ >= kSyncWindow) {
    worst_before_ = now - window_ >= 2 * kSyncWindow ? Duration() : worst_now_;
    worst_now_ = {};
    window_ = now;
  }
  worst_now_ = std::max(worst_now_, took);
  worst = std::max(worst_now_, worst_before_);
}

namespace {

// Where this process begins to count what it asks others for: anywhere, so that an answer that was
// meant for an earlier process of this replica is not taken for one to this one.
std::uint64_t first_number(std::uint64_t seed) { return Random(seed).next() >> 1; }

}  // namespace

Replica::Replica(Options options, Environment environment)
    : options_(std::move(options)),
      env_(std::move(environment)),
      store_(env_.engine),
      auto_compaction_(options_.auto_compaction),
      space_(options_.disk_free_min),
      next_read_(first_number(options_.seed)),
      next_question_(first_number(~options_.seed)) {}

Replica::~Replica() = default;

Result<std::unique_ptr<Replica>> Replica::open(Options options, Environment environment) {
  auto replica = std::unique_ptr<Replica>(new Replica(std::move(options), std::move(environment)));
  if (auto done = replica->recover(); !done) return std::unexpected(done.error());
  replica->schedule_tick();
  replica->upkeep();
  return replica;
}

// Where the log has to go on at least: what was durable before there was acknowledged, or promised.
std::uint64_t Replica::log_reached() const {
  const auto& said = store_.saved_by();
  if (said && said->cell == options_.identity.cell && said->replica == options_.identity.replica)
    return said->log_durable;
  // What a release of before left says nothing, but that there was a log.
  return options_.begun || store_.applied() > LogIndex() ? 1 : 0;
}

Result<void> Replica::recover() {
  if (auto done = store_.open(); !done) return done;
  if (auto known = check_cell_version(); !known) return known;
  if (store_.applied() == LogIndex()) store_.set_configuration(options_.initial);
  name_known_members();
  storage::Recovered found;
  auto wal = storage::Wal::open(env_.disk,
                                {.directory = options_.directory + "/wal",
                                 .identity = options_.identity,
                                 .gaps = options_.protocol == Protocol::kPaxos,
                                 .segment_bytes = options_.wal_segment_bytes,
                                 .reached = log_reached()},
                                found);
  if (!wal) return std::unexpected(wal.error());
  wal_ = std::move(*wal);
  note_saved_by(store_);
  if (auto done = env_.disk.make_directory(options_.directory + "/snapshots"); !done) return done;
  if (store_.applied() < found.base_index) {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("the state in {} {} but the log begins behind entry {}: {}", options_.directory,
                    store_.applied() == LogIndex()
                        ? "is empty"
                        : fmt::format("ends at entry {}", store_.applied().value),
                    found.base_index.value,
                    store_.applied() == LogIndex() ? "the state is lost (state.mdb)."
                                                   : "one of the two is from another time."));
  }
  auto restored = options_.protocol == Protocol::kPaxos ? restore_slots(found) : restore_log(found);
  if (!restored) return std::unexpected(restored.error());
  options_.consensus.id = options_.identity.replica;
  options_.consensus.seed = options_.seed;
  if (auto valid = options_.consensus.validate(); !valid) return valid;
  if (auto safe = consensus::check_quorums(store_.applied_mark().configuration); !safe) return safe;
  if (options_.protocol == Protocol::kPaxos) {
    log_ = std::make_unique<paxos::PaxosLog>(options_.consensus, std::move(*restored),
                                             env_.loop.now());
  } else {
    log_ =
        std::make_unique<raft::RaftLog>(options_.consensus, std::move(*restored), env_.loop.now());
  }
  role_ = log_->status().role;
  return {};
}

// A log without gaps: raft.
Result<consensus::Restored> Replica::restore_log(storage::Recovered& found) {
  const SnapshotMark& state = store_.applied_mark();
  LogIndex last = found.base_index + found.entries.size();
  auto term_at = [&](LogIndex i) {
    return i == found.base_index ? found.base_term : found.entries[i - found.base_index - 1].term;
  };
  consensus::Restored restored{
      found.hard_state, {found.base_index, found.base_term, state.configuration}, {}, state.index};
  if (state.index > last || term_at(state.index) != state.term) {
    // A crash between installing a snapshot and saying so in the log: the state is what counts.
    restored.mark = state;
    if (auto done = wal_->reset(state.index, state.term); !done)
      return std::unexpected(done.error());
  } else {
    restored.entries = std::move(found.entries);
  }
  return restored;
}

// Slots, some of which may be missing: paxos. Those that the state holds are kept as far back as
// none is missing, for others who ask.
//
// Unless the state is ahead of what the log says is chosen: then it may be that of a snapshot, and
// the crash came before the log said so. What was accepted at those slots need not be what was
// chosen there, and nobody may ever be taught it.
Result<consensus::Restored> Replica::restore_slots(storage::Recovered& found) {
  const SnapshotMark& state = store_.applied_mark();
  LogIndex first = state.index.next();
  if (state.index <= found.hard_state.commit) {
    while (first > LogIndex(1) && found.accepted.contains(first.previous()))
      first = first.previous();
  } else if (!found.accepted.empty() && found.accepted.begin()->first <= state.index) {
    if (auto done = wal_->reset(state.index, state.term); !done)
      return std::unexpected(done.error());
  }
  consensus::Restored restored{
      found.hard_state, {first.previous(), state.term, state.configuration}, {}, state.index};
  for (auto& [slot, entry] : found.accepted) {
    if (slot >= first) restored.entries.push_back(std::move(entry));
  }
  return restored;
}

bool Replica::is_master() const { return role_.role == consensus::Role::kMaster; }

void Replica::fail_with(const Error& error) {
  if (failed_) return;
  failed_ = true;
  env_.fatal(error);
}

void Replica::on_message(ReplicaId from, std::string_view bytes) {
  if (failed_) return;
  ++counters_.messages_received;
  Reader in(bytes);
  auto kind = static_cast<WireKind>(in.u8());
  switch (kind) {
    case WireKind::kConsensus: {
      // To the peers this replica is silent.
      if (stands_still()) return;
      // A malformed message is the peer's fault and is dropped; the peer will try again.
      [[maybe_unused]] auto done = log_->step(from, bytes.substr(1), env_.loop.now());
      return;
    }
    case WireKind::kForward:
      return on_forward(from, bytes.substr(1));
    case WireKind::kQuestion:
      return on_question(from, in);
    case WireKind::kAnswer:
      return on_answer(in);
    case WireKind::kShortage: {
      auto level = static_cast<DiskSpace::Level>(in.u8());
      const bool memory = in.u8() != 0;
      if (!in.ok() || level > DiskSpace::Level::kExhausted) return;
      space_.on_told(from, level, env_.loop.now());
      memory_.on_told(from, memory, env_.loop.now());
      return;
    }
  }
}

void Replica::on_peer_lost(ReplicaId peer) {
  if (!failed_ && !stands_still()) log_->on_peer_lost(peer, env_.loop.now());
}

void Replica::turn_end() {
  if (failed_ || in_turn_end_) return;
  in_turn_end_ = true;
  close_bundle();
  propose_collected();
  if (!stands_still()) {
    flush_reads();
    maybe_begin_change();
    for (consensus::Output output = log_->take_output(); !output.empty() && !failed_;
         output = log_->take_output()) {
      perform(std::move(output), *this);
      // What came of it (a new master, commands answered) may be work for the same turn.
      close_bundle();
      propose_collected();
      flush_reads();
    }
  }
  env_.transport.flush();
  maybe_end_removed();
  in_turn_end_ = false;
  if (!failed_) schedule_tick();
}

bool Replica::write(const consensus::Output& output) {
  if (auto done = wal_->append(output.hard_state, output.entries); !done) {
    fail_with(done.error());
    return false;
  }
  persisted_last_ = env_.loop.now();
  held_.push_back({*output.ticket, persisted_last_, {}});
  return true;
}

void Replica::send_when_durable(std::vector<consensus::Outgoing> messages) {
  if (held_.empty()) {
    for (consensus::Outgoing& message : messages) send(message);
    return;
  }
  std::move(messages.begin(), messages.end(), std::back_inserter(held_.back().messages));
}

void Replica::sync(Ticket ticket) {
  env_.transport.flush();
  ++counters_.syncs;
  wal_->sync_later([this, ticket, alive = std::weak_ptr(alive_)](Result<void> result) {
    if (!alive.expired()) on_persisted(ticket, result);
  });
}

void Replica::on_persisted(Ticket ticket, const Result<void>& result) {
  if (failed_) return;
  if (!result) return fail_with(result.error());
  while (!held_.empty() && held_.front().ticket <= ticket) {
    Held held = std::move(held_.front());
    held_.pop_front();
    sync_times_.add(env_.loop.now() - held.since, env_.loop.now());
    for (consensus::Outgoing& message : held.messages) send(message);
  }
  if (installing_) {
    persisted_meanwhile_ = ticket;
  } else {
    log_->on_persisted(ticket, env_.loop.now());
  }
}

void Replica::send(consensus::Outgoing& message) {
  std::string bytes;
  bytes.reserve(message.bytes.size() + 1 + (message.chunk ? message.chunk->length : 0));
  bytes.push_back(static_cast<char>(WireKind::kConsensus));
  bytes += message.bytes;
  if (message.chunk && !read_chunk(*message.chunk, bytes)) return;
  ++counters_.messages_sent;
  env_.transport.send(message.to, std::move(bytes));
}

void Replica::apply(const std::vector<consensus::Entry>& entries) {
  if (!entries.empty()) applying_since_ = env_.loop.now();
  for (const consensus::Entry& entry : entries) {
    const bool took_part = takes_part();
    const store::CellVersion version_before = store_.cell_version();
    store_.apply(entry, *this);
    if (store_.cell_version() != version_before && !may_go_on_at_cell_version()) return;
    maybe_keep_leases();
    if (entry.kind != consensus::EntryKind::kConfiguration) continue;
    maybe_notice_removal(took_part);
    maybe_end_change();
  }
  if (store_.unsaved_bytes() >= options_.engine_bytes) save_to_engine();
}

void Replica::on_configuration(const Configuration& configuration) {
  if (env_.configuration_changed) env_.configuration_changed(configuration);
}

void Replica::on_role(const consensus::RoleState& role) {
  const Mastership before = mastership();
  role_ = role;
  ++counters_.role_changes;
  if (mastership() != before) on_new_mastership();
  if (!is_master()) {
    give_changes_up();
    end_hand_overs();
  }
  resend_to_new_master();
  if (env_.role_changed) env_.role_changed(role);
}

void Replica::schedule_tick() {
  // While the log stands still its deadline may be long past.
  Instant deadline = stands_still() ? env_.loop.now() + kStandingStillTick : log_->next_deadline();
  const Instant now = env_.loop.now();
  if (tick_timer_ && tick_at_ <= deadline &&
      (tick_at_ == deadline || tick_at_ - now > kNearDeadline))
    return;
  tick_at_ = deadline;
  tick_timer_ = env_.loop.after(deadline - now, [this] {
    auto keep = std::move(tick_timer_);
    if (!failed_ && !stands_still()) log_->tick(env_.loop.now());
    if (!failed_) {
      tick_timer_.reset();
      schedule_tick();
    }
  });
}

}  // namespace polis::replica
