#include "cell/metrics.hh"

#include "host/process_metrics.hh"
#include "host/version.hh"

namespace polis::cell {
namespace {

void report_disk(const io::PosixDisk& disk, const storage::LmdbEngine& engine, MetricSink& out) {
  const auto size = static_cast<double>(engine.bytes_on_disk());
  out.gauge("polis_engine_disk_bytes", "Size of the engine's file", size);
  out.gauge("etcd_mvcc_db_total_size_in_bytes",
            "Total size of the underlying database physically allocated in bytes.", size);
  out.gauge("etcd_mvcc_db_total_size_in_use_in_bytes",
            "Total size of the underlying database logically in use in bytes.",
            static_cast<double>(engine.bytes_in_use()));
  // Of all files, only the log is synced by File::sync_later.
  out.histogram("etcd_disk_wal_fsync_duration_seconds",
                "The latency distributions of fsync called by WAL.", disk.sync_times());
  out.histogram("etcd_disk_backend_commit_duration_seconds",
                "The latency distributions of commit called by backend.", engine.commit_times());
}

void report_build(MetricSink& out) {
  out.gauge("polis_build_info", "1, with what this process is", 1, {{"version", host::kVersion}});
}

}  // namespace

void add_probes(host::Metrics& metrics, const Measured& measured) {
  metrics.add([measured](MetricSink& out) {
    replica::report(measured.replica, measured.master_changes, out);
  });
  metrics.add([measured](MetricSink& out) { report_disk(measured.disk, measured.engine, out); });
  metrics.add([measured](MetricSink& out) { measured.server.report(out); });
  metrics.add([measured](MetricSink& out) { measured.watch.report(out); });
  metrics.add([measured](MetricSink& out) { measured.networks.report(out); });
  metrics.add(host::report_process);
  metrics.add(report_build);
}

}  // namespace polis::cell
