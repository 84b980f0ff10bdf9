#pragma once

// What both protocols share: who takes part, what a log is made of, and what has to survive a
// crash.
//
// Source: "Consensus: Bridging Theory and Practice" (Ongaro 2014), called "Raft thesis" from here
// on.

#include <cstdint>
#include <string>
#include <vector>

#include "base/coding.hh"
#include "base/strong.hh"
#include "base/time.hh"

namespace polis::consensus {

namespace testing {
// May read what T keeps to itself, to tell its states apart (testing/digest.hh).
template <class T>
struct Inspector;
}  // namespace testing

using Term = Strong<struct TermTag>;
using LogIndex = Strong<struct LogIndexTag>;
using ReplicaId = Strong<struct ReplicaIdTag>;
// Names one read request of one replica, chosen by the caller, never used twice: not in another
// process's life either, since answers may come late.
using ReadId = Strong<struct ReadIdTag>;
// Names one request to persist; tickets are persisted in the order of their numbers.
using Ticket = Strong<struct TicketTag>;

inline constexpr ReplicaId kNoReplica{0};  // real ids are never 0

// Stored and sent: DO NOT CHANGE the numbers.
enum class EntryKind : std::uint8_t {
  kNoop = 0,           // a new master's first entry (Raft thesis 6.4)
  kCommand = 1,        // bytes for the state machine
  kConfiguration = 2,  // a Configuration
};

struct Entry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::kNoop;
  SharedBytes data;  // null for kNoop
  // Paxos only: with `term`, the ballot under which it was accepted. Not part of encode().
  ReplicaId proposer = kNoReplica;

  std::size_t size() const { return data ? data->size() : 0; }
};

// What an acceptor must never forget. For Raft `vote` is the candidate voted for in `term`; for
// Paxos the two are the ballot that was promised.
struct HardState {
  Term term;
  ReplicaId vote = kNoReplica;
  LogIndex commit;             // a hint: need not be durable before it is acted on
  Duration promise_longest{};  // the longest lease ever promised to a master (lease.hh)

  bool operator==(const HardState&) const = default;
};

// Which sets of voters decide. Fixed when the cell is founded. Stored: DO NOT CHANGE the numbers.
enum class QuorumKind : std::uint8_t {
  kMajority = 0,
  kFlexible = 1,  // so many elect, so many commit ("Flexible Paxos", Howard et al. 2016)
  kPlaces = 2,    // a majority of the places, and in each a majority of its voters
};
struct QuorumRule {
  QuorumKind kind = QuorumKind::kMajority;
  std::uint64_t elect = 0, commit = 0;  // kFlexible: how many; elect + commit > voters

  bool operator==(const QuorumRule&) const = default;
};

// What is known of one who takes part. Only `promote`, `replaces` and `place` mean something to
// consensus.
struct Member {
  ReplicaId id;
  std::string name;
  std::string peer;      // HOST:PORT where the other replicas reach it
  std::string client;    // HOST:PORT where clients reach it; empty until it has said so
  bool promote = false;  // a learner that becomes a voter by itself as soon as it has caught up
  ReplicaId replaces = kNoReplica;  // and in the place of this voter, which leaves then
  std::string place;  // what fails together: a room, a data centre; empty if nobody has said

  bool operator==(const Member&) const = default;
};

// Who takes part. During a joint change `voters_outgoing` is the old set and both sets must agree.
struct Configuration {
  std::vector<ReplicaId> voters;           // sorted
  std::vector<ReplicaId> voters_outgoing;  // sorted; empty outside a change
  std::vector<ReplicaId> learners;         // sorted; receive the log, do not vote
  std::vector<Member> members;             // sorted by id; may lack who is known by id alone
  QuorumRule quorum;

  bool names_places() const;  // whether anyone's place is known
  bool joint() const { return !voters_outgoing.empty(); }
  bool is_voter(ReplicaId id) const;
  bool is_learner(ReplicaId id) const;
  // Everyone who receives the log, each once, sorted.
  std::vector<ReplicaId> everyone() const;
  const Member* find(ReplicaId id) const;
  std::string name_of(ReplicaId id) const;  // its id in hex if it has none
  void put(Member member);                  // adds or replaces what is known of it
  void forget(ReplicaId id);
  bool operator==(const Configuration&) const = default;
};

// The point of the log that a snapshot of the state stands for.
struct SnapshotMark {
  LogIndex index;
  Term term;
  Configuration configuration;

  bool operator==(const SnapshotMark&) const = default;
};

void encode(Writer& out, const HardState& state);
bool decode(Reader& in, HardState& state);
void encode(Writer& out, const Entry& entry);
bool decode(Reader& in, Entry& entry);
// Whether what it says of who takes part can be read, if it says that.
bool makes_sense(const Entry& entry);
void encode(Writer& out, const Configuration& configuration);
bool decode(Reader& in, Configuration& configuration);
void encode(Writer& out, const SnapshotMark& mark);
bool decode(Reader& in, SnapshotMark& mark);

// The largest number of voters in one configuration; a cell of more gains no availability and loses
// speed. With places nine: three in each of three survive the loss of a place and one more.
constexpr std::size_t voters_max(QuorumKind kind) { return kind == QuorumKind::kPlaces ? 9 : 7; }
inline constexpr std::size_t kMembersMax = 16;

}  // namespace polis::consensus
