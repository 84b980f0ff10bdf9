#pragma once

// The pages that a replica serves over HTTP by GET and HEAD:
//   /health, /livez, /readyz   see health.hh. Where a linearizable read is needed, it may take one
//                              second; then it counts as failed.
//   /version                   JSON: the versions of Polis and of etcd's API
//   /metrics                   for Prometheus (host/metrics.hh)
// Any other path that has no route is answered with status 404 and a list of the pages.
//
// Threads: the loop's. Life: the constructor adds the pages to the server; must outlive the
// server's calls.

#include "cell/health.hh"
#include "etcd/common.hh"
#include "host/metrics.hh"
#include "io/loop.hh"

namespace polis::cell {

class HttpPages {
 public:
  // All references must outlive the server's calls. Adds the route /metrics, and becomes the
  // server's fallback for all other paths (Server::set_http).
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
