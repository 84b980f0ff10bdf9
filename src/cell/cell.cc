#include "cell/cell.hh"

#include <fmt/format.h>

#include "cell/etcd_kv.hh"
#include "cell/etcd_lease.hh"
#include "cell/etcd_maintenance.hh"
#include "cell/etcd_watch.hh"
#include "cell/http_pages.hh"
#include "cell/identity.hh"
#include "cell/log.hh"
#include "cell/polis_cell.hh"
#include "cell/version.hh"
#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "storage/lmdb_engine.hh"

namespace polis::cell {
namespace {

// What a graceful stop waits for calls to end; streams do not end by themselves.
constexpr Duration kDrainPatience = std::chrono::milliseconds(500);

replica::Options replica_options(const Settings& settings, std::uint64_t incarnation) {
  replica::Options options;
  options.identity = {settings.cell_id, settings.id};
  for (const Peer& member : settings.members) options.initial.voters.push_back(member.id);
  options.incarnation = incarnation;
  options.directory = settings.data_dir;
  options.raft.heartbeat_interval = settings.heartbeat_interval;
  options.raft.election_timeout_min = settings.election_timeout_min;
  options.raft.election_timeout_max = settings.election_timeout_max;
  options.raft.lease = settings.lease;
  options.seed = io::entropy();
  options.wal_segment_bytes = settings.wal_segment_bytes;
  options.log_retain_bytes = settings.log_retain_bytes;
  options.request_timeout = settings.request_timeout;
  options.disk_free_min = settings.disk_free_min;
  return options;
}

}  // namespace

// Destroyed from the last member to the first: the server and its calls, the services, the replica,
// what it stands on.
struct Cell::Impl {
  Settings settings;
  std::shared_ptr<void> directory_lock;
  io::Reactor reactor;
  io::PosixDisk disk{reactor};
  std::unique_ptr<storage::LmdbEngine> engine;
  std::unique_ptr<PeerLinks> links;
  std::unique_ptr<replica::Replica> replica;
  std::unique_ptr<EtcdKv> kv;
  std::unique_ptr<EtcdWatch> watch;
  std::unique_ptr<EtcdLease> lease;
  std::unique_ptr<EtcdMaintenance> maintenance;
  std::unique_ptr<PolisCell> polis;
  std::unique_ptr<HttpPages> pages;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<io::Timer> drain_timer;
  int exit_code = 0;
  bool stopping = false;

  explicit Impl(Settings s) : settings(std::move(s)) {}
  Result<void> open();
  Result<void> open_storage();
  void add_services();
  void turn_end();
  void on_fatal(const Error& error);
  void on_role(const consensus::RoleState& role);
  void on_signal(int number);
  void drain();
  std::string name_of(consensus::ReplicaId id) const;
};

std::string Cell::Impl::name_of(consensus::ReplicaId id) const {
  for (const Peer& member : settings.members) {
    if (member.id == id) return member.name;
  }
  return id == consensus::kNoReplica ? "nobody" : fmt::format("{:x}", id.value);
}

Result<void> Cell::Impl::open_storage() {
  if (auto done = disk.make_directory(settings.data_dir); !done) return done;
  auto lock = io::lock_directory(settings.data_dir);
  if (!lock) return std::unexpected(lock.error());
  directory_lock = std::move(*lock);
  auto incarnation =
      claim_directory(settings, static_cast<std::uint64_t>(io::wall_clock_nanoseconds()));
  if (!incarnation) return std::unexpected(incarnation.error());
  auto opened = storage::LmdbEngine::open(reactor, {.directory = settings.data_dir});
  if (!opened) return std::unexpected(opened.error());
  engine = std::move(*opened);
  std::vector<Peer> peers = settings.members;
  links = std::make_unique<PeerLinks>(reactor,
                                      PeerLinks::Own{settings.cell_id, settings.id, settings.name,
                                                     settings.peer, settings.client_text},
                                      peers);
  auto recovered = replica::Replica::open(
      replica_options(settings, *incarnation),
      {reactor, disk, *engine, *links, [this](const Error& error) { on_fatal(error); },
       [this](const consensus::RoleState& role) { on_role(role); },
       [this] {
         if (kv) kv->on_store_replaced();
         if (watch) watch->on_store_replaced();
       }});
  if (!recovered) return std::unexpected(recovered.error());
  replica = std::move(*recovered);
  return {};
}

void Cell::Impl::add_services() {
  http::ServerOptions options;
  server = std::make_unique<http::Server>(reactor, options);
  EtcdContext context{*replica, settings.cell_id, settings.id.value};
  kv = std::make_unique<EtcdKv>(context, *server);
  watch = std::make_unique<EtcdWatch>(context, *server, reactor, options.call_queue_bytes);
  lease = std::make_unique<EtcdLease>(context, *server);
  maintenance = std::make_unique<EtcdMaintenance>(context, *server, settings.members, *links,
                                                  *engine, settings.client_text);
  polis = std::make_unique<PolisCell>(context, *server, reactor, settings, *engine);
  pages = std::make_unique<HttpPages>(context, *server, *engine, *watch);
}

Result<void> Cell::Impl::open() {
  if (auto done = open_storage(); !done) return done;
  add_services();
  if (settings.members.size() > 1) {
    auto started =
        links->start([this](consensus::ReplicaId from,
                            std::string_view message) { replica->on_message(from, message); },
                     [this](consensus::ReplicaId peer) { replica->on_peer_lost(peer); });
    if (!started) return started;
  }
  if (auto done = server->listen(settings.client); !done) return done;
  reactor.at_turn_end([this] { turn_end(); });
  reactor.on_signal([this](int number) { on_signal(number); });
  const store::Store& store = replica->store();
  log_info(
      "polis {} serves clients at {}; cell '{}', {} replicas, {} keys at revision {}, log through "
      "entry {}",
      kVersion, settings.client.text(), settings.cluster, settings.members.size(), store.keys(),
      store.revision(), replica->status().last.value);
  return {};
}

void Cell::Impl::turn_end() {
  replica->turn_end();
  watch->turn_end();
  server->turn_end();
}

void Cell::Impl::on_fatal(const Error& error) {
  log_error("this replica has to stop: {}", error.text);
  exit_code = 1;
  reactor.stop();
}

void Cell::Impl::on_role(const consensus::RoleState& role) {
  log_info("{} in term {}, master is {}", to_string(role.role), role.term.value,
           name_of(role.master));
}

void Cell::Impl::on_signal(int) {
  if (stopping) return reactor.stop();
  stopping = true;
  log_info("stopping: handing mastership over and letting calls end; a second signal ends at once");
  replica->hand_over([this] { reactor.post([this] { drain(); }); });
}

void Cell::Impl::drain() {
  server->drain_and_stop();
  reactor.at_turn_end([this] {
    if (server->stopped()) reactor.stop();
  });
  drain_timer = reactor.after(kDrainPatience, [this] { reactor.stop(); });
}

Cell::Cell(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cell::~Cell() = default;

Result<std::unique_ptr<Cell>> Cell::open(Settings settings) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  if (auto done = impl->open(); !done) return std::unexpected(done.error());
  return std::unique_ptr<Cell>(new Cell(std::move(impl)));
}

int Cell::run() {
  impl_->reactor.run();
  log_info("stopped");
  return impl_->exit_code;
}

}  // namespace polis::cell
