#include "cell/cell.hh"

#include <fmt/format.h>

#include "cell/backup.hh"
#include "cell/http_pages.hh"
#include "cell/identity.hh"
#include "cell/join.hh"
#include "cell/membership.hh"
#include "cell/polis_cell.hh"
#include "etcd/cluster.hh"
#include "etcd/kv.hh"
#include "etcd/lease.hh"
#include "etcd/maintenance.hh"
#include "etcd/watch.hh"
#include "host/log.hh"
#include "host/version.hh"
#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "storage/lmdb_engine.hh"

namespace polis::cell {
namespace {

// What a graceful stop waits for calls to end; streams do not end by themselves.
// How long a replica that joins waits for the cell's answer.
constexpr Duration kJoinTimeout = std::chrono::seconds(10);
constexpr Duration kDrainPatience = std::chrono::milliseconds(500);

replica::Options replica_options(const Settings& settings, std::uint64_t incarnation) {
  replica::Options options;
  options.identity = {settings.cell_id, settings.id};
  options.initial = founding(settings);
  options.protocol = settings.protocol;
  options.incarnation = incarnation;
  options.directory = settings.data_dir;
  options.consensus.heartbeat_interval = settings.heartbeat_interval;
  options.consensus.election_timeout_min = settings.election_timeout_min;
  options.consensus.election_timeout_max = settings.election_timeout_max;
  options.consensus.lease = settings.lease;
  options.seed = io::entropy();
  options.wal_segment_bytes = settings.wal_segment_bytes;
  options.log_retain_bytes = settings.log_retain_bytes;
  options.request_timeout = settings.request_timeout;
  options.disk_free_min = settings.disk_free_min;
  options.auto_compaction = settings.auto_compaction;
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
  std::unique_ptr<peers::PeerLinks> links;
  std::unique_ptr<Membership> membership;
  consensus::Configuration met;  // who a replica that joins was told takes part
  bool links_started = false;
  std::unique_ptr<replica::Replica> replica;
  std::unique_ptr<etcd::KvService> kv;
  std::unique_ptr<etcd::WatchService> watch;
  std::unique_ptr<etcd::LeaseService> lease;
  std::unique_ptr<etcd::ClusterService> cluster;
  std::unique_ptr<etcd::MaintenanceService> maintenance;
  std::unique_ptr<PolisCell> polis;
  std::unique_ptr<Backups> backups;
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
  Result<void> settle_identity();
  Result<void> keep_protocol(consensus::Protocol founded_with);
  void on_configuration(const consensus::Configuration& configuration);
  void on_removed();
  void on_refused(peers::Refusal::Reason reason, const std::string& text);
  void stop_for_good(const std::string& why);
  Result<void> start_links();
};

Result<void> Cell::Impl::open_storage() {
  if (auto done = disk.make_directory(settings.data_dir); !done) return done;
  auto lock = io::lock_directory(settings.data_dir);
  if (!lock) return std::unexpected(lock.error());
  directory_lock = std::move(*lock);
  if (auto settled = settle_identity(); !settled) return settled;
  auto incarnation =
      claim_directory(settings, static_cast<std::uint64_t>(io::wall_clock_nanoseconds()));
  if (!incarnation) return std::unexpected(incarnation.error());
  auto opened = storage::LmdbEngine::open(reactor, {.directory = settings.data_dir});
  if (!opened) return std::unexpected(opened.error());
  engine = std::move(*opened);
  links = std::make_unique<peers::PeerLinks>(
      reactor, peers::PeerLinks::Own{settings.cell_id, settings.id, settings.name, settings.peer,
                                     settings.client_text, settings.protocol,
                                     [this] {
                                       auto status = replica->status();
                                       return status.last == consensus::LogIndex() &&
                                              status.role.term == consensus::Term();
                                     },
                                     [this](consensus::ReplicaId id) {
                                       // Members tell their client address when they first start.
                                       const auto* member = membership->configuration().find(id);
                                       return member != nullptr && !member->client.empty();
                                     },
                                     [this] { return replica->store().cell_version(); }});
  membership = std::make_unique<Membership>(reactor, *links, settings);
  membership->set_met(met);
  auto recovered = replica::Replica::open(
      replica_options(settings, *incarnation),
      {reactor, disk, *engine, *links, [this](const Error& error) { on_fatal(error); },
       [this](const consensus::RoleState& role) { on_role(role); },
       [this](const consensus::Configuration& c) { on_configuration(c); }, [this] { on_removed(); },
       [this] {
         if (kv) kv->on_store_replaced();
         if (watch) watch->on_store_replaced();
       }});
  if (!recovered && recovered.error().code == ErrorCode::kCorrupt) {
    const bool alone = settings.founders.size() == 1;
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} {}", recovered.error().text,
                            alone ? "Restore a backup: polis cell snapshot restore FILE"
                                  : "Keep the other replicas running and rebuild this one from "
                                    "them: polis cell repair " +
                                        settings.name + " --endpoints THE_OTHERS"));
  }
  if (!recovered) return std::unexpected(recovered.error());
  replica = std::move(*recovered);
  membership->attach(*replica);
  // Before anybody can greet this replica it has to know who takes part.
  membership->on_configuration(replica->status().configuration);
  return {};
}

// The protocol that the cell was founded with counts.
Result<void> Cell::Impl::keep_protocol(consensus::Protocol founded_with) {
  if (settings.protocol_asked.value_or(founded_with) != founded_with) {
    return fail(ErrorCode::kInvalid,
                fmt::format("cell '{}' was founded with protocol {} and keeps it; leave --protocol "
                            "out, or found another cell",
                            settings.cluster, to_string(founded_with)));
  }
  settings.protocol = founded_with;
  return {};
}

// Who this replica is: as its directory says, as its name says if it founds a cell, or as the cell
// that it joins says.
Result<void> Cell::Impl::settle_identity() {
  auto known = identity_in(settings);
  if (!known) return std::unexpected(known.error());
  if (*known) {
    settings.id = (*known)->id;
    if (auto same = keep_protocol((*known)->protocol); !same) return same;
  }
  if (settings.join.empty()) return {};
  auto answer = ask_who_takes_part(settings.join, kJoinTimeout);
  if (!answer && *known) {
    host::log_warn("{}; going on with what the log says", answer.error().text);
    return {};
  }
  if (!answer) return std::unexpected(answer.error());
  if (answer->cell_id != settings.cell_id) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("{} is cell '{}', this replica wants to join cell '{}'; check --cluster",
                    settings.join, answer->cluster, settings.cluster));
  }
  met = answer->configuration;
  if (*known) return {};
  if (auto same = keep_protocol(answer->protocol); !same) return same;
  // Only a learner can be somebody who has never started: a voter has promised and acknowledged
  // things, and who comes with an empty disk under its name would have forgotten them.
  const consensus::Member* voter = nullptr;
  for (const consensus::Member& member : met.members) {
    if (member.peer != settings.peer_text) continue;
    if (met.is_learner(member.id)) {
      settings.id = member.id;
      return {};
    }
    voter = &member;
  }
  if (voter != nullptr) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("member '{}' of cell '{}' has the peer address {} and votes; a replica "
                    "that has lost its data comes back by: polis cell repair {} "
                    "--endpoints {}",
                    voter->name, settings.cluster, settings.peer_text, voter->name, settings.join));
  }
  return fail(ErrorCode::kInvalid,
              fmt::format("cell '{}' has no member with the peer address {}; add it first: polis "
                          "cell add {}={} --endpoints {}",
                          settings.cluster, settings.peer_text, settings.name, settings.peer_text,
                          settings.join));
}

Result<void> Cell::Impl::start_links() {
  links_started = true;
  return links->start([this](consensus::ReplicaId from,
                             std::string_view message) { replica->on_message(from, message); },
                      [this](consensus::ReplicaId peer) { replica->on_peer_lost(peer); },
                      [this](peers::Refusal::Reason reason, const std::string& text) {
                        reactor.post([this, reason, text] { on_refused(reason, text); });
                      });
}

void Cell::Impl::add_services() {
  http::ServerOptions options;
  server = std::make_unique<http::Server>(reactor, options);
  etcd::Context context{*replica, settings.cell_id, settings.id.value};
  kv = std::make_unique<etcd::KvService>(context, *server);
  watch = std::make_unique<etcd::WatchService>(context, *server, reactor, options.call_queue_bytes);
  lease = std::make_unique<etcd::LeaseService>(context, *server);
  cluster = std::make_unique<etcd::ClusterService>(context, *server);
  maintenance = std::make_unique<etcd::MaintenanceService>(context, *server, *engine);
  polis = std::make_unique<PolisCell>(context, *server, reactor, settings, *engine, *links);
  backups = std::make_unique<Backups>(context, *server, disk, settings);
  pages = std::make_unique<HttpPages>(context, *server, *engine, *watch);
}

Result<void> Cell::Impl::open() {
  if (auto done = open_storage(); !done) return done;
  add_services();
  if (settings.founders.size() != 1) {
    if (auto started = start_links(); !started) return started;
  }
  if (auto done = server->listen(settings.client); !done) return done;
  reactor.at_turn_end([this] { turn_end(); });
  reactor.on_signal([this](int number) { on_signal(number); });
  const store::Store& store = replica->store();
  host::log_info(
      "polis {} serves clients at {}; cell '{}', {} members, {} keys at revision {}, log through "
      "entry {}",
      host::kVersion, settings.client.text(), settings.cluster,
      replica->status().configuration.everyone().size(), store.keys(), store.revision(),
      replica->status().last.value);
  return {};
}

void Cell::Impl::turn_end() {
  replica->turn_end();
  watch->turn_end();
  server->turn_end();
}

void Cell::Impl::on_fatal(const Error& error) {
  host::log_error("this replica has to stop: {}", error.text);
  exit_code = 1;
  reactor.stop();
}

void Cell::Impl::on_role(const consensus::RoleState& role) {
  host::log_info("{} in term {}, master is {}", to_string(role.role), role.term.value,
                 role.master == consensus::kNoReplica
                     ? "nobody"
                     : membership->configuration().name_of(role.master));
  membership->on_role();
}

void Cell::Impl::on_configuration(const consensus::Configuration& configuration) {
  // A cell of one has nobody to talk to until somebody is added.
  if (configuration.everyone().size() > 1 && !links_started && replica) {
    if (auto started = start_links(); !started)
      host::log_error("the cell cannot grow here: {}", started.error().text);
  }
  membership->on_configuration(configuration);
}

void Cell::Impl::on_removed() {
  if (auto marked = mark_removed(settings); !marked) host::log_error("{}", marked.error().text);
  host::log_info("this replica was removed from the cell and stops; {} may be deleted",
                 settings.data_dir);
  stopping = true;
  reactor.post([this] { drain(); });
}

void Cell::Impl::on_refused(peers::Refusal::Reason reason, const std::string& text) {
  if (stopping) return;
  if (reason == peers::Refusal::Reason::kForgot) return stop_for_good(text);
  if (reason != peers::Refusal::Reason::kNoMember) return;
  // Removed while it was away: nobody sends it the log in which that stands.
  const auto& voters = membership->configuration().voters;
  auto disowning = std::count_if(voters.begin(), voters.end(), [this](consensus::ReplicaId id) {
    return links->state(id).disowns;
  });
  if (static_cast<std::size_t>(disowning) < voters.size() / 2 + 1) return;
  stop_for_good(
      fmt::format("{} of the {} voters that this replica knows say that it is no member of the "
                  "cell any more. To "
                  "take part again, add it with a new data directory; {} is of no use",
                  disowning, voters.size(), settings.data_dir));
}

void Cell::Impl::stop_for_good(const std::string& why) {
  host::log_error("this replica stops: {}", why);
  exit_code = 1;
  stopping = true;
  drain();
}

void Cell::Impl::on_signal(int) {
  if (stopping) return reactor.stop();
  stopping = true;
  host::log_info(
      "stopping: handing mastership over and letting calls end; a second signal ends at once");
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
  host::log_info("stopped");
  return impl_->exit_code;
}

}  // namespace polis::cell
