#include "cell/settings.hh"

#include <fmt/format.h>

#include "base/crc32c.hh"
#include "cell/advertised.hh"
#include "cell/tls_settings.hh"

namespace polis::cell {

host::SettingTable setting_infos() {
  static const std::vector<host::SettingInfo> infos{
      {"name", "default", "name of this replica, unique in the cell"},
      {"cluster", "polis", "name of the cell; replicas of different names never join"},
      {"data-dir", "polis-data", "directory for log and state; made if it does not exist", false,
       "DIR"},
      {"client", "127.0.0.1:2379",
       "where clients are served: HOST:PORT, :PORT, [IPV6]:PORT, https://HOST:PORT, "
       "unix:///PATH or, with TLS, unixs:///PATH, with commas between"},
      {"peer", "127.0.0.1:2380", "HOST:PORT where this replica listens for the others"},
      {"advertise-client", "",
       "HOST:PORT,... by which clients reach this replica, as the cell tells them; empty: as "
       "'client', with the host of 'advertise-peer' for one that listens everywhere"},
      {"advertise-peer", "",
       "HOST:PORT by which the other replicas reach this one; empty: as 'initial' says, or 'peer'"},
      {"initial", "",
       "who founds the cell: a=HOST:PORT,b=HOST:PORT,c=HOST:PORT, the same on each; empty: a cell "
       "of one. Counts at the first start alone",
       true},
      {"join", "",
       "instead: client addresses HOST:PORT,... of a cell that this replica was added to (polis "
       "cell "
       "add, polis cell replace). Counts at the first start alone"},
      {"protocol", "",
       "consensus protocol: raft or paxos. Counts when a cell is founded, which keeps it; empty: "
       "raft",
       false, "raft|paxos"},
      {"quorum", "majority",
       "which voters decide: majority; flexible:ELECT,COMMIT (with protocol paxos); places, a "
       "majority of these and in each. Counts when a cell is founded, which keeps it",
       false, "majority|places|flexible:"},
      {"places", "",
       "what fails together: a=ROOM,b=ROOM,... for those in 'initial'. Counts when a cell is "
       "founded",
       true},
      {"cert-file", "",
       "certificate that clients are shown, PEM; with it, client addresses without http:// in "
       "front "
       "speak TLS",
       false, "FILE"},
      {"key-file", "", "its key", false, "FILE"},
      {"client-cert-auth", "false", "clients must show certificates, too", false, "true|false"},
      {"trusted-ca-file", "", "authorities of the clients' certificates, PEM", false, "FILE"},
      {"client-crl-file", "", "revocation lists of these authorities, PEM", false, "FILE"},
      {"client-cert-allowed-cn", "",
       "common names that certificates of clients may have, with commas between; a replica that "
       "joins the cell comes as a client. Empty: any"},
      {"client-cert-allowed-hostname", "",
       "hosts of which certificates of clients must be valid for one; empty: any"},
      {"peer-cert-file", "",
       "certificate that the other replicas are shown, PEM, for the host by which they reach this "
       "one; with it, peer addresses without "
       "http:// "
       "in front speak TLS, and every replica must show one",
       false, "FILE"},
      {"peer-key-file", "", "its key", false, "FILE"},
      {"peer-trusted-ca-file", "", "authorities of the replicas' certificates, PEM", false, "FILE"},
      {"peer-crl-file", "", "revocation lists of these authorities, PEM", false, "FILE"},
      {"peer-cert-allowed-cn", "",
       "common names that certificates of replicas may have, with commas between; empty: any"},
      {"peer-cert-allowed-hostname", "",
       "hosts of which certificates of replicas must be valid for one; empty: any"},
      {"cors", "",
       "origins whose pages in browsers may use JSON and the pages of this replica: "
       "https://HOST:PORT with commas between, or *; empty: none"},
      {"host-whitelist", "*",
       "names that HTTP requests without TLS may have in Host, with commas between; *: any"},
      {"heartbeat-interval", "50ms", "how often the master makes itself heard"},
      {"election-timeout-min", "300ms",
       "silence after which a replica stands for election, at least; 3 heartbeats or more"},
      {"election-timeout-max", "600ms", "and at most"},
      {"reads", "lease",
       "lease: the master answers reads alone while a quorum has promised to elect no other; "
       "quorum: it asks a quorum each time",
       false, "lease|quorum"},
      {"clock-drift-ppm", "500",
       "reads by lease: the clocks of no two replicas run at rates that differ by more than this"},
      {"request-timeout", "7s",
       "after this time without an outcome a request is answered 'timed out'"},
      {"watch-progress-interval", "10m",
       "how often a watch that asked for progress is told how far it has come, while nothing "
       "changes"},
      {"compact-keep-time", "off",
       "history older than this is compacted by itself, for example 1h or 30s; off: never"},
      {"compact-keep-revisions", "0",
       "history further back than so many revisions is compacted by itself; 0: never"},
      {"log-retain-bytes", "8388608",
       "applied log kept in memory for followers that lag; beyond it they get a snapshot"},
      {"wal-segment-bytes", "16777216", "size of one file of the write-ahead log; at least 13 MiB"},
      {"disk-free-min", "100663296",
       "a disk with less free space is full, bytes: puts are refused while a majority of disks is"},
      {"log-level", "info", "debug, info, warn or error", false, "debug|info|warn|error"},
      {"log-format", "text", "text for people, json for machines", false, "text|json"},
  };
  return infos;
}

namespace {

std::uint64_t hash_name(std::string_view text) {
  std::uint64_t id = static_cast<std::uint64_t>(crc32c(text)) << 32 | crc32c(text, 0x506f6c69);
  return id == 0 ? 1 : id;
}

void parse_members(host::SettingReader& in, Settings& settings) {
  std::string_view rest = in.text("initial");
  settings.join = in.text("join");
  if (!settings.join.empty()) {
    if (!rest.empty())
      in.wrong("join", "a replica either founds a cell ('initial') or joins one ('join')");
    return;
  }
  if (rest.empty()) {
    settings.founds_by_default = in.source("initial") == host::Source::kDefault;
    settings.founders.push_back({settings.id, settings.name, settings.peer});
    return;
  }
  while (!rest.empty()) {
    std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    std::size_t equals = one.find('=');
    auto address = io::parse_address(equals == std::string_view::npos ? "" : one.substr(equals + 1),
                                     settings.peers_tls.no_scheme());
    if (!address || equals == 0)
      return in.wrong("initial", fmt::format("'{}' must be NAME=HOST:PORT{}", one,
                                             equals == std::string_view::npos || address
                                                 ? ""
                                                 : "; " + address.error().text));
    if (address->unspecified() || address->is_unix())
      return in.wrong("initial",
                      fmt::format("the others cannot reach '{}'; write the address by which they "
                                  "do, as in {}=10.0.0.1:{}",
                                  one, one.substr(0, equals), address->port));
    if (address->tls && !settings.peers_tls.given())
      return in.wrong("initial",
                      fmt::format("'{}': https:// needs 'peer-cert-file', 'peer-key-file' and "
                                  "'peer-trusted-ca-file'",
                                  one));
    std::string name(one.substr(0, equals));
    settings.founders.push_back({replica_id(settings.cluster, name), name, *address});
  }
  std::sort(settings.founders.begin(), settings.founders.end(),
            [](const peers::Peer& a, const peers::Peer& b) { return a.id < b.id; });
  for (std::size_t i = 1; i < settings.founders.size(); ++i) {
    if (settings.founders[i].id == settings.founders[i - 1].id)
      return in.wrong("initial", "names a replica twice");
  }
  auto own = std::find_if(settings.founders.begin(), settings.founders.end(),
                          [&](const peers::Peer& p) { return p.id == settings.id; });
  if (own == settings.founders.end())
    return in.wrong("name", fmt::format("does not stand in 'initial' ({})", in.text("initial")));
}

void parse_quorum(host::SettingReader& in, Settings& settings) {
  auto rule = consensus::parse_quorum(in.text("quorum"));
  if (!rule) return in.wrong("quorum", rule.error().text);
  settings.quorum = *rule;
  if (in.source("quorum") != host::Source::kDefault) settings.quorum_asked = *rule;
  if (const auto most = consensus::voters_max(rule->kind); settings.founders.size() > most)
    return in.wrong("initial",
                    fmt::format("at most {} replicas with quorum {}", most, to_string(*rule)));
  if (rule->kind == consensus::QuorumKind::kFlexible &&
      settings.protocol == consensus::Protocol::kRaft)
    return in.wrong("quorum", "flexible is for protocol paxos: two who elect in Raft have to meet");
  const std::string places = in.text("places");
  std::string_view rest = places;
  while (!rest.empty()) {
    std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    auto founder =
        std::find_if(settings.founders.begin(), settings.founders.end(),
                     [&](const peers::Peer& p) { return p.name == one.substr(0, equals); });
    if (equals == std::string_view::npos || equals + 1 == one.size() ||
        founder == settings.founders.end())
      return in.wrong("places",
                      fmt::format("'{}' must be NAME=PLACE, and NAME stand in 'initial'", one));
    settings.places[founder->id] = one.substr(equals + 1);
  }
  if (settings.founders.empty()) return;
  if (auto safe = consensus::check_quorums(founding(settings)); !safe)
    in.wrong("quorum", safe.error().text);
}

// The parts between commas, without blanks around them.
std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = http::trim_blanks(text.substr(0, text.find(',')));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(text.size(), text.find(',')));
    if (!text.empty()) text.remove_prefix(1);
  }
  return parts;
}

void read_door(host::SettingReader& in, Settings& settings) {
  settings.door.origins = list_of(in.text("cors"));
  for (const std::string& origin : settings.door.origins) {
    const std::size_t host = origin.find("://");
    if (origin == "*") continue;
    if (host == std::string::npos || host == 0 || host + 3 == origin.size() ||
        origin.find('/', host + 3) != std::string::npos)
      in.wrong("cors",
               fmt::format("'{}' must be https://HOST:PORT as browsers write it, or *", origin));
  }
  // Who asks by TLS has seen a certificate that fits the name.
  const bool plain = std::ranges::any_of(settings.clients, [](const auto& a) { return !a.tls; });
  if (plain) settings.door.hosts = list_of(in.text("host-whitelist"));
}

}  // namespace

consensus::Configuration founding(const Settings& settings) {
  consensus::Configuration configuration;
  configuration.quorum = settings.quorum;
  for (const peers::Peer& founder : settings.founders) {
    auto place = settings.places.find(founder.id);
    configuration.voters.push_back(founder.id);
    configuration.put({.id = founder.id,
                       .name = founder.name,
                       .peer = founder.address.text(),
                       .place = place != settings.places.end() ? place->second : ""});
  }
  return configuration;
}

// FNV-1a.
std::uint64_t founding_cell_id(const Settings& settings, std::string_view origin) {
  std::string text = "cell/" + settings.cluster;
  for (const consensus::Member& member : founding(settings).members)
    text += fmt::format("\n{}={}", member.name, member.peer);
  text += fmt::format("\n{}", origin);
  std::uint64_t id = 0xcbf29ce484222325;
  for (char c : text) id = (id ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return id == 0 ? 1 : id;
}

std::uint64_t cell_id_by_name(const std::string& cluster) { return hash_name("cell/" + cluster); }

consensus::ReplicaId replica_id(const std::string& cluster, const std::string& name) {
  return consensus::ReplicaId(hash_name(cluster + "/" + name));
}

Result<Settings> parse_settings(const host::SettingValues& values) {
  host::SettingReader in(values);
  Settings settings;
  settings.name = in.text("name");
  if (settings.name.empty() || settings.name.find_first_of(",=\" ") != std::string::npos)
    in.wrong("name", "must be a word without ',' and '='");
  settings.cluster = in.text("cluster");
  settings.id = replica_id(settings.cluster, settings.name);
  settings.data_dir = in.text("data-dir");
  if (settings.data_dir.empty()) in.wrong("data-dir", "must be a directory");
  read_tls(in, settings);
  settings.clients = in.addresses("client", settings.clients_tls.no_scheme());
  settings.peer = in.address("peer", settings.peers_tls.no_scheme());
  if (settings.peer.tls && !settings.peers_tls.given())
    in.wrong("peer", "https:// needs 'peer-cert-file', 'peer-key-file' and 'peer-trusted-ca-file'");
  for (const io::Address& one : settings.clients) {
    if (one.tls && !settings.clients_tls.given())
      in.wrong("client", fmt::format("{}:// needs 'cert-file' and 'key-file'",
                                     one.is_unix() ? "unixs" : "https"));
  }
  if (settings.peer.is_unix()) in.wrong("peer", "replicas reach each other by TCP: HOST:PORT");
  read_door(in, settings);
  const std::string protocol = in.text("protocol");
  settings.protocol_asked = consensus::protocol_of(protocol);
  if (!protocol.empty() && !settings.protocol_asked)
    in.wrong("protocol", "known are raft and paxos");
  settings.protocol = settings.protocol_asked.value_or(consensus::Protocol::kRaft);
  settings.heartbeat_interval = in.duration("heartbeat-interval");
  settings.election_timeout_min = in.duration("election-timeout-min");
  settings.election_timeout_max = in.duration("election-timeout-max");
  settings.request_timeout = in.duration("request-timeout");
  settings.watch_progress_interval = in.duration("watch-progress-interval");
  if (settings.election_timeout_min < 3 * settings.heartbeat_interval)
    in.wrong("election-timeout-min", "must be at least 3 times heartbeat-interval");
  if (settings.election_timeout_max <= settings.election_timeout_min)
    in.wrong("election-timeout-max", "must be greater than election-timeout-min");
  const std::string& reads = in.text("reads");
  if (reads != "lease" && reads != "quorum") in.wrong("reads", "must be lease or quorum");
  settings.lease.reads = reads == "quorum" ? consensus::Reads::kQuorum : consensus::Reads::kLease;
  settings.lease.length = settings.election_timeout_min;
  settings.lease.drift_max = static_cast<double>(in.number("clock-drift-ppm", 0, 100'000)) / 1e6;
  if (settings.lease.length <= settings.lease.margin)
    in.wrong("election-timeout-min", "is too short for a master's lease");
  if (in.text("compact-keep-time") != "off")
    settings.auto_compaction.keep_time = in.duration("compact-keep-time");
  settings.auto_compaction.keep_revisions = in.number("compact-keep-revisions", 0, 1ULL << 62);
  settings.log_retain_bytes = in.number("log-retain-bytes", 0, 1ULL << 40);
  settings.wal_segment_bytes = in.number("wal-segment-bytes", 13 << 20, 1 << 30);
  settings.disk_free_min = in.number("disk-free-min", 0, 1ULL << 40);
  const std::string& level = in.text("log-level");
  settings.log_level = level == "debug"   ? host::LogLevel::kDebug
                       : level == "warn"  ? host::LogLevel::kWarn
                       : level == "error" ? host::LogLevel::kError
                                          : host::LogLevel::kInfo;
  if (level != "debug" && level != "info" && level != "warn" && level != "error")
    in.wrong("log-level", "must be debug, info, warn or error");
  settings.log_format =
      in.text("log-format") == "json" ? host::LogFormat::kJson : host::LogFormat::kText;
  if (in.text("log-format") != "json" && in.text("log-format") != "text")
    in.wrong("log-format", "must be text or json");
  parse_members(in, settings);
  if (in.error().empty()) choose_advertised(in, settings);
  parse_quorum(in, settings);
  if (settings.founders.size() > 1) settings.cell_id = founding_cell_id(settings);
  if (!in.error().empty()) return fail(ErrorCode::kInvalid, in.error());
  return settings;
}

}  // namespace polis::cell
