#include "replica/recovery.hh"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/paxos/paxos_log.hh"
#include "consensus/quorum.hh"
#include "consensus/raft/raft_log.hh"

namespace polis::replica {
namespace {

// Where the log has to go on at least: what was durable before there was acknowledged, or promised.
std::uint64_t log_reached(const Options& options, const store::Store& store) {
  const auto& said = store.saved_by();
  if (said && said->cell == options.identity.cell && said->replica == options.identity.replica)
    return said->log_durable;
  // What a release of before left says nothing, but that there was a log.
  return options.begun || store.applied() > LogIndex() ? 1 : 0;
}

// A log of a version that knew its members by id alone learns what the settings say of them.
void name_known_members(const Options& options, store::Store& store) {
  Configuration configuration = store.applied_mark().configuration;
  if (!configuration.members.empty()) return;
  const auto everyone = configuration.everyone();
  for (const consensus::Member& member : options.initial.members) {
    if (std::binary_search(everyone.begin(), everyone.end(), member.id)) configuration.put(member);
  }
  store.set_configuration(std::move(configuration));
}

Result<void> check_that_they_meet(const Options& options, const store::Store& store,
                                  const storage::Recovered& found) {
  if (store.applied() >= found.base_index) return {};
  const bool empty = store.applied() == LogIndex();
  return fail(
      ErrorCode::kCorrupt,
      fmt::format(
          "the state in {} {} but the log begins behind entry {}: {}", options.directory,
          empty ? "is empty" : fmt::format("ends at entry {}", store.applied().value),
          found.base_index.value,
          empty ? "the state is lost (state.mdb)." : "one of the two is from another time."));
}

// A log without gaps: raft.
Result<consensus::Restored> restore_log(const SnapshotMark& state, storage::Recovered& found,
                                        storage::Wal& wal) {
  LogIndex last = found.base_index + found.entries.size();
  auto term_at = [&](LogIndex i) {
    return i == found.base_index ? found.base_term : found.entries[i - found.base_index - 1].term;
  };
  consensus::Restored restored{
      found.hard_state, {found.base_index, found.base_term, state.configuration}, {}, state.index};
  if (state.index > last || term_at(state.index) != state.term) {
    // A crash between installing a snapshot and saying so in the log: the state is what counts.
    restored.mark = state;
    if (auto done = wal.reset(state.index, state.term); !done) return std::unexpected(done.error());
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
Result<consensus::Restored> restore_slots(const SnapshotMark& state, storage::Recovered& found,
                                          storage::Wal& wal) {
  LogIndex first = state.index.next();
  if (state.index <= found.hard_state.commit) {
    while (first > LogIndex(1) && found.accepted.contains(first.previous()))
      first = first.previous();
  } else if (!found.accepted.empty() && found.accepted.begin()->first <= state.index) {
    if (auto done = wal.reset(state.index, state.term); !done) return std::unexpected(done.error());
  }
  consensus::Restored restored{
      found.hard_state, {first.previous(), state.term, state.configuration}, {}, state.index};
  for (auto& [slot, entry] : found.accepted) {
    if (slot >= first) restored.entries.push_back(std::move(entry));
  }
  return restored;
}

Result<std::unique_ptr<consensus::ReplicatedLog>> make_log(const Options& options,
                                                           const store::Store& store,
                                                           storage::Recovered& found,
                                                           storage::Wal& wal, Instant now) {
  const bool paxos = options.protocol == Protocol::kPaxos;
  const SnapshotMark& state = store.applied_mark();
  auto restored = paxos ? restore_slots(state, found, wal) : restore_log(state, found, wal);
  if (!restored) return std::unexpected(restored.error());
  if (auto valid = options.consensus.validate(); !valid) return std::unexpected(valid.error());
  if (auto safe = consensus::check_quorums(state.configuration); !safe)
    return std::unexpected(safe.error());
  if (paxos) return std::make_unique<paxos::PaxosLog>(options.consensus, std::move(*restored), now);
  return std::make_unique<raft::RaftLog>(options.consensus, std::move(*restored), now);
}

}  // namespace

Result<Recovered> recover(Options& options, io::Disk& disk, storage::Engine& engine, Instant now) {
  Recovered recovered;
  recovered.store = std::make_unique<store::Store>(engine);
  store::Store& store = *recovered.store;
  if (auto done = store.open(); !done) return std::unexpected(done.error());
  if (auto known = check_cell_version(options, store); !known)
    return std::unexpected(known.error());
  if (store.applied() == LogIndex()) store.set_configuration(options.initial);
  name_known_members(options, store);
  storage::Recovered found;
  auto wal = storage::Wal::open(disk,
                                {.directory = options.directory + "/wal",
                                 .identity = options.identity,
                                 .gaps = options.protocol == Protocol::kPaxos,
                                 .segment_bytes = options.wal_segment_bytes,
                                 .reached = log_reached(options, store)},
                                found);
  if (!wal) return std::unexpected(wal.error());
  recovered.wal = std::move(*wal);
  note_saved_by(store, options, *recovered.wal);
  if (auto done = disk.make_directory(options.directory + "/snapshots"); !done)
    return std::unexpected(done.error());
  if (auto meet = check_that_they_meet(options, store, found); !meet)
    return std::unexpected(meet.error());
  options.consensus.id = options.identity.replica;
  options.consensus.seed = options.seed;
  auto log = make_log(options, store, found, *recovered.wal, now);
  if (!log) return std::unexpected(log.error());
  recovered.log = std::move(*log);
  return recovered;
}

Result<void> check_cell_version(const Options& options, const store::Store& store) {
  if (store.cell_version() <= options.cell_version_newest) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("the cell is at version {}, this release of Polis knows {}: start a "
                          "newer release here",
                          store.cell_version(), options.cell_version_newest));
}

void note_saved_by(store::Store& store, const Options& options, const storage::Wal& wal) {
  store.set_saved_by({.cell = options.identity.cell,
                      .replica = options.identity.replica,
                      .protocol = options.protocol,
                      .log_durable = wal.durable()});
}

}  // namespace polis::replica
