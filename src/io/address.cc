#include "io/address.hh"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

namespace polis::io {
namespace {

constexpr const char* kExamples =
    "write HOST:PORT, for example 127.0.0.1:2379, [::1]:2379 or unix:///run/polis.sock";

std::unexpected<Error> wrong(std::string_view given, std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("'{}' is not an address: {}", given, why));
}

// Without the zone behind '%'.
std::string without_zone(const std::string& host) { return host.substr(0, host.find('%')); }

bool is_ipv6(const std::string& host) {
  in6_addr ignored;
  return ::inet_pton(AF_INET6, without_zone(host).c_str(), &ignored) == 1;
}

bool good_name(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

Result<Address> parse_unix(std::string_view given, std::string_view path, bool tls) {
  if (path.empty()) return wrong(given, "the path of the socket is missing");
  if (path.size() > kUnixPathMax)
    return wrong(given,
                 fmt::format("the path of a unix socket has at most {} bytes", kUnixPathMax));
  return Address{"", 0, std::string(path), tls};
}

Result<Address> parse_host_and_port(std::string_view given, std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find('/') != std::string_view::npos)
    return wrong(given, fmt::format("nothing may stand behind the port; {}", kExamples));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return wrong(given, fmt::format("the port is missing; {}", kExamples));
  const std::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port > 65535)
    return wrong(given, fmt::format("'{}' is no port; {}", digits, kExamples));
  std::string host(text.substr(0, colon));
  const bool brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (brackets) host = host.substr(1, host.size() - 2);
  const bool colons = host.find(':') != std::string::npos;
  if (brackets || colons ? !is_ipv6(host) : !good_name(host))
    return wrong(given, colons && !brackets
                            ? std::string("an IPv6 address stands in brackets: [ADDRESS]:PORT")
                            : fmt::format("'{}' is no host; {}", host, kExamples));
  return Address{std::move(host), static_cast<std::uint16_t>(port), ""};
}

}  // namespace

bool Address::unspecified() const {
  if (is_unix()) return false;
  if (host.empty()) return true;
  in_addr four;
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return four.s_addr == INADDR_ANY;
  in6_addr six;
  return ::inet_pton(AF_INET6, without_zone(host).c_str(), &six) == 1 &&
         IN6_IS_ADDR_UNSPECIFIED(&six);
}

bool Address::loopback() const {
  if (is_unix() || host == "localhost") return true;
  in_addr four;
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1)
    return (ntohl(four.s_addr) >> 24) == IN_LOOPBACKNET;
  in6_addr six;
  return ::inet_pton(AF_INET6, without_zone(host).c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string Address::authority() const {
  if (is_unix()) return "localhost";
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string Address::certified_host() const { return is_unix() ? "localhost" : without_zone(host); }

Address Address::with_tls(bool encrypted) const {
  Address other = *this;
  other.tls = encrypted;
  return other;
}

std::string Address::text() const {
  if (is_unix()) return (tls ? "unixs://" : "unix://") + path;
  return tls ? url() : authority();
}

std::string Address::url() const {
  if (is_unix()) return text();
  return (tls ? "https://" : "http://") + authority();
}

Result<Address> parse_address(std::string_view text, NoScheme no_scheme) {
  const std::string_view given = text;
  for (std::string_view scheme : {"unix://", "unix:", "unixs://", "unixs:"}) {
    if (text.starts_with(scheme))
      return parse_unix(given, text.substr(scheme.size()), scheme.starts_with("unixs"));
  }
  bool tls = no_scheme == NoScheme::kTls;
  for (std::string_view scheme : {"https://", "http://", "tcp://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    tls = scheme == "https://";
    break;
  }
  if (const std::size_t at = text.find("://"); at != std::string_view::npos)
    return wrong(given,
                 fmt::format("'{}' is no scheme that is known; {}", text.substr(0, at), kExamples));
  auto address = parse_host_and_port(given, text);
  if (address) address->tls = tls;
  return address;
}

Result<std::vector<Address>> parse_addresses(std::string_view text, NoScheme no_scheme) {
  std::vector<Address> found;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    auto address = parse_address(one, no_scheme);
    if (!address) return std::unexpected(address.error());
    found.push_back(std::move(*address));
  }
  if (found.empty()) return wrong(text, kExamples);
  return found;
}

bool is_ip(const std::string& host) {
  in_addr four;
  return ::inet_pton(AF_INET, host.c_str(), &four) == 1 || is_ipv6(host);
}

std::string ip_text(std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == sizeof(in_addr)    ? AF_INET
                     : bytes.size() == sizeof(in6_addr) ? AF_INET6
                                                        : AF_UNSPEC;
  if (family == AF_UNSPEC || ::inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr)
    return "";
  return text.data();
}

std::optional<std::string> host_of_this_machine() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  std::optional<std::string> six;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0 ||
        (one->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (one->ifa_addr->sa_family == AF_INET) {
      const auto* four = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
      return ::inet_ntop(AF_INET, &four->sin_addr, text.data(), text.size());
    }
    if (one->ifa_addr->sa_family == AF_INET6 && !six) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
      // A link-local address means something together with an interface alone.
      if (IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr)) continue;
      six = ::inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size());
    }
  }
  return six;
}

}  // namespace polis::io
