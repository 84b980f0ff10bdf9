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

// Why a member may not get the peer address `peer`, with the remedy; empty: it may. An address that
// speaks TLS needs replicas that have certificates, and one that does not would be the one place
// where nothing is encrypted, if all the others speak TLS. A member that moves from plain text may
// stay there: so a cell goes over to TLS one by one. `own`: of the replica that is asked.
std::string wrong_scheme(const TlsSettings& own, const consensus::Configuration& members,
                         consensus::ReplicaId whose, const io::Address& peer);

}  // namespace polis::cell
