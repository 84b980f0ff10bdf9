#pragma once

// What a replica says over HTTP/1.1: /health, /livez, /readyz, /version, /metrics.
//
// Threads: the reactor's.

#include "cell/health.hh"
#include "etcd/common.hh"
#include "host/metrics.hh"
#include "io/loop.hh"

namespace polis::cell {

class HttpPages {
 public:
  // `metrics`: outlives the server's calls.
  HttpPages(etcd::Context context, http::Server& server, io::Loop& reactor,
            const host::Metrics& metrics);

 private:
  using Respond = std::function<void(http::HttpResponse)>;
  void on_health(const HealthRequest& request, const Respond& respond);
  HealthState health() const;
  etcd::Context context_;
  io::Loop& reactor_;
};

}  // namespace polis::cell
