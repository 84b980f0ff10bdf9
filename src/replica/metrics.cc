#include "replica/metrics.hh"

namespace polis::replica {
namespace {

// Values of any number type.
struct Values {
  MetricSink& out;
  template <typename Value>
  void gauge(const char* name, const char* help, Value value) const {
    out.gauge(name, help, static_cast<double>(value));
  }
  template <typename Value>
  void counter(const char* name, const char* help, Value value) const {
    out.counter(name, help, static_cast<double>(value));
  }
};

void report_log(const Replica& replica, const consensus::Status& log, const Values& out) {
  out.gauge("polis_is_master", "1 if this replica is the master",
            log.role.role == consensus::Role::kMaster);
  out.gauge("polis_has_master", "1 if this replica knows a master",
            log.role.master != consensus::kNoReplica);
  out.gauge("polis_term", "Term of the consensus protocol", log.role.term.value);
  out.gauge("polis_commit_index", "Last committed log entry", log.commit.value);
  out.gauge("polis_applied_index", "Last applied log entry", replica.store().applied().value);
  out.gauge("polis_log_bytes", "Log kept in memory", log.log_bytes);
  out.gauge("polis_wal_bytes", "Write-ahead log on disk", replica.wal_bytes());
}

void report_state(const Replica& replica, const Values& out) {
  const store::Store& store = replica.store();
  out.gauge("polis_revision", "Revision of the store", store.revision());
  out.gauge("polis_compacted_revision", "Revisions below this are gone", store.compacted());
  out.gauge("polis_keys", "Keys, with deleted ones that are not compacted", store.keys());
  out.gauge("polis_leases", "Leases", store.leases().all().size());
  out.gauge("polis_unsaved_bytes", "Applied but not yet in the engine", store.unsaved_bytes());
  out.gauge("polis_disk_full", "1 while this replica's disk is full", replica.disk_full());
  out.gauge("polis_short_of_memory", "1 while this replica has nearly used its memory limit",
            replica.memory().own());
  out.gauge("polis_full_members", "Members whose disks are full", replica.full_members().size());
}

void report_counters(const Counters& counts, const Values& out) {
  out.counter("polis_commands_total", "Commands of this replica's clients that were applied",
              counts.commands_applied);
  out.counter("polis_entries_proposed_total", "Log entries proposed", counts.entries_proposed);
  out.counter("polis_syncs_total", "Syncs of the write-ahead log asked for", counts.syncs);
  out.counter("polis_peer_messages_sent_total", "Messages to peers", counts.messages_sent);
  out.counter("polis_peer_messages_received_total", "Messages from peers",
              counts.messages_received);
  out.counter("polis_role_changes_total", "Changes of role, term or master", counts.role_changes);
  out.counter("polis_slow_disk_hand_overs_total", "Masterships handed over for a slow disk",
              counts.slow_hand_overs);
  out.counter("polis_snapshots_sent_total", "Snapshots made for followers", counts.snapshots_sent);
  out.counter("polis_snapshots_installed_total", "Snapshots installed", counts.snapshots_installed);
}

// Some of etcd's gauges are called "total": clients know them by these names and types.
void report_as_etcd(const Replica& replica, const consensus::Status& log,
                    const MasterChanges& changes, const Values& out) {
  const store::Store& store = replica.store();
  out.gauge("etcd_server_has_leader", "Whether or not a leader exists. 1 is existence, 0 is not.",
            log.role.master != consensus::kNoReplica);
  out.gauge("etcd_server_is_leader",
            "Whether or not this member is a leader. 1 if is, 0 otherwise.",
            log.role.role == consensus::Role::kMaster);
  out.gauge("etcd_server_is_learner",
            "Whether or not this member is a learner. 1 if is, 0 otherwise.",
            log.role.role == consensus::Role::kLearner);
  out.counter("etcd_server_leader_changes_seen_total", "The number of leader changes seen.",
              changes.seen());
  out.gauge("etcd_server_proposals_committed_total",
            "The total number of consensus proposals committed.", log.commit.value);
  out.gauge("etcd_server_proposals_applied_total",
            "The total number of consensus proposals applied.", store.applied().value);
  out.gauge("etcd_server_proposals_pending", "The current number of pending proposals to commit.",
            replica.commands_pending());
  out.counter("etcd_server_proposals_failed_total", "The total number of failed proposals seen.",
              replica.counters().commands_failed);
  out.gauge("etcd_debugging_mvcc_keys_total", "Total number of keys.", store.index().total().alive);
  out.gauge("etcd_debugging_mvcc_current_revision", "The current revision of store.",
            store.revision());
  out.gauge("etcd_debugging_mvcc_compact_revision", "The revision of the last compaction in store.",
            store.compacted());
}

}  // namespace

void report(const Replica& replica, const MasterChanges& changes, MetricSink& out) {
  const consensus::Status log = replica.status();
  const Values values{out};
  report_log(replica, log, values);
  report_state(replica, values);
  report_counters(replica.counters(), values);
  report_as_etcd(replica, log, changes, values);
}

}  // namespace polis::replica
