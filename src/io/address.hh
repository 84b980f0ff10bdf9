#pragma once

// Where something listens or is reached: a host and a port, or a unix socket.
//
// Understood are, with `http://` or `tcp://` in front or without, and with one `/` behind or
// without:
//   HOST:PORT   10.0.0.1:2379   [2001:db8::1]:2379   2001:db8::1:2379 (the port is what stands
//   last) :PORT       every address of this machine
// and for unix sockets, as etcd has them, all of the rest as the path of a file:
//   unix:///run/polis.sock   unix://polis.sock   unix://localhost:2379   unix:/run/polis.sock
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

  bool is_unix() const { return !path.empty(); }
  // Every address of this machine: 0.0.0.0, :: or none. To listen at, never to be told to others.
  bool unspecified() const;
  // This machine alone.
  bool loopback() const;
  std::string text() const;  // "HOST:PORT", "[IPV6]:PORT" or "unix://PATH"
  std::string url() const;   // with http:// in front, unless it is a unix socket
  bool operator==(const Address&) const = default;
};

// The longest path that the system takes, without the zero behind it.
inline constexpr std::size_t kUnixPathMax = 107;

// kInvalid: says what to write instead.
Result<Address> parse_address(std::string_view text);
// Several, with commas between. kInvalid also if there is none.
Result<std::vector<Address>> parse_addresses(std::string_view text);

// An address at which other machines most likely reach this one: of the first interface that is up
// and not loopback, IPv4 before IPv6. Nothing: there is none.
std::optional<std::string> host_of_this_machine();

}  // namespace polis::io
