// Turns: what is taken in, and performing what consensus decided.

#include "replica/replica.hh"

#include "base/check.hh"
#include "replica/log_compaction.hh"
#include "replica/wire.hh"

namespace polis::replica {
namespace {

constexpr Duration kStandingStillTick = std::chrono::milliseconds(10);
// A deadline this near that moves is followed at once. One that is further away is found to have
// moved when it comes: one wake-up for many moves.
constexpr Duration kNearDeadline = std::chrono::milliseconds(20);
constexpr Duration kUpkeepInterval = std::chrono::milliseconds(20);
// Records looked at in one turn by compaction: well under a millisecond.
constexpr std::size_t kCompactRecords = 1000;

}  // namespace

// --- taken in

void Replica::change_members(const MemberChange& change,
                             std::function<void(const ChangeOutcome&)> done) {
  ask(Question::kChange, encode(change),
      [done = std::move(done)](Status status, const std::string& body) {
        done(decode_outcome(std::move(status), body));
      });
}

void Replica::on_message(ReplicaId from, std::string_view bytes) {
  if (situation_.ended) return;
  ++counters_.messages_received;
  Reader in(bytes);
  auto kind = static_cast<WireKind>(in.u8());
  switch (kind) {
    case WireKind::kConsensus: {
      // To the peers this replica is silent.
      if (situation_.stands_still()) return;
      // A malformed message is the peer's fault and is dropped; the peer will try again.
      [[maybe_unused]] auto done = log_->step(from, bytes.substr(1), env_.loop.now());
      return;
    }
    case WireKind::kForward:
      return commands_.on_forward(bytes.substr(1));
    case WireKind::kQuestion:
      return questions_.on_question(from, in);
    case WireKind::kAnswer:
      return questions_.on_answer(in);
    case WireKind::kShortage:
      return shortage_.on_told(from, in);
  }
}

void Replica::on_peer_lost(ReplicaId peer) {
  if (!situation_.ended && !situation_.stands_still()) log_->on_peer_lost(peer, env_.loop.now());
}

// Answers as master, and only after a quorum has confirmed that this still is the master.
void Replica::answer(Question question, std::string_view body, Instant asked,
                     const Answered& done) {
  if (question == Question::kChange) return changes_.add(body, done);
  Reader in(body);
  const std::uint64_t id = in.u64();
  if (!in.done()) return done(store::status::malformed(), {});
  if (question == Question::kTransfer) {
    const ReplicaId target(id);
    return target == situation_.own ? done({}, {}) : hand_overs_.begin(target, done);
  }
  leases_.answer(question, static_cast<std::int64_t>(id), asked, done);
}

void Replica::back_up(const std::string& path, BackedUp done) {
  read_barrier([this, path, done = std::move(done)](const Status& status) {
    if (!status.ok()) return done(fail(ErrorCode::kUnavailable, status.text));
    backups_.add(path, done);
    saver_.save();
    backups_.maybe_begin();
  });
}

// --- turns

void Replica::propose_and_ask() {
  commands_.close_bundle();
  commands_.propose();
  if (!situation_.stands_still()) reads_.ask();
}

void Replica::turn_end() {
  if (situation_.ended || in_turn_end_) return;
  in_turn_end_ = true;
  propose_and_ask();
  if (!situation_.stands_still()) {
    changes_.maybe_begin();
    for (consensus::Output output = log_->take_output(); !output.empty() && !situation_.ended;
         output = log_->take_output()) {
      perform(std::move(output), *this);
      // What came of it (a new master, commands answered) may be work for the same turn.
      propose_and_ask();
    }
  }
  env_.transport.flush();
  maybe_end_removed();
  in_turn_end_ = false;
  if (!situation_.ended) schedule_tick();
}

void Replica::on_configuration(const Configuration& configuration) {
  if (env_.configuration_changed) env_.configuration_changed(configuration);
}

void Replica::on_role(const consensus::RoleState& role) {
  const Mastership before = situation_.mastership();
  situation_.role = role;
  ++counters_.role_changes;
  if (situation_.mastership() != before) on_new_mastership();
  if (!situation_.is_master()) {
    changes_.give_up();
    hand_overs_.end();
  }
  commands_.resend();
  questions_.resend();
  if (env_.role_changed) env_.role_changed(role);
}

void Replica::on_new_mastership() {
  reads_.on_new_mastership();
  commands_.on_new_mastership();
  leases_.stop();
  if (!situation_.is_master()) return;
  hand_overs_.on_elected(sync_times());
  decisions_.on_elected();
  leases_.maybe_start();
}

void Replica::send(consensus::Outgoing& message) {
  std::string bytes;
  bytes.reserve(message.bytes.size() + 1 + (message.chunk ? message.chunk->length : 0));
  bytes.push_back(static_cast<char>(WireKind::kConsensus));
  bytes += message.bytes;
  if (message.chunk && !sender_.read(*message.chunk, bytes)) return;
  ++counters_.messages_sent;
  env_.transport.send(message.to, std::move(bytes));
}

void Replica::send_when_durable(std::vector<consensus::Outgoing> messages) {
  log_writer_.send_when_durable(std::move(messages));
}

void Replica::apply(const std::vector<consensus::Entry>& entries) {
  if (!entries.empty()) commands_.on_applying();
  for (const consensus::Entry& entry : entries) {
    const bool took_part = takes_part();
    const store::CellVersion version_before = store_->cell_version();
    store_->apply(entry, *this);
    if (store_->cell_version() != version_before && !may_go_on_at_cell_version()) return;
    leases_.maybe_start();
    if (entry.kind != consensus::EntryKind::kConfiguration) continue;
    maybe_notice_removal(took_part);
    changes_.on_configuration_applied(store_->applied_mark());
  }
  saver_.save_if_much();
}

void Replica::serve_reads(const std::vector<consensus::ReadReady>& ready,
                          const std::vector<ReadId>& refused) {
  reads_.on_answers(ready, refused);
}

void Replica::on_chunk(consensus::ChunkArrived chunk) { receiver_.on_chunk(std::move(chunk)); }

bool Replica::wants_replies(const store::Origin& origin) { return commands_.wants_replies(origin); }

void Replica::on_reply(const store::Origin& origin, std::size_t command, Reply reply) {
  commands_.on_reply(origin, command, std::move(reply));
}

void Replica::on_duplicate(const store::Origin& origin) { commands_.on_duplicate(origin); }

void Replica::on_lease(std::int64_t id, std::int64_t ttl, bool granted) {
  leases_.on_lease(id, ttl, granted);
}

// --- whole states, and what is forgotten

void Replica::install(ReplicaId from, const SnapshotMark& mark, store::Store& loaded) {
  if (env_.store_replaced) env_.store_replaced();
  const bool took_part = takes_part();
  store_->exchange(loaded);
  maybe_notice_removal(took_part);
  if (!may_go_on_at_cell_version()) return;
  CHECK(store_->applied() == mark.index);
  if (auto done = log_writer_.reset(mark.index, mark.term); !done) return fail_with(done.error());
  ++counters_.snapshots_installed;
  log_->on_snapshot_installed(from, mark, env_.loop.now());
  log_writer_.tell_what_was_persisted();
}

void Replica::on_commit_ended(const Result<void>& result) {
  shortage_.on_engine_refused(!result);
  if (result) {
    backups_.maybe_begin();
    compact_log();
  }
  receiver_.on_engine_idle();
}

void Replica::compact_log() {
  const auto through =
      forgettable(options_, log_->status(), store_->durable_mark().index, sender_.index());
  if (!through) return;
  log_->compact(*through);
  if (auto done = log_writer_.release_through(*through); !done) fail_with(done.error());
}

void Replica::save_state() {
  if (situation_.ended) return;
  note_saved_by(*store_, options_, wal());
  saver_.save();
}

// --- the end

void Replica::fail_with(const Error& error) {
  if (situation_.ended) return;
  situation_.ended = true;
  env_.fatal(error);
}

bool Replica::takes_part() const {
  const auto everyone = store_->applied_mark().configuration.everyone();
  return std::binary_search(everyone.begin(), everyone.end(), situation_.own);
}

void Replica::maybe_notice_removal(bool took_part) {
  if (took_part && !takes_part()) removed_ = true;
}

// A master first hands over.
void Replica::maybe_end_removed() {
  if (!removed_ || situation_.is_master() || situation_.ended) return;
  situation_.ended = true;
  if (env_.removed) env_.removed();
}

// Applies to removed replicas, too. Their version was not asked for when the cell's was raised, and
// entries that they cannot read would leave a hole in their state.
bool Replica::may_go_on_at_cell_version() {
  auto known = check_cell_version(options_, *store_);
  if (known) return true;
  maybe_end_removed();
  fail_with(known.error());
  return false;
}

// --- time

void Replica::upkeep() {
  if (situation_.ended) return;
  commands_.expire();
  reads_.expire();
  changes_.expire();
  questions_.expire();
  hand_overs_.expire();
  decisions_.maybe_name_mastership();
  leases_.maybe_end_some();
  shortage_.check_disk();
  shortage_.tell();
  log_writer_.maybe_seal(store_->applied());
  receiver_.maybe_expect_little();
  saver_.save_if_due();
  if (!situation_.installing) store_->compact_some(kCompactRecords);
  decisions_.maybe_compact_history();
  decisions_.maybe_raise_cell_version();
  hand_overs_.maybe_leave_bad_disk({.syncs = sync_times(),
                                    .sync_waits_since = log_writer_.sync_waits_since(),
                                    .is_full = disk_full() && !cell_is_full()});
  upkeep_timer_ = env_.loop.after(kUpkeepInterval, [this] {
    auto keep = std::move(upkeep_timer_);
    upkeep();
  });
}

void Replica::schedule_tick() {
  const Instant now = env_.loop.now();
  // While the log stands still its deadline may be long past.
  const Instant deadline =
      situation_.stands_still() ? now + kStandingStillTick : log_->next_deadline();
  if (tick_timer_ && tick_at_ <= deadline &&
      (tick_at_ == deadline || tick_at_ - now > kNearDeadline))
    return;
  tick_at_ = deadline;
  tick_timer_ = env_.loop.after(deadline - now, [this] {
    auto keep = std::move(tick_timer_);
    if (!situation_.ended && !situation_.stands_still()) log_->tick(env_.loop.now());
    if (!situation_.ended) {
      tick_timer_.reset();
      schedule_tick();
    }
  });
}

}  // namespace polis::replica
