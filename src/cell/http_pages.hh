#pragma once

// What a replica says over HTTP/1.1: /health, /livez, /readyz, /version, /metrics.
//
// Threads: the reactor's.

#include "cell/etcd_common.hh"
#include "cell/etcd_watch.hh"
#include "storage/engine.hh"

namespace polis::cell {

class HttpPages {
 public:
  HttpPages(EtcdContext context, http::Server& server, const storage::Engine& engine,
            const EtcdWatch& watch);

 private:
  http::HttpResponse metrics() const;
  EtcdContext context_;
  http::Server& server_;
  const storage::Engine& engine_;
  const EtcdWatch& watch_;
};

}  // namespace polis::cell
