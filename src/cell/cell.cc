#include "cell/cell.hh"

#include <fmt/format.h>

#include "cell/backup.hh"
#include "cell/connection_limits.hh"
#include "cell/founding.hh"
#include "cell/http_pages.hh"
#include "cell/identity.hh"
#include "cell/join.hh"
#include "cell/membership.hh"
#include "cell/metrics.hh"
#include "cell/polis_cell.hh"
#include "cell/replica_options.hh"
#include "cell/secure_networks.hh"
#include "cell/slow_log.hh"
#include "cell/tls_settings.hh"
#include "etcd/services.hh"
#include "host/log.hh"
#include "host/service_manager.hh"
#include "host/version.hh"
#include "io/hangup.hh"
#include "io/memory.hh"
#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "json/gateway.hh"
#include "storage/lmdb_engine.hh"

namespace polis::cell {
namespace {

// How long a replica that joins waits for the cell's answer.
constexpr Duration kJoinTimeout = std::chrono::seconds(10);
// How long a graceful stop waits for calls to end; streams do not end by themselves.
constexpr Duration kDrainPatience = std::chrono::milliseconds(500);
constexpr Duration kReportInterval = std::chrono::seconds(1);
// How often the loop looks whether it comes in time.
constexpr Duration kLookInterval = std::chrono::milliseconds(100);
// The service manager is told that this replica is ready when it has served a linearizable read, or
// after this time: others may be started only then, and without them there is no quorum.
constexpr Duration kReadyPatience = std::chrono::seconds(30);

}  // namespace

// Destroyed from the last member to the first: the server and its calls, the services, the replica,
// what it stands on.
struct Cell::Impl {
  Settings settings;
  std::shared_ptr<void> directory_lock;
  io::Reactor reactor;
  host::ServiceManager manager{reactor};
  std::optional<io::Hangup> hangup;
  SecureNetworks networks{reactor};
  io::PosixDisk disk{reactor};
  std::unique_ptr<storage::LmdbEngine> engine;
  std::unique_ptr<peers::PeerLinks> links;
  std::unique_ptr<Membership> membership;
  consensus::Configuration met;  // who a replica that joins was told takes part
  bool links_started = false;
  std::vector<std::string> warnings;  // for the operator: logged once, and told by the status
  bool begun = false;                 // there was a log here before this start
  SlowLog slow_log;
  std::unique_ptr<replica::Replica> replica;
  std::unique_ptr<etcd::Services> services;
  std::unique_ptr<PolisCell> polis;
  std::unique_ptr<Backups> backups;
  replica::MasterChanges master_changes;
  host::Metrics metrics;
  std::unique_ptr<HttpPages> pages;
  std::unique_ptr<json::Gateway> json;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<io::Timer> drain_timer, report_timer, look_timer, ready_timer;
  bool ready = false;  // and the service manager has been told
  Instant look_due{};
  Duration looked_at_busy{};
  std::uint64_t connections_max = 0;  // of clients
  io::MemoryLimit memory_limit;
  bool short_of_memory = false;
  RefusalReport refusals;
  int exit_code = 0;
  bool stopping = false;
  bool first_start = false;  // the directory held no identity

  explicit Impl(Settings s) : settings(std::move(s)) {}
  Result<void> open();
  Result<void> share_out_descriptors();
  void look_at_memory();
  Result<void> open_storage();
  void add_services();
  void turn_end();
  void report();
  void look_at_the_clock();
  void wait_until_ready();
  void become_ready();
  void tell_status();
  void on_fatal(const Error& error);
  void on_role(const consensus::RoleState& role);
  void on_signal(int number);
  void on_hangup();
  void drain();
  Result<void> settle_identity();
  Error with_remedy(Error error) const;
  Result<void> keep_protocol(consensus::Protocol founded_with);
  Result<void> keep_quorum(const consensus::Configuration& founded_with) const;
  void on_configuration(const consensus::Configuration& configuration);
  void on_removed();
  void on_space(replica::DiskSpace::Level level);
  void on_refused(const peers::Refusal& refusal);
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
  if (!opened) return std::unexpected(with_remedy(opened.error()));
  engine = std::move(*opened);
  links = std::make_unique<peers::PeerLinks>(
      reactor, networks.peers(),
      peers::PeerLinks::Own{settings.cell_id, settings.id, settings.name, settings.peer,
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
  replica::Options options = replica_options(settings, *incarnation, begun);
  fit_into(options, memory_limit.bytes);
  auto recovered = replica::Replica::open(
      std::move(options),
      {reactor, disk, *engine, *links, [this](const Error& error) { on_fatal(error); },
       [this](const consensus::RoleState& role) { on_role(role); },
       [this](const consensus::Configuration& c) { on_configuration(c); }, [this] { on_removed(); },
       [this] {
         if (services) services->on_store_replaced();
       },
       [this](const replica::SlowRequest& slow) {
         const std::string line = slow_log.on_request(slow, replica->sync_times(), reactor.now());
         if (!line.empty()) host::log_warn("{}", line);
       },
       [this](replica::DiskSpace::Level level) { on_space(level); }});
  if (!recovered) return std::unexpected(with_remedy(recovered.error()));
  if (!begun) {
    if (auto marked = mark_begun(settings); !marked) return marked;
  }
  replica = std::move(*recovered);
  if (auto same = keep_quorum(replica->store().applied_mark().configuration); !same) return same;
  membership->attach(*replica);
  // Before anybody can greet this replica it has to know who takes part.
  membership->on_configuration(replica->status().configuration);
  return {};
}

// What is lost here may be elsewhere.
Error Cell::Impl::with_remedy(Error error) const {
  if (error.code != ErrorCode::kCorrupt) return error;
  bool alone = settings.founders.size() == 1;
  if (engine) {
    // A cell of one may have grown. What cannot be read says nothing.
    [[maybe_unused]] auto read =
        engine->scan_named(store::kMetaName, [&](std::string_view, std::string_view value) {
          if (auto mark = store::mark_of_meta(value); mark && !mark->configuration.voters.empty())
            alone = mark->configuration.voters.size() == 1;
        });
  }
  error.text += alone ? " Restore a backup: polis cell snapshot restore FILE"
                      : " Keep the other replicas running and rebuild this one from them: polis "
                        "cell repair " +
                            settings.name + " --endpoints THE_OTHERS";
  return error;
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

// As the quorum rule, and what fails together with this replica.
Result<void> Cell::Impl::keep_quorum(const consensus::Configuration& founded_with) const {
  if (founded_with.voters.empty()) return {};
  if (settings.quorum_asked.value_or(founded_with.quorum) != founded_with.quorum) {
    return fail(ErrorCode::kInvalid,
                fmt::format("cell '{}' was founded with quorum {} and keeps it; leave --quorum "
                            "out, or found another cell",
                            settings.cluster, to_string(founded_with.quorum)));
  }
  const auto asked =
      std::find_if(settings.founders.begin(), settings.founders.end(),
                   [&](const peers::Peer& founder) { return founder.name == settings.name; });
  const consensus::Member* own = founded_with.find(settings.id);
  if (own == nullptr || own->place.empty() || asked == settings.founders.end()) return {};
  const auto place = settings.places.find(asked->id);
  if (place == settings.places.end() || place->second == own->place) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("the cell knows replica '{}' to be in '{}', --places says '{}'; leave "
                          "--places out",
                          settings.name, own->place, place->second));
}

// Who this replica is: as its directory says, as its name says if it founds a cell, or as the cell
// that it joins says.
Result<void> Cell::Impl::settle_identity() {
  auto known = identity_in(settings);
  if (!known) return std::unexpected(known.error());
  first_start = !*known;
  if (*known) {
    begun = (*known)->begun;
    settings.cell_id = (*known)->cell;
    settings.id = (*known)->id;
    if (auto same = keep_protocol((*known)->protocol); !same) return same;
  }
  if (settings.join.empty()) {
    // A cell of one: there is nobody to agree with, and no other one has this id.
    while (settings.cell_id == 0) settings.cell_id = io::entropy();
    return {};
  }
  auto answer = ask_who_takes_part(settings, kJoinTimeout);
  if (!answer && *known) {
    host::log_warn("{}; going on with what the log says", answer.error().text);
    return {};
  }
  if (!answer) return std::unexpected(answer.error());
  if (answer->cluster != settings.cluster) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("{} is cell '{}', this replica wants to join cell '{}'; check --cluster",
                    settings.join, answer->cluster, settings.cluster));
  }
  if (*known && answer->cell_id != settings.cell_id) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} belongs to another cell of the name '{}' ({:x}) than {} ({:x}): "
                            "one of the two was founded or restored apart. To join that one, start "
                            "with a new --data-dir",
                            settings.data_dir, settings.cluster, settings.cell_id, settings.join,
                            answer->cell_id));
  }
  settings.cell_id = answer->cell_id;
  met = answer->configuration;
  if (*known) return {};
  if (auto same = keep_protocol(answer->protocol); !same) return same;
  // Only a learner can be somebody who has never started: a voter has promised and acknowledged
  // things, and who comes with an empty disk under its name would have forgotten them.
  const consensus::Member* voter = nullptr;
  for (const consensus::Member& member : met.members) {
    auto peer = io::parse_address(member.peer);
    if (!peer || peer->text() != settings.peer_text) continue;
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
                      [this](const peers::Refusal& refusal) {
                        reactor.post([this, refusal] { on_refused(refusal); });
                      });
}

void Cell::Impl::add_services() {
  http::ServerOptions options;
  options.connections_max = connections_max;
  options.wall_clock = io::wall_clock_nanoseconds;
  server = std::make_unique<http::Server>(reactor, networks.clients(), options);
  server->router().set_door(http::Door(settings.door));
  services = std::make_unique<etcd::Services>(
      etcd::ServicesOptions{.cell_id = settings.cell_id,
                            .member_id = settings.id.value,
                            .call_queue_bytes = options.call_queue_bytes,
                            .leader_patience = 2 * settings.election_timeout_max,
                            .watch_progress_interval = settings.watch_progress_interval,
                            .wrong_peer =
                                [this](consensus::ReplicaId whose, const io::Address& peer) {
                                  return wrong_scheme(settings.peers_tls,
                                                      replica->status().configuration, whose, peer);
                                },
                            .seed = io::entropy()},
      *replica, *server, reactor, *engine);
  const etcd::Context& context = services->context();
  polis = std::make_unique<PolisCell>(context, *server, reactor, settings, *engine, *links,
                                      networks, warnings);
  backups = std::make_unique<Backups>(context, *server, disk, settings);
  add_probes(metrics,
             {*replica, master_changes, disk, *engine, *server, services->watch(), networks});
  pages = std::make_unique<HttpPages>(context, *server, reactor, metrics);
  server->calls().on_slow = [this](const http::SlowCall& slow) {
    const std::string line = slow_log.on_call(slow, reactor.now());
    if (!line.empty()) host::log_warn("{}", line);
  };
  json = std::make_unique<json::Gateway>(
      *server, reactor, json::Gateway::Limits{.message_bytes_max = options.message_bytes_max});
  json::add_etcd_routes(*json);
  json->add_service("/v1/cell", "polis.v1.Cell");
}

Result<void> Cell::Impl::share_out_descriptors() {
  const io::DescriptorLimit limit = io::raise_descriptor_limit(kDescriptorsWanted);
  auto connections = client_connections_for(limit);
  if (!connections) return std::unexpected(connections.error());
  connections_max = *connections;
  host::log_info(
      "at most {} open files and sockets (started with {}, hard limit {}): {} are for clients",
      limit.in_effect, limit.before, limit.hard, connections_max);
  if (connections_max < kClientConnectionsMax) {
    host::log_warn("`ulimit -Hn {}` would let this replica serve {} clients", kDescriptorsWanted,
                   kClientConnectionsMax);
  }
  return {};
}

Result<void> Cell::Impl::open() {
  if (auto done = share_out_descriptors(); !done) return done;
  memory_limit = io::memory_limit();
  host::log_info("at most {} MiB of memory ({})", memory_limit.bytes >> 20, memory_limit.source);
  if (auto done = networks.open(settings); !done) return done;
  if (auto done = open_storage(); !done) return done;
  add_services();
  if (settings.founders.size() != 1) {
    if (auto started = start_links(); !started) return started;
  }
  std::string listening;
  for (const io::Address& address : settings.clients) {
    if (auto done = server->listen(address); !done) return done;
    listening += (listening.empty() ? "" : ", ") + address.text();
  }
  if (auto warning = founding_warning(settings, first_start, replica->status().configuration)) {
    host::log_warn("{}", *warning);
    warnings.push_back(*warning);
  }
  if (const std::string warning = plain_text_warning(settings); !warning.empty()) {
    host::log_warn("{}", warning);
    warnings.push_back(warning);
  }
  reactor.at_turn_end([this] { turn_end(); });
  reactor.on_signal([this](int number) { on_signal(number); });
  hangup.emplace(reactor, [this] { on_hangup(); });
  report();
  look_at_the_clock();
  ready_timer = reactor.after(kReadyPatience, [this] { become_ready(); });
  wait_until_ready();
  const store::Store& store = replica->store();
  host::log_info(
      "polis {} serves clients at {}; cell '{}', {} members, {} keys at revision {}, log through "
      "entry {}",
      host::kVersion, listening, settings.cluster,
      replica->status().configuration.everyone().size(), store.keys(), store.revision(),
      replica->status().last.value);
  return {};
}

void Cell::Impl::turn_end() {
  replica->turn_end();
  services->turn_end();
  server->turn_end();
}

// A timer that is late says that the loop did not come to it.
void Cell::Impl::look_at_the_clock() {
  const Instant now = reactor.now();
  const Duration busy = io::thread_processor_time();
  if (look_due != Instant()) {
    const std::string line = slow_log.on_late(now - look_due, busy - looked_at_busy, now);
    if (!line.empty()) host::log_warn("{}", line);
  }
  look_at_memory();
  looked_at_busy = busy;
  look_due = now + kLookInterval;
  look_timer = reactor.after(kLookInterval, [this] {
    auto keep = std::move(look_timer);
    look_at_the_clock();
  });
}

void Cell::Impl::look_at_memory() {
  replica->on_memory_measured(io::memory_used(), memory_limit.bytes);
  if (replica->memory().own()) {
    // Perhaps it is the allocator alone that holds so much.
    io::give_free_memory_back();
    replica->on_memory_measured(io::memory_used(), memory_limit.bytes);
  }
  const bool now_short = replica->memory().own();
  if (std::exchange(short_of_memory, now_short) == now_short) return;
  const std::uint64_t used = replica->memory().used() >> 20;
  if (!now_short) return host::log_info("{} MiB of memory are used: enough is free again", used);
  host::log_warn(
      "{} of {} MiB of memory are used: writes that need more are refused when a majority is in "
      "this state. Delete keys and compact, or raise {}",
      used, memory_limit.bytes >> 20, memory_limit.source);
}

void Cell::Impl::wait_until_ready() {
  replica->read_barrier([this](const store::Status& status) {
    if (ready || stopping) return;
    status.ok() ? become_ready() : reactor.post([this] { wait_until_ready(); });
  });
}

void Cell::Impl::become_ready() {
  if (stopping || std::exchange(ready, true)) return;
  manager.ready();
  tell_status();
}

void Cell::Impl::tell_status() {
  const consensus::RoleState& role = replica->status_role();
  const bool has_master = role.master != consensus::kNoReplica;
  const std::size_t full = replica->full_members().size();
  manager.status(fmt::format(
      "{} of cell {}, {}, term {}{}", to_string(role.role), settings.cluster,
      has_master ? "master is " + membership->configuration().name_of(role.master)
                 : "no master: a quorum of the members has to be reachable",
      role.term.value, full == 0 ? "" : fmt::format("; {} members have full disks", full)));
}

// What is said once for many events of a kind.
void Cell::Impl::report() {
  const std::uint64_t refused = refusals.due(server->counters().connections_refused, reactor.now());
  if (refused > 0 && !stopping) {
    host::log_warn(
        "refused {} client connections: {} are open, and no more fit into the limit of open files "
        "and sockets",
        refused, connections_max);
  }
  networks.look();
  if (!stopping) tell_status();
  report_timer = reactor.after(kReportInterval, [this] {
    auto keep = std::move(report_timer);
    report();
  });
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
  master_changes.on_role(role);
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
  manager.stopping();
  reactor.post([this] { drain(); });
}

void Cell::Impl::on_space(replica::DiskSpace::Level level) {
  using Level = replica::DiskSpace::Level;
  const std::uint64_t megabytes = replica ? replica->disk_free() >> 20 : 0;
  if (level == Level::kEnough)
    return host::log_info("the disk of {} has space again", settings.data_dir);
  host::log_warn(
      "the disk of {} is {}: {} MiB are free, disk-free-min is {} MiB. Free space there, or delete "
      "keys and compact: etcdctl compact REVISION",
      settings.data_dir, level == Level::kExhausted ? "used up" : "nearly full", megabytes,
      settings.disk_free_min >> 20);
}

void Cell::Impl::on_refused(const peers::Refusal& refusal) {
  using Reason = peers::Refusal::Reason;
  if (stopping) return;
  if (refusal.reason == Reason::kForgot) return stop_for_good(refusal.text);
  // Nothing was written here that anybody has to remember.
  if (refusal.reason == Reason::kMustJoin && replica->status().last == consensus::LogIndex()) {
    return stop_for_good(fmt::format(
        "the cell runs already, and this replica tries to found it by --initial. As a member that "
        "was added it is started by this line: rm -r {} && polis cell run --cluster {} --name {} "
        "--data-dir {} --client {} --peer {} --join {}",
        settings.data_dir, settings.cluster, settings.name, settings.data_dir, settings.client_text,
        settings.peer_text, refusal.join));
  }
  if (refusal.reason != Reason::kNoMember && refusal.reason != Reason::kMustJoin) return;
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
  manager.stopping();
  drain();
}

void Cell::Impl::on_signal(int) {
  if (stopping) return reactor.stop();
  stopping = true;
  manager.stopping();
  host::log_info(
      "stopping: handing mastership over and letting calls end; a second signal ends at once");
  replica->hand_over([this] { reactor.post([this] { drain(); }); });
}

void Cell::Impl::on_hangup() {
  if (stopping) return;
  host::log_info("SIGHUP: looking at the files of certificates again");
  if (ready) manager.reloading();
  networks.look();
  if (ready) manager.ready();
}

void Cell::Impl::drain() {
  replica->save_state();
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
