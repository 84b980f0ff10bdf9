#include "sim/run.hh"

#include <fmt/format.h>

#include "base/crc32c.hh"
#include "sim/checkers.hh"
#include "sim/plan.hh"
#include "sim/wire_run.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

std::string describe(const replica::MemberChange& change) {
  using Kind = replica::MemberChange::Kind;
  const char* kind = change.kind == Kind::kAdd      ? "ADD"
                     : change.kind == Kind::kRemove ? "REMOVE"
                                                    : "PROMOTE";
  std::string text = fmt::format("kind: {}", kind);
  if (change.id != consensus::kNoReplica) text += fmt::format(" id: {}", change.id.value);
  if (!change.peer.empty()) text += fmt::format(" peer: \"{}\"", change.peer);
  if (change.promote) text += " promote: true";
  if (change.replaces != consensus::kNoReplica)
    text += fmt::format(" replaces: {}", change.replaces.value);
  return text;
}

class Run {
 public:
  explicit Run(const RunOptions& options)
      : options_(options),
        world_(options.seed),
        random_(world_.fork()),
        plan_(draw(random_, options)),
        cell_(world_, plan_.cell),
        collector_(history_),
        workload_(world_, cell_, history_, plan_.workload) {
    if (plan_.leases)
      leases_ =
          std::make_unique<LeaseWorkload>(world_, cell_, history_, *plan_.leases, ~options.seed);
  }

  RunResult go() {
    result_.seed = options_.seed;
    result_.config = plan_.cell.describe();
    try {
      start();
      faults();
      recovery();
      finish();
    } catch (const Violation& violation) {
      result_.violation = violation.what();
      note("VIOLATION " + *result_.violation);
    }
    for (auto& watcher : watchers_) watcher->detach();
    count();
    return std::move(result_);
  }

 private:
  void note(const std::string& text) {
    digest_ = crc32c(text, digest_);
    if (options_.trace) {
      result_.trace.push_back(fmt::format(
          "{:10.6f} {}", std::chrono::duration<double>(world_.now().time_since_epoch()).count() - 1,
          text));
    }
  }

  void start() {
    note("seed " + std::to_string(options_.seed) + " " + result_.config);
    for (std::size_t i = 0; i < cell_.size(); ++i)
      cell_.node(i).after_turn = [this, i] { look(i); };
    for (std::size_t i = 0; i < plan_.cell.replicas; ++i) start_node(i);
    for (int i = 0; i < 3; ++i)
      watchers_.push_back(std::make_unique<WatchClient>(cell_, history_, world_.fork()));
    attend();
    workload_.start();
    if (leases_) leases_->start();
  }

  void start_node(std::size_t place) {
    cell_.node(place).start();
    if (left_behind(place)) return retire_soon(place);
    if (damaged_ == place && !repairing_) {
      damaged_.reset();
      if (std::exchange(log_lost_, false) && !cell_.node(place).failed())
        throw Violation(fmt::format("replica {} starts without its log", place + 1));
      if (noticed_damage(place)) return begin_repair(place);
      // What was damaged is of no use any more, or nobody has looked at it.
    }
    if (cell_.node(place).failed())
      throw Violation(
          fmt::format("replica {} cannot start: {}", place + 1, cell_.node(place).failure()));
    collector_.look(place, cell_.node(place), world_.now());
  }

  void look(std::size_t place) {
    Node& node = cell_.node(place);
    if (left_behind(place)) return retire_soon(place);
    if (node.failed() && node.disk_faults().sync_failed) {
      world_.after(Duration::zero(), [this, place] { crash(place); });
      return;
    }
    if (node.failed())
      throw Violation(fmt::format("replica {} stopped: {}", place + 1, node.failure()));
    collector_.look(place, node, world_.now());
    protocol_.look(place, node);
    cell_.note_configuration(place);
    if (node.removed()) retire_soon(place);
    auto role = node.replica().status_role();
    if (roles_[place] != role) {
      roles_[place] = role;
      if (role.role == consensus::Role::kMaster) ++result_.elections;
      note(fmt::format("replica {} is {} in term {}, master {}", place + 1, to_string(role.role),
                       role.term.value, role.master.value));
    }
  }

  void attend() {
    for (auto& watcher : watchers_) watcher->attend();
    // A slow client is served again when it reads on.
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (cell_.node(i).up()) cell_.node(i).machine().post([] {});
    }
    world_.after(50ms, [this] { attend(); });
  }

  bool comes(double per_second) { return random_.chance(per_second * 0.02); }

  void faults() {
    Instant end = world_.now() + options_.faults;
    while (world_.now() < end) {
      world_.run_until(world_.now() + 20ms);
      if (plan_.masters_cut_off) cut_off_a_master();
      std::size_t place = random_.below(cell_.size());
      if (comes(plan_.crashes)) crash(place);
      if (comes(plan_.partitions)) partition(place);
      if (comes(plan_.pauses)) pause(place);
      if (comes(plan_.false_losses)) tell_lost(place);
      if (comes(plan_.hand_overs)) hand_over();
      if (comes(plan_.changes)) change(place);
      if (comes(plan_.damages)) damage(place);
      if (comes(plan_.failing_syncs) && cell_.node(place).up())
        cell_.node(place).disk_faults().fail_sync = true;
      if (plan_.changes > 0 || plan_.damages > 0) reconcile();
      repair();
      if (comes(plan_.outages)) outage();
    }
  }

  void hand_over() {
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (!cell_.node(i).up()) continue;
      cell_.node(i).machine().deliver([this, i] {
        if (cell_.node(i).up()) cell_.node(i).replica().hand_over([] {});
      });
    }
  }

  // Asks some replica to change who takes part.
  void change(std::size_t place) {
    Node& node = cell_.node(place);
    if (!node.up()) return;
    consensus::Configuration now = cell_.configuration();
    const auto everyone = now.everyone();
    if (everyone.empty()) return;
    consensus::ReplicaId member = everyone[random_.below(everyone.size())];
    replica::MemberChange change;
    std::size_t spare = 0;
    while (spare < cell_.size() && cell_.is_member(spare)) ++spare;
    if (random_.chance(0.5) && spare < cell_.size()) {
      change.kind = replica::MemberChange::Kind::kAdd;
      change.peer = SimulatedCell::address_of(spare);
      change.promote = random_.chance(0.8);
      if (random_.chance(0.4)) change.replaces = member;
    } else {
      change.kind = random_.chance(0.7) ? replica::MemberChange::Kind::kRemove
                                        : replica::MemberChange::Kind::kPromote;
      change.id = member;
    }
    ask_for(place, change);
  }

  void ask_for(std::size_t place, const replica::MemberChange& change) {
    if (!cell_.node(place).up()) return;
    note(fmt::format("ask {} for: {}", place + 1, describe(change)));
    cell_.node(place).machine().deliver([this, place, change] {
      if (!cell_.node(place).up()) return;
      cell_.node(place).replica().change_members(change,
                                                 [this](const replica::ChangeOutcome& outcome) {
                                                   if (outcome.status.ok()) ++result_.changes;
                                                 });
    });
  }

  // Does what an operator does: starts who was added, and takes away who was removed.
  void reconcile() {
    consensus::Configuration now = cell_.configuration();
    for (const consensus::Member& member : now.members) {
      std::size_t place = SimulatedCell::place_of(member.peer);
      Node& node = cell_.node(place);
      if (node.id() == member.id || cell_.is_member(place)) continue;
      if (repairing_ && repairing_->was == member.id) continue;  // under a new identity alone
      note(fmt::format("machine {} joins as {}", place + 1, member.id.value));
      if (node.up()) count_snapshots(place);
      node.become(member.id);
      start_node(place);
    }
  }

  // A replica may stop for one reason alone: it was removed, and nobody asked it any more whether
  // it knows the version that the cell is at.
  bool left_behind(std::size_t place) {
    const Node& node = cell_.node(place);
    return node.failed() && plan_.cell.upgrades && !cell_.is_member(place) &&
           node.failure().starts_with("the cell is at version");
  }

  // Not at once: this may be the middle of its turn.
  void retire_soon(std::size_t place) {
    world_.after(Duration::zero(), [this, place] {
      if (cell_.node(place).removed() || left_behind(place)) retire(place);
    });
  }

  // A machine whose replica has noticed that it takes no part any more, or is taken away.
  void retire(std::size_t place) {
    if (!cell_.node(place).up() && !cell_.node(place).failed()) return;
    note(fmt::format("machine {} was removed", place + 1));
    if (cell_.node(place).up()) count_snapshots(place);
    cell_.node(place).become(consensus::kNoReplica);
  }

  void cut_off_a_master() {
    if (world_.now() < next_cut_) return;
    cell_.network().heal();
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (!cell_.node(i).up() ||
          cell_.node(i).replica().status_role().role != consensus::Role::kMaster)
        continue;
      note(fmt::format("cut the master {} off", i + 1));
      for (std::size_t j = 0; j < cell_.size(); ++j) {
        cell_.network().cut(i, j);
        cell_.network().cut(j, i);
      }
      next_cut_ = world_.now() + 1s;
      return world_.after(900ms, [this] { cell_.network().heal(); });
    }
  }

  // One disk at a time, while all others are well: more would take the quorum's memory.
  void damage(std::size_t place) {
    if (damaged_ || repairing_ || !cell_.node(place).up() || cell_.node(place).failed()) return;
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (cell_.is_member(i) && !cell_.node(i).up()) return;
    }
    if (cell_.configuration().voters.size() < 3) return;
    damaged_ = place;
    if (losses_.chance(0.3)) lost_ = static_cast<Node::Loss>(losses_.below(3));
    if (lost_ && losses_.chance(0.5)) return outage();
    crash(place);
  }

  bool noticed_damage(std::size_t place) {
    const Node& node = cell_.node(place);
    return node.failed() && (node.failure().find("damaged") != std::string::npos ||
                             node.failure().find("must not guess") != std::string::npos);
  }

  // polis cell repair: it comes back with an empty disk, under a new identity.
  void begin_repair(std::size_t place) {
    Node& node = cell_.node(place);
    note(fmt::format("machine {} is repaired: {}", place + 1, node.failure()));
    ++result_.damages;
    repairing_ = {place, node.id(), {}};
    node.become(consensus::kNoReplica);
  }

  // Asks until the cell has done it, or has removed that member.
  void repair() {
    if (!repairing_ || world_.now() < repairing_->next) return;
    repairing_->next = world_.now() + 1s;
    consensus::Configuration now = cell_.configuration();
    const auto everyone = now.everyone();
    if (std::find(everyone.begin(), everyone.end(), repairing_->was) == everyone.end()) {
      repairing_.reset();
      return;
    }
    const std::string peer = SimulatedCell::address_of(repairing_->place);
    for (const consensus::Member& member : now.members) {
      if (member.peer == peer && member.id != repairing_->was) return;
    }
    const replica::MemberChange change{.kind = replica::MemberChange::Kind::kAdd,
                                       .peer = peer,
                                       .promote = true,
                                       .replaces = repairing_->was};
    ask_for(random_.below(cell_.size()), change);
  }

  void crash(std::size_t place) {
    if (!cell_.node(place).up()) return;
    note(fmt::format("crash {}", place + 1));
    ++result_.crashes;
    count_snapshots(place);
    if (damaged_ == place && !repairing_) {
      log_lost_ = lost_.has_value();
      std::string what = lost_ ? cell_.node(place).crash_and_lose_log(*std::exchange(lost_, {}))
                               : cell_.node(place).crash_and_rot();
      if (what.empty()) damaged_.reset();
      note("damaged: " + what);
    } else {
      cell_.node(place).crash();
    }
    cell_.node(place).disk_faults().sync_failed = cell_.node(place).disk_faults().fail_sync = false;
    tell_lost(place);
    Duration away = random_.chance(0.7)
                        ? Duration(static_cast<std::int64_t>(random_.below(2'000'000'000)))
                        : Duration(static_cast<std::int64_t>(random_.below(10'000'000'000)));
    world_.after(away, [this, place] {
      if (cell_.node(place).up() || cell_.node(place).id() == consensus::kNoReplica) return;
      note(fmt::format("restart {}", place + 1));
      start_node(place);
    });
  }

  // What a transport that sees its connections end would tell some of the others.
  void tell_lost(std::size_t place) {
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (i == place || random_.chance(0.5)) continue;
      world_.after(Duration(1ms), [this, i, place] {
        if (cell_.node(i).up()) cell_.node(i).lose_peer(place);
      });
    }
  }

  void outage() {
    note("everything crashes");
    for (std::size_t i = 0; i < cell_.size(); ++i) crash(i);
  }

  void partition(std::size_t place) {
    Network& network = cell_.network();
    switch (random_.below(4)) {
      case 0:
        note("heal");
        return network.heal();
      case 1:
        note(fmt::format("isolate {}", place + 1));
        for (std::size_t i = 0; i < cell_.size(); ++i) {
          network.cut(place, i);
          network.cut(i, place);
        }
        return;
      case 2: {
        note(fmt::format("one way: nothing from {}", place + 1));
        for (std::size_t i = 0; i < cell_.size(); ++i) network.cut(place, i);
        return;
      }
      default: {
        std::size_t other = random_.below(cell_.size());
        note(fmt::format("cut {} and {}", place + 1, other + 1));
        network.cut(place, other);
        network.cut(other, place);
      }
    }
  }

  void pause(std::size_t place) {
    Duration length(static_cast<std::int64_t>(random_.below(3'000'000'000)));
    note(fmt::format("pause {} for {} ms", place + 1,
                     std::chrono::duration_cast<std::chrono::milliseconds>(length).count()));
    cell_.node(place).machine().pause(length, random_.chance(0.5));
    ++result_.pauses;
  }

  // The faults stop: everyone must come back and serve within a stated time.
  void recovery() {
    note("faults stop");
    cell_.network().heal();
    cell_.network().set_faults({});
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      DiskFaults& faults = cell_.node(i).disk_faults();
      faults = {.sync_failed = faults.sync_failed};
    }
    workload_.stop();
    if (leases_) leases_->stop();
    Instant deadline = world_.now() + kProgressWithin;
    world_.run_until(world_.now() + 10s);  // machines that are away come back; requests end
    reconcile();
    retire_strangers();
    std::vector<bool> served(cell_.size(), false);
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (cell_.is_member(i)) probe(i, served);
    }
    while (world_.now() < deadline && !settled(served)) {
      world_.run_until(world_.now() + 50ms);
      repair();
      retire_strangers();  // a change that had begun may be made only now
    }
    if (!settled(served))
      throw Violation("no progress after the faults stopped: " + describe_nodes());
    world_.run_until(world_.now() + 2s);
  }

  // Who was removed may not have noticed.
  void retire_strangers() {
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (!cell_.is_member(i)) retire(i);
    }
  }

  void probe(std::size_t place, std::vector<bool>& served) {
    if (!cell_.node(place).up()) {
      world_.after(100ms, [this, place, &served] { probe(place, served); });
      return;
    }
    workload_.probe(place, [this, place, &served](bool ok) {
      if (ok) {
        served[place] = true;
      } else {
        probe(place, served);
      }
    });
  }

  bool settled(const std::vector<bool>& served) {
    std::set<std::uint64_t> revisions;
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (!cell_.is_member(i)) continue;
      if (!served[i] || !cell_.node(i).up()) return false;
      revisions.insert(cell_.node(i).replica().store().revision());
      // Leases that nobody renews end.
      if (!cell_.node(i).replica().store().leases().all().empty()) return false;
    }
    return revisions.size() == 1;
  }

  std::string describe_nodes() {
    std::string text;
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      Node& node = cell_.node(i);
      if (!node.up()) {
        text += fmt::format("[{}: down] ", i + 1);
        continue;
      }
      auto status = node.replica().status();
      text += fmt::format("[{}: {} term {} log {}..{} commit {} applied {} revision {} leases {}] ",
                          i + 1, to_string(status.role.role), status.role.term.value,
                          status.first.value, status.last.value, status.commit.value,
                          node.replica().store().applied().value, node.replica().store().revision(),
                          node.replica().store().leases().all().size());
    }
    return text;
  }

  void finish() {
    std::optional<std::uint32_t> hash;
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (!cell_.is_member(i)) continue;
      result_.revision = cell_.node(i).replica().store().revision();
      auto own = cell_.node(i).replica().store().hash_at(result_.revision);
      if (!own || (hash && *hash != *own))
        throw Violation(fmt::format("replica {} differs from the others in what it holds", i + 1));
      hash = *own;
    }
    for (auto& watcher : watchers_) watcher->check_complete(result_.revision);
    // Every revision was seen by some replica before compaction could take it, or the history
    // proves nothing.
    if (history_.changes.size() + 1 != result_.revision) throw Violation("the history has holes");
    check_linearizable(history_);
    check_leases(history_, plan_.cell.clock_drift_max);
    note(fmt::format("end at revision {} hash {:08x}", result_.revision, *hash));
  }

  void count_snapshots(std::size_t place) {
    result_.snapshots += cell_.node(place).replica().counters().snapshots_installed;
  }

  void count() {
    for (const Operation& op : history_.operations) {
      ++result_.operations;
      result_.acknowledged += op.outcome == Outcome::kOk;
      result_.unknown += op.outcome == Outcome::kUnknown || op.outcome == Outcome::kUnderWay;
      digest_ = crc32c(fmt::format("{} {} {}", op.key, op.revision, static_cast<int>(op.outcome)),
                       digest_);
    }
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (cell_.node(i).up()) count_snapshots(i);
    }
    result_.leases = history_.leases.size();
    result_.events = world_.events();
    result_.simulated = world_.now().time_since_epoch();
    result_.digest = digest_;
  }

  RunOptions options_;
  World world_;
  Random random_;
  Plan plan_;
  SimulatedCell cell_;
  History history_;
  ChangeCollector collector_;
  ProtocolChecker protocol_;
  Workload workload_;
  std::unique_ptr<LeaseWorkload> leases_;
  std::vector<std::unique_ptr<WatchClient>> watchers_;
  std::map<std::size_t, consensus::RoleState> roles_;
  Instant next_cut_{};
  Random losses_{options_.seed ^ 0x6c6f73736573ULL};
  std::optional<Node::Loss> lost_;  // at its next crash
  bool log_lost_ = false;
  std::optional<std::size_t> damaged_;  // the machine whose disk is, until it has started again
  struct Repair {
    std::size_t place;
    consensus::ReplicaId was;
    Instant next{};  // time to ask
  };
  std::optional<Repair> repairing_;
  RunResult result_;
  std::uint32_t digest_ = 0;
};

}  // namespace

RunResult run(const RunOptions& options) {
  return options.profile == Profile::kWire ? run_on_the_wire(options) : Run(options).go();
}

}  // namespace polis::sim
