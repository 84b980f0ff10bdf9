#pragma once

// What a replica says over HTTP/1.1: /health, /livez, /readyz, /version, /metrics.
//
// Threads: the reactor's.

#include "etcd/common.hh"
#include "etcd/watch.hh"
#include "storage/engine.hh"

namespace polis::cell {

class HttpPages {
 public:
  HttpPages(etcd::Context context, http::Server& server, const storage::Engine& engine,
            const etcd::WatchService& watch);

 private:
  http::HttpResponse metrics() const;
  etcd::Context context_;
  http::Server& server_;
  const storage::Engine& engine_;
  const etcd::WatchService& watch_;
};

}  // namespace polis::cell
