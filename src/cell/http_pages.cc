#include "cell/http_pages.hh"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "host/version.hh"

namespace polis::cell {
namespace {

// What a page waits for a linearizable read. A cell that is well answers within a round trip; one
// that chooses its master has chosen it before.
constexpr Duration kReadPatience = std::chrono::seconds(1);

// One answer, when the read has ended or its time is up.
struct Waiting {
  HealthRequest request;
  std::function<void(http::HttpResponse)> respond;
  std::unique_ptr<io::Timer> late;
};

}  // namespace

HttpPages::HttpPages(etcd::Context context, http::Server& server, io::Loop& reactor,
                     const storage::Engine& engine, const etcd::WatchService& watch)
    : context_(context), server_(server), reactor_(reactor), engine_(engine), watch_(watch) {
  server.set_http([this](std::string_view path, const Respond& respond) {
    if (auto health = parse_health_request(path)) return on_health(*health, respond);
    path = path.substr(0, path.find('?'));
    if (path == "/version") {
      return respond({200, "application/json",
                      fmt::format(R"({{"polis":"{}","etcdserver":"{}","etcdcluster":"{}",)"
                                  R"("storage":"{}"}})"
                                  "\n",
                                  host::kVersion, host::kEtcdApiVersion, host::kEtcdClusterVersion,
                                  host::kEtcdClusterVersion)});
    }
    if (path == "/metrics") return respond(metrics());
    return respond(
        {404, {}, "not found; there are /health, /livez, /readyz, /version and /metrics\n"});
  });
}

HealthState HttpPages::health() const {
  const consensus::RoleState& role = context_.replica.status_role();
  return {.has_master = role.master != consensus::kNoReplica,
          .learner = role.role == consensus::Role::kLearner,
          .space_alarm = !context_.replica.full_members().empty()};
}

void HttpPages::on_health(const HealthRequest& request, const Respond& respond) {
  if (!needs_read(request, health())) return respond(health_response(request, health(), {}));
  // Shared with the read and the timer, of which the first one answers.
  auto waiting = std::make_shared<Waiting>(Waiting{request, respond, {}});
  auto answer = [this, waiting](const store::Status& status) {
    if (!waiting->respond) return;
    waiting->late.reset();
    std::exchange(waiting->respond, nullptr)(health_response(waiting->request, health(), status));
  };
  waiting->late = reactor_.after(kReadPatience, [waiting, answer] {
    auto keep = std::move(waiting->late);
    answer(store::status::timed_out());
  });
  context_.replica.read_barrier(answer);
}

http::HttpResponse HttpPages::metrics() const {
  using prometheus::MetricFamily;
  using prometheus::MetricType;
  std::vector<MetricFamily> families;
  auto add = [&](const char* name, const char* help, MetricType type, double value) {
    MetricFamily family{name, help, type, {}};
    prometheus::ClientMetric metric;
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(metric);
    families.push_back(std::move(family));
  };
  auto gauge = [&](const char* name, const char* help, auto value) {
    add(name, help, MetricType::Gauge, static_cast<double>(value));
  };
  auto counter = [&](const char* name, const char* help, auto value) {
    add(name, help, MetricType::Counter, static_cast<double>(value));
  };
  const replica::Replica& replica = context_.replica;
  consensus::Status log = replica.status();
  gauge("polis_is_master", "1 if this replica is the master",
        log.role.role == consensus::Role::kMaster);
  gauge("polis_has_master", "1 if this replica knows a master",
        log.role.master != consensus::kNoReplica);
  gauge("polis_term", "Term of the consensus protocol", log.role.term.value);
  gauge("polis_commit_index", "Last committed log entry", log.commit.value);
  gauge("polis_applied_index", "Last applied log entry", replica.store().applied().value);
  gauge("polis_log_bytes", "Log kept in memory", log.log_bytes);
  gauge("polis_wal_bytes", "Write-ahead log on disk", replica.wal_bytes());
  gauge("polis_revision", "Revision of the store", replica.store().revision());
  gauge("polis_compacted_revision", "Revisions below this are gone", replica.store().compacted());
  gauge("polis_keys", "Keys, with deleted ones that are not compacted", replica.store().keys());
  gauge("polis_leases", "Leases", replica.store().leases().all().size());
  gauge("polis_watches", "Watches on this replica", watch_.watches());
  gauge("polis_unsaved_bytes", "Applied but not yet in the engine",
        replica.store().unsaved_bytes());
  gauge("polis_engine_disk_bytes", "Size of the engine's file", engine_.bytes_on_disk());
  gauge("polis_disk_full", "1 while this replica's disk is full", replica.disk_full());
  gauge("polis_short_of_memory", "1 while this replica has nearly used its memory limit",
        replica.memory().own());
  gauge("polis_full_members", "Members whose disks are full", replica.full_members().size());
  const replica::Counters& counts = replica.counters();
  counter("polis_commands_total", "Commands of this replica's clients that were applied",
          counts.commands_applied);
  counter("polis_entries_proposed_total", "Log entries proposed", counts.entries_proposed);
  counter("polis_syncs_total", "Syncs of the write-ahead log asked for", counts.syncs);
  counter("polis_peer_messages_sent_total", "Messages to peers", counts.messages_sent);
  counter("polis_peer_messages_received_total", "Messages from peers", counts.messages_received);
  counter("polis_role_changes_total", "Changes of role, term or master", counts.role_changes);
  counter("polis_slow_disk_hand_overs_total", "Masterships handed over for a slow disk",
          counts.slow_hand_overs);
  counter("polis_snapshots_sent_total", "Snapshots made for followers", counts.snapshots_sent);
  counter("polis_snapshots_installed_total", "Snapshots installed", counts.snapshots_installed);
  const http::ServerCounters& http = server_.counters();
  gauge("polis_client_connections", "Open client connections", http.connections_open);
  gauge("polis_client_calls", "Open calls", http.calls_open);
  counter("polis_client_calls_total", "Calls begun", http.calls_started);
  counter("polis_client_bytes_received_total", "Bytes from clients", http.bytes_received);
  counter("polis_client_bytes_sent_total", "Bytes to clients", http.bytes_sent);
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          prometheus::TextSerializer().Serialize(families)};
}

}  // namespace polis::cell
