#pragma once

// The settings of a cell replica: the table of them for host/settings.hh, and what their values
// mean.

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

// The table of them.
host::SettingTable setting_infos();

// One side of TLS: of the client addresses, or of the peer address.
struct TlsSettings {
  tls::Files files;
  tls::Rules rules;
  // Addresses without a scheme in front speak TLS.
  bool given() const { return !files.certificate.empty(); }
  io::NoScheme no_scheme() const { return given() ? io::NoScheme::kTls : io::NoScheme::kPlain; }
};

struct Settings {
  std::string name;
  std::string cluster;  // told apart from other cells by this as well
  std::string data_dir;
  std::vector<io::Address> clients;  // where clients are served; one at least
  io::Address peer;                  // where this replica listens for the others
  // What the cell is told: addresses at which others reach this replica, never 0.0.0.0 or ::.
  std::string client_text;  // with commas between
  std::string peer_text;
  TlsSettings clients_tls, peers_tls;
  http::DoorOptions door;  // of pages and JSON
  std::vector<peers::Peer>
      founders;  // sorted by id: this one and those it founds the cell with; or none
  bool founds_by_default = false;  // a cell of one, because neither 'initial' nor 'join' was given
  std::string join;                // endpoints of replicas of a cell that exists already
  // Of the cell that these founders make: equal on all of them, and another one for other founders.
  // 0 for a cell of one, which draws its own when it is founded, and for who joins, which is told.
  // What a directory says counts instead (identity.hh).
  std::uint64_t cell_id = 0;
  consensus::ReplicaId id;       // of a founder; who joins is given one by the cell
  consensus::QuorumRule quorum;  // of the cell that is founded
  std::optional<consensus::QuorumRule> quorum_asked;   // if it was given
  std::map<consensus::ReplicaId, std::string> places;  // of its founders
  std::optional<consensus::Protocol> protocol_asked;
  consensus::Protocol protocol = consensus::Protocol::kRaft;  // what the cell was founded with
  Duration heartbeat_interval, election_timeout_min, election_timeout_max, request_timeout,
      watch_progress_interval;
  consensus::LeaseOptions lease;
  replica::AutoCompactionOptions auto_compaction;
  std::size_t log_retain_bytes = 0;
  std::uint64_t wal_segment_bytes = 0, disk_free_min = 0;
  host::LogLevel log_level = host::LogLevel::kInfo;
  host::LogFormat log_format = host::LogFormat::kText;
};

// Checks and converts. kInvalid: names the setting, its value, where it came from, and what would
// be right.
Result<Settings> parse_settings(const host::SettingValues& values);

// Who takes part in a cell when it is founded.
consensus::Configuration founding(const Settings& settings);

// The id of the cell that `settings.founders` make: from its name, theirs and their addresses, so
// that all agree without talking. `origin`: what else makes it another cell.
std::uint64_t founding_cell_id(const Settings& settings, std::string_view origin = "");
// As releases before 2026-11-27 made it: from the name alone.
std::uint64_t cell_id_by_name(const std::string& cluster);

// The id of a replica is made from the cell's cluster name and its own, so that all agree without
// talking.
consensus::ReplicaId replica_id(const std::string& cluster, const std::string& name);

}  // namespace polis::cell
