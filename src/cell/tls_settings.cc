#include "cell/tls_settings.hh"

#include <fmt/format.h>

namespace polis::cell {
namespace {

void need_both(host::SettingReader& in, const char* certificate, const char* key) {
  if (in.text(certificate).empty() == in.text(key).empty()) return;
  in.wrong(in.text(certificate).empty() ? key : certificate,
           fmt::format("'{}' and '{}' are given together or not at all", certificate, key));
}

void add_plain(std::string& found, const io::Address& listening, const std::string& advertised) {
  if (listening.is_unix() || listening.tls) return;
  auto told = io::parse_addresses(advertised);
  const bool told_others = told && std::any_of(told->begin(), told->end(), [](const auto& one) {
                             return !one.is_unix() && !one.loopback();
                           });
  if (listening.loopback() && !told_others) return;
  found += (found.empty() ? "" : " and ") + listening.text();
}

}  // namespace

void read_tls(host::SettingReader& in, Settings& settings) {
  tls::Rules& clients = settings.clients_tls.rules;
  settings.clients_tls.files = {in.text("cert-file"), in.text("key-file"),
                                in.text("trusted-ca-file"), in.text("client-crl-file")};
  need_both(in, "cert-file", "key-file");
  clients.common_names = in.words("client-cert-allowed-cn");
  clients.hosts = in.words("client-cert-allowed-hostname");
  clients.client_certificates = in.truth("client-cert-auth");
  if (clients.client_certificates && in.text("trusted-ca-file").empty())
    in.wrong("client-cert-auth", "needs 'trusted-ca-file', the authorities of the clients");
  if (!clients.client_certificates && !(clients.common_names.empty() && clients.hosts.empty()))
    in.wrong(clients.hosts.empty() ? "client-cert-allowed-cn" : "client-cert-allowed-hostname",
             "clients are asked for certificates only with 'client-cert-auth: true'");

  settings.peers_tls.files = {in.text("peer-cert-file"), in.text("peer-key-file"),
                              in.text("peer-trusted-ca-file"), in.text("peer-crl-file")};
  need_both(in, "peer-cert-file", "peer-key-file");
  settings.peers_tls.rules = {.client_certificates = true,
                              .common_names = in.words("peer-cert-allowed-cn"),
                              .hosts = in.words("peer-cert-allowed-hostname")};
  if (settings.peers_tls.given() && in.text("peer-trusted-ca-file").empty())
    in.wrong("peer-cert-file",
             "needs 'peer-trusted-ca-file', the authorities of the other replicas");
}

std::string plain_text_warning(const Settings& settings) {
  std::string clients, peers;
  for (const io::Address& one : settings.clients) add_plain(clients, one, settings.client_text);
  const bool alone = settings.founders.size() == 1 && settings.founds_by_default;
  if (!alone) add_plain(peers, settings.peer, settings.peer_text);
  if (clients.empty() && peers.empty()) return "";
  return fmt::format(
      "everybody on the network can read and write what goes over {}{}{}: nothing is encrypted "
      "there, and nobody is asked who they are. `polis cert init` and `polis cert issue` make "
      "certificates{}{}",
      clients, clients.empty() || peers.empty() ? "" : " and ", peers,
      clients.empty() ? ""
                      : "; clients: --cert-file, --key-file, --trusted-ca-file, --client-cert-auth",
      peers.empty() ? "" : "; replicas: --peer-cert-file, --peer-key-file, --peer-trusted-ca-file");
}

std::string wrong_scheme(const TlsSettings& own, const consensus::Configuration& members,
                         consensus::ReplicaId whose, const io::Address& peer) {
  if (peer.tls) {
    if (own.given()) return "";
    return fmt::format(
        "the replica that was asked has no certificate to show to others, and could not reach {}; "
        "write http://{}, or start each replica with --peer-cert-file, --peer-key-file and "
        "--peer-trusted-ca-file first",
        peer.text(), peer.authority());
  }
  bool others = false;
  for (const consensus::Member& member : members.members) {
    auto address = io::parse_address(member.peer);
    if (!address) continue;
    if (!address->tls) return "";
    others = others || member.id != whose;
  }
  if (!others) return "";
  return fmt::format(
      "the replicas of this cell speak TLS to each other, and at {} nothing would be encrypted; "
      "write https://{}, and start the replica with --peer-cert-file, --peer-key-file and "
      "--peer-trusted-ca-file",
      peer.url(), peer.authority());
}

}  // namespace polis::cell
