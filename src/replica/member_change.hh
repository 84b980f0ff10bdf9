#pragma once

// A change of who takes part, as it is asked for at any replica, and its outcome. How replicas send
// both to each other is described in docs/formats/peer.md; it is not the message of the public API.
//
// Threads: plain values and pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "consensus/types.hh"
#include "store/status.hh"

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

// Why a change was refused, where somebody reacts to it. Sent: DO NOT CHANGE the numbers.
enum class ChangeRefusal : std::uint8_t {
  kOther = 0,  // the text says why; also every refusal by a master of an earlier release
  kNoSuchMember = 1,
  kAddressTaken = 2,
  kNoLearner = 3,    // who is to be promoted votes already
  kNotCaughtUp = 4,  // who is to be promoted
  kNoQuorum = 5,     // too few voters would answer
};

struct ChangeOutcome {
  store::Status status;
  consensus::ReplicaId member = consensus::kNoReplica;  // that the change was about; if it was made
  ChangeRefusal refusal = ChangeRefusal::kOther;        // if it was not
};

// What goes beside the status of an answer.
std::string encode_rest(const ChangeOutcome& outcome);
ChangeOutcome decode_outcome(store::Status status, std::string_view rest);

}  // namespace polis::replica
