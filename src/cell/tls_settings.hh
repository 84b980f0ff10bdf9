#pragma once

// Which certificates a replica shows and whom it trusts, as its settings say. Their names are
// etcd's.
//
// Threads: any.

#include "cell/settings.hh"

namespace polis::cell {

// Sets clients_tls and peers_tls. Complains to `in` about what does not fit together. Replicas
// always show each other certificates: whoever can speak at the peer port can write the log.
void read_tls(host::SettingReader& in, Settings& settings);

// Addresses that other machines reach and at which nothing is encrypted, in words for the operator
// with the remedy; empty: there are none.
std::string plain_text_warning(const Settings& settings);

// Why a member may not get the peer address `peer`, with the remedy; empty: it may. An address that
// speaks TLS needs replicas that have certificates, and one that does not would be the one place
// where nothing is encrypted, if all the others speak TLS. A member that moves from plain text may
// stay there: so a cell goes over to TLS one by one. `own`: of the replica that is asked.
std::string wrong_scheme(const TlsSettings& own, const consensus::Configuration& members,
                         consensus::ReplicaId whose, const io::Address& peer);

}  // namespace polis::cell
