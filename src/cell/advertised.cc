#include "cell/advertised.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::cell {
namespace {

// By which the founders agreed to reach this replica; nullptr: it does not found a cell with
// others.
const io::Address* in_initial(const host::SettingReader& in, const Settings& settings) {
  if (in.text("initial").empty()) return nullptr;
  auto own = std::find_if(settings.founders.begin(), settings.founders.end(),
                          [&](const peers::Peer& peer) { return peer.id == settings.id; });
  return own != settings.founders.end() ? &own->address : nullptr;
}

io::Address with_host(std::string host, const io::Address& address) {
  return {std::move(host), address.port, "", address.tls};
}

// For a replica alone: an address of this machine, or loopback where there is no other.
std::string own_host() { return io::host_of_this_machine().value_or("127.0.0.1"); }

std::optional<io::Address> advertised_peer(host::SettingReader& in, const Settings& settings) {
  const io::Address* agreed = in_initial(in, settings);
  if (!in.text("advertise-peer").empty()) {
    const io::Address given = in.address("advertise-peer", settings.peers_tls.no_scheme());
    if (given.unspecified() || given.is_unix()) {
      in.wrong("advertise-peer", fmt::format("the others cannot reach that; write HOST:{}",
                                             given.is_unix() ? settings.peer.port : given.port));
    } else if (agreed != nullptr && given != *agreed) {
      in.wrong("advertise-peer",
               fmt::format("'initial' says {}={}, and the others use that; write --advertise-peer "
                           "{}, or change 'initial' on each of them",
                           settings.name, agreed->text(), agreed->text()));
    }
    return given;
  }
  if (agreed != nullptr) return *agreed;
  if (!settings.peer.unspecified()) return settings.peer;
  if (settings.join.empty()) return with_host(own_host(), settings.peer);
  in.wrong("peer",
           fmt::format("it listens at every address, and the cell has to be told one; add "
                       "--advertise-peer HOST:{}, with the address by which this replica was added "
                       "(polis cell members --endpoints {})",
                       settings.peer.port, settings.join));
  return std::nullopt;
}

// `peer` was asked for by the user in one way or another, so its host leads to this machine.
bool peer_is_meant(const host::SettingReader& in, const Settings& settings) {
  return !settings.peer.loopback() || !in.text("advertise-peer").empty() ||
         !in.text("initial").empty() || !settings.join.empty();
}

std::vector<io::Address> advertised_clients(host::SettingReader& in, const Settings& settings,
                                            const io::Address& peer) {
  if (!in.text("advertise-client").empty()) {
    auto given = in.addresses("advertise-client", settings.clients_tls.no_scheme());
    for (const io::Address& one : given) {
      if (one.unspecified())
        in.wrong("advertise-client", fmt::format("clients cannot reach {}; write {}", one.text(),
                                                 with_host(peer.host, one).text()));
    }
    return given;
  }
  std::vector<io::Address> found;
  for (const io::Address& one : settings.clients) {
    if (one.is_unix()) continue;  // of no use on other machines
    found.push_back(one.unspecified()
                        ? with_host(peer_is_meant(in, settings) ? peer.host : own_host(), one)
                        : one);
  }
  return found.empty() ? settings.clients : found;
}

}  // namespace

void choose_advertised(host::SettingReader& in, Settings& settings) {
  auto peer = advertised_peer(in, settings);
  if (!peer) return;
  settings.peer_text = peer->text();
  if (in.text("initial").empty() && !settings.founders.empty())
    settings.founders.front().address = *peer;
  for (const io::Address& one : advertised_clients(in, settings, *peer))
    settings.client_text += (settings.client_text.empty() ? "" : ",") + one.text();
}

}  // namespace polis::cell
