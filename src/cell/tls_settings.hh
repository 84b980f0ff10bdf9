#pragma once

// Reads the TLS settings of a replica: which certificates it shows, and which it trusts. The
// settings have etcd's names.
//
// Threads: any.

#include "cell/settings.hh"

namespace polis::cell {

// Sets clients_tls and peers_tls. Calls in.wrong() for settings that do not fit together. If peers
// use TLS, both sides must always show certificates, because a process that can speak at the peer
// port can write the log.
void read_tls(host::SettingReader& in, Settings& settings);

// A warning for the operator that names addresses which other machines can reach and which are not
// encrypted, with the remedy. Empty: there are none.
std::string plain_text_warning(const Settings& settings);

}  // namespace polis::cell
