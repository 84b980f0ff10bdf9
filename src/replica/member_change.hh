#pragma once

// A change of who takes part, as it is asked for at any replica. How replicas send it to the
// master is described in docs/formats/peer.md; it is not the message of the public API.
//
// Threads: plain values and pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "consensus/types.hh"

namespace polis::replica {

struct MemberChange {
  // Sent: DO NOT CHANGE the numbers.
  enum class Kind : std::uint8_t {
    kNone = 0,
    kAdd = 1,      // as a learner: name, peer, promote, replaces, place
    kPromote = 2,  // id
    kRemove = 3,   // id
    kUpdate = 4,   // id; name, peer and client as far as they are not empty
  };
  Kind kind = Kind::kNone;
  consensus::ReplicaId id = consensus::kNoReplica;
  std::string name, peer, client;
  bool promote = false;  // by itself, when it has caught up
  consensus::ReplicaId replaces = consensus::kNoReplica;
  std::string place;  // what fails together; empty: that of `replaces`

  bool operator==(const MemberChange&) const = default;
};

std::string encode(const MemberChange& change);
// Nothing: malformed. Fields that this release does not know are skipped; a kind that it does not
// know becomes kNone.
std::optional<MemberChange> decode_member_change(std::string_view bytes);

}  // namespace polis::replica
