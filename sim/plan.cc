#include "sim/plan.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

void lean_to(Profile profile, Random& random, Plan& plan) {
  switch (profile) {
    case Profile::kMixed:
    case Profile::kWire:  // has a plan of its own
      return;
    case Profile::kLan:
      plan.cell.network = {.delay_max = 300us};
      plan.partitions = 0;
      plan.crashes = 1;
      return;
    case Profile::kWan:
      plan.cell.network.delay_min = 20ms;
      plan.cell.network.delay_max = 80ms;
      plan.cell.network.loss = random.chance(0.5) ? 0.001 : 0.02;
      plan.cell.network.late = 0.01;
      plan.cell.heartbeat_interval = 200ms;
      plan.cell.election_timeout_min = 1s;
      plan.cell.election_timeout_max = 2s;
      plan.partitions = random.chance(0.5) ? 0.1 : 0.5;
      return;
    case Profile::kDisks:
      plan.cell.disk.stall = 0.02;
      plan.cell.disk.sync_max = 20ms;
      plan.cell.engine_commit_max = 400ms;
      plan.crashes = 2;
      plan.outages = 0.3;
      return;
    case Profile::kClocks:
      plan.cell.reads = consensus::Reads::kLease;
      plan.cell.clock_drift_max = 0.2;
      plan.cell.lease_margin = {};
      plan.pauses = 1;
      plan.partitions = 1;
      plan.hand_overs = 0.5;
      plan.workload.think_max = 5ms;
      plan.workload.keys = 1;
      return;
    case Profile::kMembers:
      plan.cell.spares = 3;
      plan.changes = 2;
      plan.crashes = 0.5;
      return;
  }
}

}  // namespace

// From a seed of its own: what is drawn without it stays as it is.
consensus::QuorumRule draw_quorum(const RunOptions& options, std::size_t replicas) {
  Random random(options.seed ^ 0x71756f72756dULL);
  if (replicas < 3 || !random.chance(0.3)) return {};
  if (options.protocol == consensus::Protocol::kRaft || random.chance(0.3))
    return {.kind = consensus::QuorumKind::kPlaces};
  const std::uint64_t commit = 1 + random.below(replicas);
  return {consensus::QuorumKind::kFlexible, replicas + 1 - commit, commit};
}

// From a seed of its own, too: what masters decide by their clocks. Masters that stand still for
// seconds belong to it, whatever the profile.
void draw_leases(const RunOptions& options, Plan& plan) {
  Random random(options.seed ^ 0x6c6561736573ULL);
  if (!random.chance(0.5)) return;
  plan.leases = {.clients = 2 + random.below(4), .locks = 1 + random.below(2)};
  if (plan.pauses == 0 && random.chance(0.7)) plan.pauses = 0.3;
  if (random.chance(0.3)) plan.cell.auto_compaction.keep_revisions = 10 + random.below(50);
}

Plan draw(Random& random, const RunOptions& options) {
  Plan plan;
  static constexpr std::size_t sizes[] = {1, 3, 3, 3, 5};
  plan.cell.protocol = options.protocol;
  plan.cell.replicas = options.replicas != 0 ? options.replicas : sizes[random.below(5)];
  plan.cell.network.delay_max = random.chance(0.5) ? Duration(1ms) : Duration(20ms);
  if (random.chance(0.5)) plan.cell.network.loss = random.chance(0.5) ? 0.01 : 0.1;
  if (random.chance(0.5)) plan.cell.network.repeat = 0.05;
  if (random.chance(0.5)) plan.cell.network.late = 0.02;
  if (random.chance(0.3)) plan.cell.disk.stall = 0.005;
  plan.cell.disk.sync_max = random.chance(0.5) ? Duration(500us) : Duration(8ms);
  plan.cell.engine_commit_max = random.chance(0.5) ? Duration(5ms) : Duration(400ms);
  plan.cell.engine_interval = random.chance(0.5) ? Duration(20ms) : Duration(300ms);
  plan.cell.log_retain_bytes = random.chance(0.5) ? 2 << 10 : 1 << 20;
  plan.cell.wal_segment_bytes = random.chance(0.5) ? 16 << 10 : 256 << 10;
  plan.cell.snapshot_chunk_bytes = random.chance(0.5) ? 512 : 16 << 10;
  plan.cell.append_bytes_max = random.chance(0.3) ? 256 : 64 << 10;
  if (random.chance(0.3)) plan.cell.reads = consensus::Reads::kQuorum;
  static constexpr double drifts[] = {0.00025, 0.02, 0.2};
  plan.cell.clock_drift_max = drifts[random.below(3)];
  if (random.chance(0.5)) plan.cell.lease_margin = {};
  if (options.clocks_break_bound) {
    plan.cell.reads = consensus::Reads::kLease;
    plan.cell.clock_drift_max = 0.4;
    plan.cell.clock_drift_told = 0.0005;
  }
  plan.workload.clients = 2 + random.below(5);
  plan.workload.keys = 1 + random.below(6);
  plan.workload.compactions = random.chance(0.5);
  plan.workload.think_max = random.chance(0.7) ? Duration(40ms) : Duration(5ms);
  if (random.chance(0.6)) plan.crashes = random.chance(0.5) ? 0.3 : 2;
  if (random.chance(0.6)) plan.partitions = random.chance(0.5) ? 0.3 : 2;
  if (random.chance(0.4)) plan.pauses = 0.5;
  if (random.chance(0.4)) plan.outages = random.chance(0.5) ? 0.1 : 0.7;
  if (random.chance(0.3)) plan.false_losses = 0.5;
  if (random.chance(0.3)) plan.hand_overs = random.chance(0.5) ? 0.2 : 1;
  if (random.chance(0.4)) {
    plan.changes = random.chance(0.5) ? 0.3 : 1;
    plan.cell.spares = 1 + random.below(3);
  }
  lean_to(options.profile, random, plan);
  plan.cell.upgrades = random.chance(0.3);
  // A majority has to be left to heal from; a joint change that has begun may need the very voter
  // that is lost for good.
  if (plan.cell.replicas >= 3 && plan.changes == 0 && random.chance(0.4))
    plan.damages = random.chance(0.5) ? 0.1 : 0.5;
  if (random.chance(0.3)) plan.failing_syncs = 0.2;
  // Damage is healed by a change of members, which some of these rules do not allow.
  if (plan.damages == 0) plan.cell.quorum = draw_quorum(options, plan.cell.replicas);
  draw_leases(options, plan);
  if (options.clocks_break_bound) {  // masters that are cut off, and readers who come often
    plan = {.cell = plan.cell, .workload = plan.workload, .masters_cut_off = true};
    plan.cell.spares = 0;
    plan.workload.keys = 1;
    plan.workload.think_max = Duration(5ms);
  }
  return plan;
}

const char* to_string(Profile profile) {
  switch (profile) {
    case Profile::kMixed:
      return "mixed";
    case Profile::kLan:
      return "lan";
    case Profile::kWan:
      return "wan";
    case Profile::kDisks:
      return "disks";
    case Profile::kClocks:
      return "clocks";
    case Profile::kMembers:
      return "members";
    case Profile::kWire:
      return "wire";
  }
  return "?";
}

}  // namespace polis::sim
