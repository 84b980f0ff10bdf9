#pragma once

// The two networks of a replica: to its clients, and to the other replicas. Each is plain or
// encrypted, as its addresses say. Also logs what an operator must know about their certificates.
//
// Threads: the loop's. Life: construct -> open, once -> use; look() about once a second. `reactor`
// must outlive it; it must outlive its streams.

#include <memory>
#include <string>

#include "cell/settings.hh"
#include "io/reactor.hh"
#include "tls/network.hh"

namespace polis::cell {

// During this time before a certificate ends, a warning is logged once a day.
inline constexpr std::int64_t kExpiryNoticeSeconds = 14 * 86'400;

// The warning that a certificate ends soon or has ended. `what`: names the certificate. `expires`,
// `now`: seconds since 1970. Empty: it ends later than the notice begins.
std::string expiry_warning(const std::string& what, std::int64_t expires, std::int64_t now);

class SecureNetworks {
 public:
  explicit SecureNetworks(io::Reactor& reactor) : reactor_(reactor) {}

  // Loads the certificates. kInvalid: a file cannot be used; the text names it.
  Result<void> open(const Settings& settings);
  io::Network& clients() { return *clients_.network; }
  io::Network& peers() { return *peers_.network; }
  // For calling other replicas as a client of theirs.
  const tls::Credentials& client_credentials() const { return *clients_.credentials; }
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
  void warn_of_expiry(Side& side);

  io::Reactor& reactor_;
  Side clients_, peers_;
};

}  // namespace polis::cell
