#pragma once

// An address at which something listens or is reached: a host and a port, or a unix socket.
//
// parse_address() reads these forms. `https://` (TLS), `http://` or `tcp://` may stand before them,
// and one `/` behind them:
//   HOST:PORT   10.0.0.1:2379   [2001:db8::1]:2379   2001:db8::1:2379 (its last part is the port)
//   :PORT       every address of this machine
// A unix socket is written as in etcd. Everything behind `unix://` or `unix:` is the path of a
// file:
//   unix:///run/polis.sock   unix://polis.sock   unix://localhost:2379   unix:/run/polis.sock
// With unixs:// in place of unix:// they speak TLS; a certificate is for "localhost" there.
//
// Threads: plain values and pure functions, from any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"

namespace polis::io {

struct Address {
  std::string host;
  std::uint16_t port = 0;
  std::string path;  // of a unix socket; then host and port have no meaning
  bool tls = false;  // connections to it are encrypted (tls/network.hh)

  bool is_unix() const { return !path.empty(); }
  // The host is 0.0.0.0, :: or empty: every address of this machine. One can listen there, but
  // others cannot connect to it.
  bool unspecified() const;
  // Only this machine can reach it.
  bool loopback() const;
  // "HOST:PORT", "https://HOST:PORT", "[IPV6]:PORT", "unix://PATH" or "unixs://PATH".
  std::string text() const;
  std::string url() const;        // with http:// or https:// in front, unless it is a unix socket
  std::string authority() const;  // of requests: "HOST:PORT", or "localhost" for a unix socket
  // The host for which a certificate has to be: without the zone of an IPv6 address.
  std::string certified_host() const;
  // The same place, encrypted or not.
  Address with_tls(bool encrypted) const;
  bool operator==(const Address&) const = default;
};

// The longest path that the system takes, without the zero behind it.
inline constexpr std::size_t kUnixPathMax = 107;

// Whether an address without a scheme before it is plain or encrypted.
enum class NoScheme { kPlain, kTls };
// kInvalid: `text` is no address; the error says what to write instead.
Result<Address> parse_address(std::string_view text, NoScheme no_scheme = NoScheme::kPlain);
// Reads several addresses with commas between them. kInvalid: one of them is wrong, or there is
// none.
Result<std::vector<Address>> parse_addresses(std::string_view text,
                                             NoScheme no_scheme = NoScheme::kPlain);

// Whether `host` is an IPv4 or IPv6 address, not a name.
bool is_ip(const std::string& host);
// The text of an IP address, given as 4 or 16 bytes in network order. Empty: another length.
std::string ip_text(std::string_view bytes);

// The IP address at which other machines most likely reach this one: that of the first network
// interface that is up and not loopback, IPv4 before IPv6. nullopt: there is none.
std::optional<std::string> host_of_this_machine();

}  // namespace polis::io
