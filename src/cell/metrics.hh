#pragma once

// The metrics that a replica serves at /metrics: those of each of its components.
//
// Threads: the loop's.

#include "cell/secure_networks.hh"
#include "etcd/watch.hh"
#include "host/metrics.hh"
#include "http/server.hh"
#include "io/posix_disk.hh"
#include "replica/metrics.hh"
#include "storage/lmdb_engine.hh"

namespace polis::cell {

// The components. They must live until the registry's last page was made.
struct Measured {
  const replica::Replica& replica;
  const replica::MasterChanges& master_changes;
  const io::PosixDisk& disk;
  const storage::LmdbEngine& engine;
  const http::Server& server;
  const etcd::WatchService& watch;
  const SecureNetworks& networks;
};

// Adds a probe for each component to `metrics`.
void add_probes(host::Metrics& metrics, const Measured& measured);

}  // namespace polis::cell
