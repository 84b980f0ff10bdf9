#include "sim/cell.hh"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/quorum.hh"

namespace polis::sim {

std::string CellConfig::describe() const {
  auto us = [](Duration d) {
    return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  };
  return fmt::format(
      "protocol={} quorum={} replicas={} spares={} delay={}..{}us loss={} repeat={} late={} "
      "sync={}..{}us "
      "stall={} "
      "retain={} "
      "segment={} chunk={} drift={} told={} margin={}us reads={}{}",
      to_string(protocol), consensus::to_string(quorum), replicas, spares, us(network.delay_min),
      us(network.delay_max), network.loss, network.repeat, network.late, us(disk.sync_min),
      us(disk.sync_max), disk.stall, log_retain_bytes, wal_segment_bytes, snapshot_chunk_bytes,
      clock_drift_max, drift_told(), us(lease_margin),
      reads == consensus::Reads::kLease ? "lease" : "quorum", upgrades ? " upgrades" : "");
}

// The largest ratio of two rates, less one.
double CellConfig::drift_told() const {
  return clock_drift_told.value_or((1 + clock_drift_max) / (1 - clock_drift_max) - 1);
}

namespace {

// Clocks at the ends of what is allowed are the ones that show a wrong bound.
double draw_drift(Random& random, double max) {
  static constexpr double ends[] = {-1, 1, 0};
  if (random.chance(0.7)) return ends[random.below(3)] * max;
  return (static_cast<double>(random.below(2001)) / 1000.0 - 1.0) * max;
}

std::string flipped(Random& random, std::string bytes) {
  const std::size_t at = random.below(bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
  return bytes;
}

}  // namespace

Node::Node(World& world, SimulatedCell& cell, const CellConfig& config, std::size_t place)
    : world_(world),
      cell_(cell),
      network_(cell.network()),
      config_(config),
      place_(place),
      random_(world.fork()),
      machine_(world, draw_drift(random_, config.clock_drift_max)),
      disk_faults_(std::make_shared<DiskFaults>(config.disk)) {
  if (place < config.replicas) id_ = SimulatedCell::founder(place);
  if (config.upgrades && place < config.replicas) knows_ = store::kCellVersionFirst;
}

Node::~Node() { end_process(); }

void Node::end_process() {
  if (process_) process_->end();
  hub_.reset();
  replica_.reset();
  process_.reset();
}

void Node::become(consensus::ReplicaId id) {
  crash();
  id_ = id;
  removed_ = begun_ = false;
  disk_faults_->fail_sync = disk_faults_->sync_failed = false;
  failure_.reset();
  knows_ = store::kCellVersionNewest;
  contents_ = std::make_shared<DiskContents>();
  engine_state_ = std::make_shared<storage::MemoryEngineState>();
}

void Node::start() {
  disk_ =
      std::make_unique<SimulatedDisk>(machine_, contents_, disk_faults_, Random(random_.next()));
  engine_ = std::make_unique<storage::MemoryEngine>(
      engine_state_, machine_, *disk_, Random(random_.next()), config_.engine_commit_max);
  replica::Options options;
  options.identity = {1, id_};
  options.protocol = config_.protocol;
  for (std::size_t i = 0; id_ == SimulatedCell::founder(place_) && i < config_.replicas; ++i) {
    options.initial.voters.push_back(SimulatedCell::founder(i));
    options.initial.put({.id = SimulatedCell::founder(i),
                         .peer = SimulatedCell::address_of(i),
                         .place = config_.quorum.kind == consensus::QuorumKind::kPlaces
                                      ? std::string(1, static_cast<char>('p' + i % 3))
                                      : ""});
  }
  if (config_.upgrades && incarnation_ > 0 && random_.chance(0.5))
    knows_ = store::kCellVersionNewest;
  options.cell_version_newest = knows_;
  options.initial.quorum =
      options.initial.voters.empty() ? consensus::QuorumRule() : config_.quorum;
  options.incarnation = ++incarnation_;
  options.begun = begun_;
  options.directory = "/polis";
  options.seed = random_.next();
  options.wal_segment_bytes = config_.wal_segment_bytes;
  options.log_retain_bytes = config_.log_retain_bytes;
  options.engine_interval = config_.engine_interval;
  options.auto_compaction = config_.auto_compaction;
  options.consensus.snapshot_chunk_bytes = config_.snapshot_chunk_bytes;
  options.consensus.heartbeat_interval = config_.heartbeat_interval;
  options.consensus.election_timeout_min = config_.election_timeout_min;
  options.consensus.election_timeout_max = config_.election_timeout_max;
  options.consensus.lease.length = config_.election_timeout_min;
  options.consensus.lease.reads = config_.reads;
  options.consensus.lease.margin = config_.lease_margin;
  options.consensus.lease.drift_max = config_.drift_told();
  options.consensus.append_bytes_max = config_.append_bytes_max;
  if (config_.process) process_ = config_.process(place_, *this);
  replica::Transport& transport = process_ ? process_->transport() : *this;
  auto opened =
      replica::Replica::open(options, {machine_,
                                       *disk_,
                                       *engine_,
                                       transport,
                                       [this](const Error& error) { failure_ = error.text; },
                                       {},
                                       [this](const consensus::Configuration& now) {
                                         if (replica_ && process_) process_->on_configuration(now);
                                       },
                                       [this] { removed_ = true; },
                                       [this] {
                                         if (after_turn) after_turn();
                                         hub_->on_store_replaced();
                                         if (process_) process_->on_store_replaced();
                                       }});
  if (!opened) {
    failure_ = opened.error().text;
    return;
  }
  replica_ = std::move(*opened);
  begun_ = true;
  hub_ = std::make_unique<store::WatchHub>(replica_->store());
  if (process_) process_->begin(*replica_, *engine_);
  machine_.at_turn_end([this] {
    if (!replica_) return;
    if (!failure_) replica_->turn_end();
    if (!failure_ && hub_->turn_end()) machine_.post([] {});
    if (!failure_ && process_) process_->turn_end();
    if (after_turn) after_turn();
  });
}

void Node::crash() {
  if (!up()) return;
  if (after_turn) after_turn();
  machine_.crash();
  end_process();
  engine_.reset();
  disk_.reset();
  failure_.reset();
  contents_->crash(random_);
}

std::string Node::crash_and_rot() {
  const storage::Wal& wal = replica_->wal();
  // What comes behind may look torn by the crash, as it would be on any disk.
  const std::uint64_t proven = wal.proven() - wal.proven() % kSectorBytes;
  std::optional<storage::Wal::Place> place;
  if (proven > 0 && random_.chance(0.5))
    place = wal.place_of(proven - 1 - random_.below(std::min<std::uint64_t>(proven, 64 << 10)));
  crash();
  if (place) return contents_->rot(random_, place->path, place->offset);
  auto& named = engine_state_->named;
  if (!named.contains(std::string(store::kCellVersionName))) return "";  // there are no checksums
  if (random_.chance(0.2)) {
    auto value = std::next(named.begin(), static_cast<long>(random_.below(named.size())));
    value->second = flipped(random_, value->second);
    return "a flipped bit in the state's value " + value->first.substr(0, 6);
  }
  auto& records = engine_state_->records;
  if (records.empty()) return "";
  auto record = std::next(records.begin(), static_cast<long>(random_.below(records.size())));
  auto decoded = store::decode_record(*record->second);
  if (!decoded || !decoded->checksummed) return "";
  record->second = share(flipped(random_, *record->second));
  return fmt::format("a flipped bit in the state's record {}", record->first.revision);
}

std::string Node::crash_and_lose_log(Loss loss) {
  constexpr std::uint64_t kFill = 8;
  const std::string directory = "/polis/wal";
  std::optional<storage::Wal::Place> place;
  if (auto meta = engine_state_->named.find(std::string(store::kMetaName));
      loss == Loss::kCut && meta != engine_state_->named.end()) {
    // What was written in the last moments may be missing without a trace, on any disk.
    const std::uint64_t end =
        store::saved_by_of_meta(meta->second).value_or(store::SavedBy()).log_durable;
    // The last bytes before it may be what fills its record up.
    if (end > kFill)
      place = replica_->wal().place_of(
          end - kFill - random_.below(std::min<std::uint64_t>(end - kFill, 8 << 10)));
  }
  crash();
  if (place) {
    contents_->cut(place->path, place->offset);
    return fmt::format("{} ends at {}", place->path, place->offset);
  }
  if (loss == Loss::kEmptied) {
    contents_->empty(directory);
    return "the log was emptied";
  }
  contents_->lose(directory);
  return "the log is gone";
}

void Node::lose_peer(std::size_t place) {
  machine_.deliver([this, place] {
    if (replica_) replica_->on_peer_lost(cell_.node(place).id());
  });
}

void Node::send(consensus::ReplicaId to, std::string message) {
  std::size_t place = cell_.place_of(to);
  if (place < cell_.size()) network_.send(place_, place, message);
}

std::uint32_t Node::cell_version_of(consensus::ReplicaId peer) const {
  std::size_t place = cell_.place_of(peer);
  return place < cell_.size() && cell_.node(place).up() ? cell_.node(place).knows_ : 0;
}

SimulatedCell::SimulatedCell(World& world, CellConfig config)
    : config_(config),
      network_(world, config.network,
               [this](std::size_t from, std::size_t to, std::string message) {
                 Node& node = *nodes_[to];
                 if (!node.up()) return;
                 node.machine().deliver([this, &node, from, message = std::move(message)] {
                   if (node.up()) node.replica().on_message(nodes_[from]->id(), message);
                 });
               }) {
  for (std::size_t i = 0; i < config_.replicas + config_.spares; ++i)
    nodes_.push_back(std::make_unique<Node>(world, *this, config_, i));
}

std::size_t SimulatedCell::place_of(consensus::ReplicaId id) const {
  std::size_t place = 0;
  while (place < nodes_.size() && nodes_[place]->id() != id) ++place;
  return place;
}

void SimulatedCell::note_configuration(std::size_t place) {
  if (!nodes_[place]->up()) return;
  const auto& mark = nodes_[place]->replica().store().applied_mark();
  if (mark.configuration.voters.empty()) return;
  if (mark.index <= newest_.index && !newest_.configuration.voters.empty()) return;
  newest_.index = mark.index;
  newest_.term = mark.term;
  if (mark.configuration != newest_.configuration) newest_.configuration = mark.configuration;
}

bool SimulatedCell::is_member(std::size_t place) const {
  const auto everyone = configuration().everyone();
  return std::find(everyone.begin(), everyone.end(), nodes_[place]->id()) != everyone.end();
}

}  // namespace polis::sim
