#pragma once

// A change of members, as a client asks for it at any replica, and its outcome.
// docs/formats/peer.md describes how replicas send both to each other. The public API has messages
// of its own.
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
  bool promote = false;  // the learner is promoted by the master as soon as it has caught up
  consensus::ReplicaId replaces = consensus::kNoReplica;
  std::string place;  // the new member's place; empty: the place of `replaces`

  bool operator==(const MemberChange&) const = default;
};

std::string encode(const MemberChange& change);
// nullopt: the bytes are malformed. Fields that this release does not know are skipped; a kind that
// it does not know becomes kNone, which the master refuses.
std::optional<MemberChange> decode_member_change(std::string_view bytes);

// Why a change was refused; a code for each reason to which some caller reacts. Sent: DO NOT CHANGE
// the numbers.
enum class ChangeRefusal : std::uint8_t {
  kOther = 0,  // the text says why; also every refusal by a master of an earlier release
  kNoSuchMember = 1,
  kAddressTaken = 2,
  kNoLearner = 3,    // the member to promote is a voter already
  kNotCaughtUp = 4,  // the member to promote lacks a part of the log
  kNoQuorum = 5,     // the voters that answer would be no quorum after the change
};

struct ChangeOutcome {
  store::Status status;
  consensus::ReplicaId member = consensus::kNoReplica;  // status OK: the member that was changed
  ChangeRefusal refusal = ChangeRefusal::kOther;        // status not OK: why
};

// The wire form of `member` or `refusal`. The status travels outside of it, in the answer.
std::string encode_rest(const ChangeOutcome& outcome);
ChangeOutcome decode_outcome(store::Status status, std::string_view rest);

}  // namespace polis::replica
