#pragma once

// The two networks of a replica, to its clients and to the other replicas: plain or encrypted, as
// the addresses say; and what an operator has to know about their certificates.
//
// Threads: the reactor's. Life: construct -> open, once -> use; look() each second.

#include <memory>
#include <string>

#include "base/metrics.hh"
#include "cell/settings.hh"
#include "io/reactor.hh"
#include "tls/network.hh"

namespace polis::cell {

class SecureNetworks {
 public:
  explicit SecureNetworks(io::Reactor& reactor) : reactor_(reactor) {}

  // kInvalid: names the file that cannot be used.
  Result<void> open(const Settings& settings);
  io::Network& clients() { return *clients_.network; }
  io::Network& peers() { return *peers_.network; }
  // What is shown to clients, and to the other replicas.
  const tls::Credentials& for_clients() const { return *clients_.credentials; }
  const tls::Credentials& for_peers() const { return *peers_.credentials; }
  void report(MetricSink& out) const;
  // Uses files that have changed, and logs what there is to log.
  void look();

 private:
  struct Side {
    const char* whom = "";  // "clients", "replicas"
    std::unique_ptr<tls::Credentials> credentials;
    std::unique_ptr<tls::Network> network;
    std::string complaint;  // the last one about its files, so that it is said once
    std::uint64_t refused = 0;
    std::string refused_last;
    Instant warn_after{};  // of the end of its certificate
  };
  Result<void> open(Side& side, const char* whom, const TlsSettings& settings);
  void look(Side& side);
  void warn_of_ending(Side& side);

  io::Reactor& reactor_;
  Side clients_, peers_;
};

}  // namespace polis::cell
