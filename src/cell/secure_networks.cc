#include "cell/secure_networks.hh"

#include <fmt/format.h>

#include "host/log.hh"

namespace polis::cell {

constexpr Duration kWarningInterval = std::chrono::hours(24);

std::string expiry_warning(const std::string& what, std::int64_t expires, std::int64_t now) {
  if (expires - now > kExpiryNoticeSeconds) return "";
  if (expires <= now) {
    return fmt::format("{} has ended: connections that verify it fail; put a new one in its place",
                       what);
  }
  const std::int64_t days = (expires - now) / 86'400;
  return fmt::format(
      "{} ends in {}: put a new one in its place, it is taken without a restart", what,
      days >= 2 ? fmt::format("{} days", days) : fmt::format("{} hours", (expires - now) / 3600));
}

Result<void> SecureNetworks::open(Side& side, const char* whom, const TlsSettings& settings) {
  auto credentials = tls::Credentials::load(settings.files, settings.rules);
  if (!credentials) return std::unexpected(credentials.error());
  side.whom = whom;
  side.credentials = std::move(*credentials);
  side.network =
      std::make_unique<tls::Network>(reactor_, reactor_.network(), side.credentials.get());
  side.network->on_refused([&side](const std::string& why) {
    ++side.refused;
    side.refused_last = why;
  });
  if (settings.given()) host::log_info("TLS for {}: {}", whom, side.credentials->describe());
  return {};
}

Result<void> SecureNetworks::open(const Settings& settings) {
  if (auto done = open(clients_, "clients", settings.clients_tls); !done) return done;
  // Without certificates of its own there is nobody to ask for one.
  TlsSettings peers = settings.peers_tls;
  peers.rules.client_certificates = peers.given();
  return open(peers_, "replicas", peers);
}

void SecureNetworks::look() {
  look(clients_);
  look(peers_);
}

void SecureNetworks::look(Side& side) {
  auto changed = side.credentials->refresh();
  const std::string complaint = changed ? "" : changed.error().text;
  if (!complaint.empty() && complaint != side.complaint)
    host::log_warn("TLS for {} goes on with what it has: {}", side.whom, complaint);
  side.complaint = complaint;
  if (changed && *changed) {
    host::log_info("TLS for {} from now on: {}", side.whom, side.credentials->describe());
    side.warn_after = {};
  }
  if (side.refused > 0) {
    host::log_warn("{} TLS connections of {} failed; the last of them: {}",
                   std::exchange(side.refused, 0), side.whom, side.refused_last);
  }
  warn_of_expiry(side);
}

void SecureNetworks::warn_of_expiry(Side& side) {
  const Instant now = reactor_.now();
  if (!side.credentials->expires() || now < side.warn_after) return;
  const std::string warning =
      expiry_warning(fmt::format("the {} for {}", side.credentials->describe(), side.whom),
                     *side.credentials->expires(), io::wall_clock_nanoseconds() / 1'000'000'000);
  if (warning.empty()) return;
  side.warn_after = now + kWarningInterval;
  host::log_warn("{}", warning);
}

}  // namespace polis::cell
