#include "cell/replica_options.hh"

#include "io/reactor.hh"

namespace polis::cell {

replica::Options replica_options(const Settings& settings, std::uint64_t incarnation, bool begun) {
  replica::Options options;
  options.begun = begun;
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

void fit_into(replica::Options& options, std::uint64_t memory) {
  options.unsaved_bytes_max = std::min<std::uint64_t>(options.unsaved_bytes_max, memory / 8);
  options.pending_bytes_max = std::min<std::uint64_t>(options.pending_bytes_max, memory / 16);
  options.log_retain_bytes = std::min<std::uint64_t>(options.log_retain_bytes, memory / 32);
  options.engine_bytes = std::min<std::uint64_t>(options.engine_bytes, memory / 32);
  options.log_bytes_max = std::min<std::uint64_t>(options.log_bytes_max, memory / 8);
}

}  // namespace polis::cell
