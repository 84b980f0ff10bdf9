#pragma once

// What the replicated log carries for the state machine: commands in bundles, each bundle from one
// replica.
//
// One log entry holds all that came in one turn. A bundle names its origin, so that the origin
// answers its clients when it applies the entry itself, and so that a bundle which the network
// delivers twice is applied once. See docs/formats/entry.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consensus/types.hh"

namespace polis::store {

using consensus::ReplicaId;

// Stored: DO NOT CHANGE the numbers. The bytes of each are the etcd API's request message.
enum class CommandKind : std::uint8_t {
  kPut = 1,
  kDeleteRange = 2,
  kTxn = 3,
  kCompact = 4,
  kLeaseGrant = 5,  // ID is never 0: the serving replica has chosen one
  kLeaseRevoke = 6,
  // From the master itself, never from a client:
  kCellVersion = 7,  // version varint (cell_version.hh)
  kMastership = 8,   // Mastership: from here on the log is this mastership's
  kDecision = 9,     // Mastership, kind u8, request: carried out under that mastership alone
};
inline constexpr std::uint8_t kCommandKindLast = 9;

// The time in which one replica is master. Term and master together identify it; neither alone
// does, because two Paxos masters may have had one term.
struct Mastership {
  consensus::Term term;
  ReplicaId master = consensus::kNoReplica;

  bool operator==(const Mastership&) const = default;
};
void encode(Writer& out, const Mastership& mastership);
bool decode(Reader& in, Mastership& mastership);

struct Command {
  CommandKind kind = CommandKind::kPut;
  std::string_view bytes;
};

// What the master decided by its own clock and not for a client (the end of a lease, a compaction),
// in the form of kDecision.
struct Decision {
  Mastership by;
  Command command;
};
std::string encode(const Decision& decision);
// Nothing: malformed. The command's bytes lie in `bytes`.
std::optional<Decision> decode_decision(std::string_view bytes);

struct Origin {
  ReplicaId replica;
  std::uint64_t incarnation = 0;  // of the process; larger after every start
  std::uint64_t bundle = 0;       // counted from 1 within an incarnation

  bool operator==(const Origin&) const = default;
};

// Commands of one replica, collected into wire form.
class Bundle {
 public:
  void add(CommandKind kind, std::string_view bytes);
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return commands_.size(); }
  // Appends the bundle to an entry's payload (or a forwarded message) and empties it.
  void take(const Origin& origin, std::string& out);

 private:
  std::string commands_;
  std::size_t count_ = 0;
};

// Reads bundles from an entry's payload.
class BundleReader {
 public:
  explicit BundleReader(std::string_view payload) : in_(payload) {}
  // Moves to the next bundle. False: there is none, or the payload is malformed: see ok().
  bool next(Origin& origin, std::vector<Command>& commands);
  bool ok() const { return in_.ok() && !malformed_; }

 private:
  Reader in_;
  bool malformed_ = false;
};

}  // namespace polis::store
