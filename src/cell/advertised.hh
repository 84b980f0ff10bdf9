#pragma once

// The addresses that the cell is told for this replica. A replica may listen at every address of
// its machine; others must be told one that leads to it.
//
// Threads: any.

#include "cell/settings.hh"

namespace polis::cell {

// Sets client_text and peer_text from 'advertise-client', 'advertise-peer', 'initial' and where
// this replica listens, and the own address among the founders of a cell of one. Complains to `in`,
// with the line to write, where nothing sensible can be told. Needs clients, peer, founders and
// join.
void choose_advertised(host::SettingReader& in, Settings& settings);

}  // namespace polis::cell
