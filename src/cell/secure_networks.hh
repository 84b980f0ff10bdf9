#pragma once

// The two networks of a replica: to its clients, and to the other replicas. Each is plain or
// encrypted, as its addresses say. Also logs what an operator must know about their certificates.
//
// Threads: the loop's. Life: construct -> open, once -> use; look() about once a second. `reactor`
// must outlive it; it must outlive its streams.

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

  // Loads the certificates. kInvalid: a file cannot be used; the text names it.
  Result<void> open(const Settings& settings);
  io::Network& clients() { return *clients_.network; }
  io::Network& peers() { return *peers_.network; }
  // The certificates that clients see, and those that the other replicas see.
  const tls::Credentials& for_clients() const { return *clients_.credentials; }
  const tls::Credentials& for_peers() const { return *peers_.credentials; }
  void report(MetricSink& out) const;
  // Loads certificates again if their files have changed. Logs changes, files that cannot be used,
  // connections that failed, and certificates that end soon.
  void look();

 private:
  struct Side {
    const char* whom = "";  // "clients", "replicas"
    std::unique_ptr<tls::Credentials> credentials;
    std::unique_ptr<tls::Network> network;
    std::string complaint;  // the last error of its files; the same one is logged once
    std::uint64_t refused = 0;
    std::string refused_last;
    Instant warn_after{};  // no warning that its certificate ends before this time
  };
  Result<void> open(Side& side, const char* whom, const TlsSettings& settings);
  void look(Side& side);
  void warn_of_ending(Side& side);

  io::Reactor& reactor_;
  Side clients_, peers_;
};

}  // namespace polis::cell
