#include "replica/decisions.hh"

#include "api/etcd/rpc.pb.h"

namespace polis::replica {

Decisions::Decisions(const Options& options, Needs needs)
    : options_(options), needs_(std::move(needs)), auto_compaction_(options.auto_compaction) {}

bool Decisions::log_is_this_masters() const {
  return needs_.situation.is_master() &&
         (needs_.store.cell_version() < store::kCellVersionMasterships ||
          needs_.store.mastership() == needs_.situation.mastership());
}

bool Decisions::may_decide() const {
  return log_is_this_masters() && !needs_.situation.stands_still() && !needs_.disk_exhausted();
}

void Decisions::decide(std::vector<OwnCommand> decisions) {
  if (needs_.store.cell_version() >= store::kCellVersionMasterships) {
    for (OwnCommand& each : decisions) {
      each.bytes = store::encode(
          store::Decision{.by = needs_.situation.mastership(), .command = {each.kind, each.bytes}});
      each.kind = CommandKind::kDecision;
    }
  }
  needs_.submit(std::move(decisions));
}

void Decisions::on_elected() {
  auto_compaction_.reset();
  maybe_name_mastership();
}

void Decisions::maybe_name_mastership() {
  const Situation& situation = needs_.situation;
  if (!situation.is_master() || log_is_this_masters() || situation.stands_still() || naming_)
    return;
  std::string bytes;
  Writer out(bytes);
  encode(out, situation.mastership());
  naming_ = true;
  // What comes of it is seen in the store.
  needs_.submit(
      {{CommandKind::kMastership, std::move(bytes), [this](const auto&) { naming_ = false; }}});
}

void Decisions::maybe_compact_history() {
  if (!options_.auto_compaction.on() || !may_decide() || compacting_) return;
  const store::Store& store = needs_.store;
  auto revision = auto_compaction_.due(needs_.loop.now(), store.revision(), store.compacted());
  if (!revision) return;
  etcdserverpb::CompactionRequest request;
  request.set_revision(static_cast<std::int64_t>(*revision));
  compacting_ = true;
  // Whatever comes of it, the next look shows what is left to do.
  decide({{CommandKind::kCompact, request.SerializeAsString(),
           [this](const auto&) { compacting_ = false; }}});
}

void Decisions::maybe_raise_cell_version() {
  store::CellVersion version = options_.cell_version_newest;
  const store::CellVersion now = needs_.store.cell_version();
  if (!may_decide() || raising_version_ || version <= now) return;
  for (ReplicaId id : needs_.store.applied_mark().configuration.everyone()) {
    if (id != needs_.situation.own)
      version = std::min(version, needs_.transport.cell_version_of(id));
  }
  if (version <= now) return;
  std::string bytes;
  Writer(bytes).varint(version);
  raising_version_ = true;
  decide({{CommandKind::kCellVersion, std::move(bytes),
           [this](const auto&) { raising_version_ = false; }}});
}

}  // namespace polis::replica
