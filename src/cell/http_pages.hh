#pragma once

// What a replica says over HTTP/1.1: /health, /livez, /readyz, /version, /metrics.
//
// Threads: the reactor's.

#include "cell/health.hh"
#include "etcd/common.hh"
#include "etcd/watch.hh"
#include "io/loop.hh"
#include "storage/engine.hh"

namespace polis::cell {

class HttpPages {
 public:
  HttpPages(etcd::Context context, http::Server& server, io::Loop& reactor,
            const storage::Engine& engine, const etcd::WatchService& watch);

 private:
  using Respond = std::function<void(http::HttpResponse)>;
  void on_health(const HealthRequest& request, const Respond& respond);
  HealthState health() const;
  http::HttpResponse metrics() const;
  etcd::Context context_;
  http::Server& server_;
  io::Loop& reactor_;
  const storage::Engine& engine_;
  const etcd::WatchService& watch_;
};

}  // namespace polis::cell
