#pragma once

// The settings of a cell replica: one table says each one's name, default and meaning. Values come
// from flags, the environment (POLIS_…), the YAML file, and the defaults, in this order; where each
// came from can be shown.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hh"
#include "base/time.hh"
#include "cell/log.hh"
#include "cell/peer_links.hh"
#include "consensus/options.hh"
#include "consensus/quorum.hh"
#include "replica/auto_compaction.hh"

namespace polis::cell {

struct SettingInfo {
  const char* name;  // as a flag: --data-dir; in YAML: data-dir; in the environment: POLIS_DATA_DIR
  const char* standard;  // default, as text
  const char* help;
};
const std::vector<SettingInfo>& setting_infos();

enum class Source { kDefault, kFile, kEnvironment, kFlag };
const char* to_string(Source source);

struct SettingValue {
  std::string text;
  Source source = Source::kDefault;
};
using SettingValues = std::map<std::string, SettingValue>;

// Collects the values. kInvalid: names the file, line or variable.
Result<SettingValues> collect_settings(const std::string& file,
                                       const std::map<std::string, std::string>& flags,
                                       const std::map<std::string, std::string>& environment);

struct Settings {
  std::string name;
  std::string cluster;  // told apart from other cells by this as well
  std::string data_dir;
  io::Address client, peer;
  std::string client_text, peer_text;  // as they were given
  std::vector<Peer> founders;  // sorted by id: this one and those it founds the cell with; or none
  std::string join;            // endpoints of replicas of a cell that exists already
  std::uint64_t cell_id = 0;
  consensus::ReplicaId id;       // of a founder; who joins is given one by the cell
  consensus::QuorumRule quorum;  // of the cell that is founded
  std::map<consensus::ReplicaId, std::string> places;  // of its founders
  std::optional<consensus::Protocol> protocol_asked;
  consensus::Protocol protocol = consensus::Protocol::kRaft;  // what the cell was founded with
  Duration heartbeat_interval, election_timeout_min, election_timeout_max, request_timeout;
  consensus::LeaseOptions lease;
  replica::AutoCompactionOptions auto_compaction;
  std::size_t log_retain_bytes = 0;
  std::uint64_t wal_segment_bytes = 0, disk_free_min = 0;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
};

// Checks and converts. kInvalid: names the setting, its value, where it came from, and what would
// be right.
Result<Settings> parse_settings(const SettingValues& values);

// Who takes part in a cell when it is founded.
consensus::Configuration founding(const Settings& settings);

// The id of a replica is made from the cell's cluster name and its own, so that all agree without
// talking.
consensus::ReplicaId replica_id(const std::string& cluster, const std::string& name);

}  // namespace polis::cell
