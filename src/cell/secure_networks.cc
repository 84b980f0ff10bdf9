#include "cell/secure_networks.hh"

#include <fmt/format.h>

#include "host/log.hh"

namespace polis::cell {

// Of a certificate that ends soon.
constexpr Duration kWarningInterval = std::chrono::hours(24);

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
  warn_of_ending(side);
}

void SecureNetworks::warn_of_ending(Side& side) {
  const Instant now = reactor_.now();
  const auto lifetime = side.credentials->lifetime();
  if (!lifetime || now < side.warn_after) return;
  const std::int64_t seconds = io::wall_clock_nanoseconds() / 1'000'000'000;
  if (tls::ending_of(*lifetime, seconds) == tls::Ending::kFar) return;
  side.warn_after = now + kWarningInterval;
  host::log_warn("the certificate of '{}' for {} {}; {}", side.credentials->name(), side.whom,
                 tls::ending_text(*lifetime, seconds), tls::kRenewal);
}

void SecureNetworks::report(MetricSink& out) const {
  for (const Side* side : {&clients_, &peers_}) {
    if (const auto lifetime = side->credentials->lifetime())
      out.gauge("polis_certificate_expiry_timestamp_seconds",
                "When the certificate for clients or for replicas ends, since unix epoch",
                static_cast<double>(lifetime->ends), {{"for", side->whom}});
  }
}

}  // namespace polis::cell
