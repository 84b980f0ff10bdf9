#pragma once

// Where something listens or is reached: a host and a port, or a unix socket.
//
// Understood are, with `https://` (TLS), `http://` or `tcp://` in front or without, and with one
// `/` behind or without:
//   HOST:PORT   10.0.0.1:2379   [2001:db8::1]:2379   2001:db8::1:2379 (the port is what stands
//   last) :PORT       every address of this machine
// and for unix sockets, as etcd has them, all of the rest as the path of a file:
//   unix:///run/polis.sock   unix://polis.sock   unix://localhost:2379   unix:/run/polis.sock
// With unixs:// in place of unix:// they speak TLS; a certificate is for "localhost" there.
//
// Threads: any.

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
  std::string path;  // of a unix socket; host and port mean nothing then
  bool tls = false;  // what is said there is encrypted (tls/network.hh)

  bool is_unix() const { return !path.empty(); }
  // Every address of this machine: 0.0.0.0, :: or none. To listen at, never to be told to others.
  bool unspecified() const;
  // This machine alone.
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

// What an address without a scheme in front means.
enum class NoScheme { kPlain, kTls };
// kInvalid: says what to write instead.
Result<Address> parse_address(std::string_view text, NoScheme no_scheme = NoScheme::kPlain);
// Several, with commas between. kInvalid also if there is none.
Result<std::vector<Address>> parse_addresses(std::string_view text,
                                             NoScheme no_scheme = NoScheme::kPlain);

// An IPv4 or IPv6 address, and no name.
bool is_ip(const std::string& host);
// Of 4 or 16 bytes in network order; empty: neither.
std::string ip_text(std::string_view bytes);

// An address at which other machines most likely reach this one: of the first interface that is up
// and not loopback, IPv4 before IPv6. Nothing: there is none.
std::optional<std::string> host_of_this_machine();

}  // namespace polis::io
