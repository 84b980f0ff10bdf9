#pragma once

// The content of the log's entries for the state machine: bundles of commands, each bundle from one
// replica.
//
// One entry holds the bundles of one turn of the master. A bundle names its origin. By that, the
// origin finds its bundle when it applies the entry, and answers its clients; and a bundle that the
// network delivers twice is applied once. See docs/formats/entry.md.
//
// Threads: plain values and pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consensus/types.hh"

namespace polis::store {

using consensus::ReplicaId;

// Stored: DO NOT CHANGE the numbers. A command's bytes are the request message of etcd's API,
// unless said otherwise.
enum class CommandKind : std::uint8_t {
  kPut = 1,
  kDeleteRange = 2,
  kTxn = 3,
  kCompact = 4,
  kLeaseGrant = 5,  // ID is not 0: the replica that serves the client has chosen one
  kLeaseRevoke = 6,
  // Only the master makes these, never a client:
  kCellVersion = 7,  // version varint (cell_version.hh)
  kMastership = 8,   // Mastership: names the mastership under which later decisions have effect
  kDecision = 9,     // Mastership, kind u8, request: has an effect only under that mastership
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
// False: the bytes are cut short.
bool decode(Reader& in, Mastership& mastership);

// `bytes` belongs to the payload that the command was read from.
struct Command {
  CommandKind kind = CommandKind::kPut;
  std::string_view bytes;
};

// A command that the master gave by its own clock, not for a client (the end of a lease, a
// compaction). It is the content of a kDecision.
struct Decision {
  Mastership by;
  Command command;
};
std::string encode(const Decision& decision);
// nullopt: malformed. The command's bytes point into `bytes`.
std::optional<Decision> decode_decision(std::string_view bytes);

// Which bundle it is. Unique over the life of the cell.
struct Origin {
  ReplicaId replica;
  std::uint64_t incarnation = 0;  // of the process; larger after every start
  std::uint64_t bundle = 0;       // counted from 1 within an incarnation

  bool operator==(const Origin&) const = default;
};

// Collects commands of one replica into the wire form of a bundle.
class Bundle {
 public:
  void add(CommandKind kind, std::string_view bytes);
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return commands_.size(); }
  // Appends the bundle to `out`, an entry's payload or a forwarded message; the bundle is empty
  // afterwards.
  void take(const Origin& origin, std::string& out);

 private:
  std::string commands_;
  std::size_t count_ = 0;
};

// Reads the bundles of an entry's payload, which must outlive the reader and the commands.
class BundleReader {
 public:
  explicit BundleReader(std::string_view payload) : in_(payload) {}
  // Reads the next bundle. False: there is none; or the payload is malformed, and ok() is false.
  bool next(Origin& origin, std::vector<Command>& commands);
  bool ok() const { return in_.ok() && !malformed_; }

 private:
  Reader in_;
  bool malformed_ = false;
};

}  // namespace polis::store
