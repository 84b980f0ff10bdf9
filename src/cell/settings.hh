#pragma once

// The settings of a replica: their table for host/settings.hh, and their converted values.
//
// Threads: any.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hh"
#include "base/time.hh"
#include "consensus/options.hh"
#include "consensus/quorum.hh"
#include "host/log.hh"
#include "host/settings.hh"
#include "http/door.hh"
#include "peers/links.hh"
#include "replica/auto_compaction.hh"
#include "tls/credentials.hh"

namespace polis::cell {

// The table of all settings.
host::SettingTable setting_infos();

// The TLS settings of the client addresses, or of the peer address.
struct TlsSettings {
  tls::Files files;
  tls::Rules rules;
  // A certificate is set. Then addresses without a scheme before them speak TLS.
  bool given() const { return !files.certificate.empty(); }
  io::NoScheme no_scheme() const { return given() ? io::NoScheme::kTls : io::NoScheme::kPlain; }
};

struct Settings {
  std::string name;
  std::string cluster;  // the cell's name; cell ids and replica ids are made from it
  std::string data_dir;
  std::vector<io::Address> clients;  // where clients are served; at least one
  io::Address peer;                  // where this replica listens for other replicas
  // The addresses that the cell is told: others reach this replica there. Never 0.0.0.0 or ::.
  std::string client_text;  // with commas between them
  std::string peer_text;
  TlsSettings clients_tls, peers_tls;
  http::DoorOptions door;  // of pages and JSON
  std::vector<peers::Peer>
      founders;  // the replicas that found the cell, this one included; sorted by id; or none
  bool founds_by_default = false;  // a cell of one, because neither 'initial' nor 'join' was given
  std::string join;                // endpoints of the cell to join; empty: none
  // The id of the cell that these founders make: equal on all of them. 0 for a cell of one, which
  // draws an id when it is founded, and for a replica that joins, which is told the id. In a data
  // directory that was used before, the id in it counts (identity.hh).
  std::uint64_t cell_id = 0;
  consensus::ReplicaId id;       // of a founder; a replica that joins gets one from the cell
  consensus::QuorumRule quorum;  // for the cell that is founded
  std::optional<consensus::QuorumRule> quorum_asked;          // nullopt: the setting was not given
  std::map<consensus::ReplicaId, std::string> places;         // of the founders
  std::optional<consensus::Protocol> protocol_asked;          // nullopt: the setting was not given
  consensus::Protocol protocol = consensus::Protocol::kRaft;  // of the cell
  Duration heartbeat_interval, election_timeout_min, election_timeout_max, request_timeout,
      watch_progress_interval;
  consensus::LeaseOptions lease;
  replica::AutoCompactionOptions auto_compaction;
  std::size_t log_retain_bytes = 0;
  std::uint64_t wal_segment_bytes = 0, disk_free_min = 0;
  host::LogLevel log_level = host::LogLevel::kInfo;
  host::LogFormat log_format = host::LogFormat::kText;
};

// Checks and converts the values. kInvalid: a setting is wrong; the text has its name, its value,
// where that came from, and what would be right.
Result<Settings> parse_settings(const host::SettingValues& values);

// The configuration of a cell when it is founded.
consensus::Configuration founding(const Settings& settings);

// The id of the cell that `settings.founders` make. It is computed from the cell's name and from
// the founders' names and addresses, so that all founders agree without a message. `origin`:
// further text that goes into the id, such as the backup that the cell begins with.
std::uint64_t founding_cell_id(const Settings& settings, std::string_view origin = "");
// The id that releases before 2026-11-27 used: computed from the cell's name alone.
std::uint64_t cell_id_by_name(const std::string& cluster);

// The id of a founder, computed from the cell's name and the replica's name, so that all founders
// agree without a message.
consensus::ReplicaId replica_id(const std::string& cluster, const std::string& name);

}  // namespace polis::cell
