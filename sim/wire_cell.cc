#include "sim/wire_cell.hh"

#include <fmt/format.h>

#include "etcd/services.hh"
#include "host/log.hh"
#include "peers/links.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStep = 5ms;
constexpr std::uint64_t kCellId = 1;
// cell/cell.cc: how long calls may take to end.
constexpr Duration kDrainPatience = 500ms;

}  // namespace

class WireCell::WireProcess final : public ReplicaProcess {
 public:
  WireProcess(WireCell& wire, std::size_t place, Node& node, std::uint64_t seed)
      : wire_(wire), host_(wire.host(place)), node_(node), seed_(seed) {
    const peers::PeerLinks::Own own{
        .cell = kCellId,
        .id = node.id(),
        .name = name_of(place),
        .listen = {"", kPeerPort, ""},
        .client_address = address_of(place).text(),
        .consensus = wire.cell_.config().protocol,
        .blank = [this] { return is_blank(); },
        .has_taken_part = [](consensus::ReplicaId) { return false; },
        .cell_version = [this] { return node_.replica().store().cell_version(); }};
    links_ = std::make_unique<peers::PeerLinks>(node.machine(), host_, own);
  }

  replica::Transport& transport() override { return *links_; }

  void begin(replica::Replica& replica, const storage::Engine& engine) override {
    const http::ServerOptions options;
    server_ = std::make_unique<http::Server>(node_.machine(), host_, options);
    services_ = std::make_unique<etcd::Services>(
        etcd::ServicesOptions{.cell_id = kCellId,
                              .member_id = node_.id().value,
                              .call_queue_bytes = options.call_queue_bytes,
                              .leader_patience = 2 * wire_.cell_.config().election_timeout_max,
                              .watch_progress_interval = 10s,
                              .seed = seed_},
        replica, *server_, node_.machine(), engine);
    auto linked = links_->start(
        [&replica](consensus::ReplicaId from, std::string_view m) { replica.on_message(from, m); },
        [&replica](consensus::ReplicaId peer) { replica.on_peer_lost(peer); },
        [](const peers::Refusal& refusal) { throw Violation("a peer refuses: " + refusal.text); });
    if (!linked) throw Violation(linked.error().text);
    on_configuration(replica.status().configuration);
    auto listening = server_->listen({"", kClientPort, ""});
    if (!listening) throw Violation(listening.error().text);
  }

  void on_configuration(const consensus::Configuration& configuration) override {
    std::vector<peers::Peer> others;
    for (const consensus::Member& member : configuration.members) {
      if (member.id == node_.id()) continue;
      const std::string name = name_of(SimulatedCell::place_of(member.peer));
      others.push_back({member.id, name, {name, kPeerPort, ""}});
    }
    links_->set_peers(others);
  }

  void on_store_replaced() override { services_->on_store_replaced(); }

  void turn_end() override {
    services_->turn_end();
    server_->turn_end();
  }

  void drain() override { server_->drain_and_stop(); }

  void end() override {
    server_.reset();
    services_.reset();
  }

 private:
  bool is_blank() const {
    const auto status = node_.replica().status();
    return status.last == consensus::LogIndex() && status.role.term == consensus::Term();
  }

  WireCell& wire_;
  StreamHost& host_;
  Node& node_;
  std::uint64_t seed_;
  std::unique_ptr<peers::PeerLinks> links_;
  std::unique_ptr<etcd::Services> services_;
  std::unique_ptr<http::Server> server_;
};

namespace {

CellConfig with_process(
    CellConfig config,
    std::function<std::unique_ptr<ReplicaProcess>(std::size_t place, Node& node)> process) {
  config.process = std::move(process);
  return config;
}

}  // namespace

WireCell::WireCell(std::uint64_t seed, CellConfig config, WireQuality quality)
    : world_(seed),
      network_(world_, quality),
      cell_(world_, with_process(std::move(config),
                                 [this](std::size_t place, Node& node) {
                                   hosts_[place]->come_back();
                                   return std::make_unique<WireProcess>(*this, place, node,
                                                                        network_.random().next());
                                 })),
      collector_(history_),
      roles_(cell_.size()) {
  // What links say to people is of no use here.
  host::set_up_log(host::LogLevel::kError, host::LogFormat::kText, "sim");
  for (std::size_t place = 0; place < cell_.size(); ++place) {
    hosts_.push_back(network_.add_host(node(place).machine(), name_of(place)));
    node(place).after_turn = [this, place] { look(place); };
  }
  for (std::size_t place = 0; place < cell_.size(); ++place) start(place);
}

// Processes end before their hosts, and say nothing to anybody who looks.
WireCell::~WireCell() {
  for (std::size_t place = 0; place < cell_.size(); ++place) {
    node(place).after_turn = nullptr;
    node(place).crash();
  }
}

std::vector<io::Address> WireCell::endpoints() const {
  std::vector<io::Address> all;
  for (std::size_t place = 0; place < cell_.size(); ++place) all.push_back(address_of(place));
  return all;
}

void WireCell::start(std::size_t place) {
  node(place).start();
  if (node(place).failed())
    throw Violation(fmt::format("replica {} cannot start: {}", place + 1, node(place).failure()));
  collector_.look(place, node(place), world_.now());
}

void WireCell::crash(std::size_t place, Ending ending) {
  if (ending == Ending::kPowerFails) hosts_[place]->lose_power();
  node(place).crash();
}

void WireCell::cut_off(std::size_t place) {
  for (std::size_t other = 0; other < size(); ++other) {
    if (other == place) continue;
    network_.cut(host(place), host(other));
    network_.cut(host(other), host(place));
  }
}

void WireCell::stop(std::size_t place) {
  Node& one = node(place);
  if (!one.up()) return;
  one.machine().deliver([this, &one, place, incarnation = one.incarnation()] {
    if (!one.up()) return;
    one.replica().hand_over([this, &one, place, incarnation] {
      one.machine().post([this, &one, place, incarnation] {
        one.replica().save_state();
        one.process()->drain();
        world_.after(kDrainPatience, [this, &one, place, incarnation] {
          if (one.up() && one.incarnation() == incarnation) crash(place, Ending::kKilled);
        });
      });
    });
  });
}

void WireCell::look(std::size_t place) {
  Node& node = cell_.node(place);
  if (node.failed())
    throw Violation(fmt::format("replica {} stopped: {}", place + 1, node.failure()));
  collector_.look(place, node, world_.now());
  protocol_.look(place, node);
  cell_.note_configuration(place);
  const consensus::RoleState& role = node.replica().status_role();
  if (std::exchange(roles_[place], role) != role && on_role) on_role(place, role);
}

void WireCell::until(const std::string& what, const std::function<bool()>& holds,
                     Duration patience) {
  for (const Instant end = world_.now() + patience; !holds(); run_for(kStep)) {
    if (world_.now() >= end) throw Violation("it never happens: " + what + "; " + describe());
  }
}

std::size_t WireCell::master() {
  std::size_t found = size();
  until("there is a master", [&] {
    for (std::size_t i = 0; i < size() && found == size(); ++i) {
      if (!node(i).up() || roles_[i].role != consensus::Role::kMaster) continue;
      std::size_t following = 0;
      for (std::size_t j = 0; j < size(); ++j)
        following +=
            node(j).up() && roles_[j].term == roles_[i].term && roles_[j].master == node(i).id();
      if (following > size() / 2) found = i;
    }
    return found < size();
  });
  return found;
}

bool WireCell::settled() {
  std::set<std::uint64_t> revisions;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!node(i).up() || !node(i).replica().store().leases().all().empty()) return false;
    revisions.insert(node(i).replica().store().revision());
  }
  return revisions.size() == 1;
}

void WireCell::check() {
  const std::uint64_t revision = node(0).replica().store().revision();
  std::set<std::uint32_t> hashes;
  for (std::size_t i = 0; i < size(); ++i)
    hashes.insert(
        node(i).replica().store().hash_at(revision).value_or(static_cast<std::uint32_t>(i)));
  if (hashes.size() != 1) throw Violation("replicas differ in what they hold");
  if (history_.changes.size() + 1 != revision) throw Violation("the history has holes");
  check_linearizable(history_);
  check_leases(history_, cell_.config().clock_drift_max);
}

std::string WireCell::describe() {
  std::string text;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!node(i).up()) {
      text += fmt::format("[{}: down] ", i + 1);
      continue;
    }
    const replica::Replica& replica = node(i).replica();
    const auto status = node(i).replica().status();
    text += fmt::format("[{}: {} term {} log {}..{} revision {} leases {}] ", i + 1,
                        to_string(status.role.role), status.role.term.value, status.first.value,
                        status.last.value, replica.store().revision(),
                        replica.store().leases().all().size());
  }
  return text;
}

}  // namespace polis::sim
