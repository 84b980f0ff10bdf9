#pragma once

// The types that both protocols share: the configuration, what a log is made of, and what must
// survive a crash. Plain values; they may be used from any thread.
//
// Source: "Consensus: Bridging Theory and Practice" (Ongaro 2014), called "Raft thesis" in all
// comments.

#include <cstdint>
#include <string>
#include <vector>

#include "base/coding.hh"
#include "base/strong.hh"
#include "base/time.hh"

namespace polis::consensus {

namespace testing {
// May read the private members of T, to tell its states apart (testing/digest.hh).
template <class T>
struct Inspector;
}  // namespace testing

// A number that rises with every election. With Raft, one term has at most one master. With Paxos,
// two masters may have one term; (term, replica) is a ballot, which is unique.
using Term = Strong<struct TermTag>;
// The place of an entry in the log. The first entry has index 1; 0 means "before the first".
using LogIndex = Strong<struct LogIndexTag>;
using ReplicaId = Strong<struct ReplicaIdTag>;
// Names one read request of one replica. The caller chooses it and never uses it again, not even
// after a restart, because answers may come late.
using ReadId = Strong<struct ReadIdTag>;
// Names one request to persist. Tickets become durable in the order of their numbers.
using Ticket = Strong<struct TicketTag>;

inline constexpr ReplicaId kNoReplica{0};  // real ids are never 0

// Stored and sent: DO NOT CHANGE the numbers.
enum class EntryKind : std::uint8_t {
  // No effect. Raft: a new leader's first entry (Raft thesis 6.4). Paxos: fills a slot for which
  // phase 1 has found no value.
  kNoop = 0,
  kCommand = 1,        // bytes for the state machine
  kConfiguration = 2,  // a Configuration
};

struct Entry {
  Term term;  // of the master that proposed it
  LogIndex index;
  EntryKind kind = EntryKind::kNoop;
  SharedBytes data;  // null for kNoop
  // Paxos only: `term` and `proposer` are the ballot under which the entry was accepted. encode()
  // leaves the proposer out; a caller that needs the proposer writes it beside the entry.
  ReplicaId proposer = kNoReplica;

  std::size_t size() const { return data ? data->size() : 0; }  // of the payload, bytes
};

// What a replica must never forget, besides the entries of its log. With Raft, `vote` is the
// candidate that it voted for in `term`. With Paxos, (term, vote) is the ballot that it promised.
struct HardState {
  Term term;
  ReplicaId vote = kNoReplica;
  // The commit index when this was written. A hint: the protocol may act on a higher one that is
  // not durable yet.
  LogIndex commit;
  Duration promise_longest{};  // the longest lease promise ever given to a master (lease.hh)

  bool operator==(const HardState&) const = default;
};

// Which sets of voters decide (quorum.hh). Fixed when the cell is founded.
// Stored: DO NOT CHANGE the numbers.
enum class QuorumKind : std::uint8_t {
  kMajority = 0,
  kFlexible = 1,  // QuorumRule says how many ("Flexible Paxos", Howard et al. 2016)
  kPlaces = 2,    // a majority of the places, and in each of these a majority of its voters
};
struct QuorumRule {
  QuorumKind kind = QuorumKind::kMajority;
  // kFlexible: how many voters elect a master, and how many commit an entry. Constraint:
  // elect + commit > number of voters, so that any two such sets share a voter.
  std::uint64_t elect = 0, commit = 0;

  bool operator==(const QuorumRule&) const = default;
};

// What the cell knows of one member. Consensus decides only by `promote`, `replaces` and `place`.
struct Member {
  ReplicaId id;
  std::string name;
  std::string peer;      // HOST:PORT where the other replicas reach it
  std::string client;    // HOST:PORT where clients reach it; empty until it has said so
  bool promote = false;  // a learner that becomes a voter by itself as soon as it has caught up
  // When this learner is promoted, that voter leaves in the same step. kNoReplica: nobody leaves.
  ReplicaId replaces = kNoReplica;
  std::string place;  // a room or data centre, which fails as one; empty: not known

  bool operator==(const Member&) const = default;
};

// The members, and which of them vote. A configuration is *joint* while one set of voters takes
// over from another (Raft thesis 4.3): `voters` is the new set, `voters_outgoing` the old one, and
// both must agree.
struct Configuration {
  std::vector<ReplicaId> voters;           // sorted
  std::vector<ReplicaId> voters_outgoing;  // sorted; empty: not joint
  std::vector<ReplicaId> learners;         // sorted; they receive the log and do not vote
  std::vector<Member> members;             // sorted by id; old logs know some members by id alone
  QuorumRule quorum;

  bool names_places() const;  // whether the place of any member is known
  bool joint() const { return !voters_outgoing.empty(); }
  bool is_voter(ReplicaId id) const;  // of the new set or of the old one
  bool is_learner(ReplicaId id) const;
  // Voters of both sets and learners, each once, sorted: all that receive the log.
  std::vector<ReplicaId> everyone() const;
  const Member* find(ReplicaId id) const;   // null: nothing but the id is known
  std::string name_of(ReplicaId id) const;  // the id in hex if no name is known
  // These two change `members` alone, not who votes or learns.
  void put(Member member);  // replaces what was known of this id
  void forget(ReplicaId id);
  bool operator==(const Configuration&) const = default;
};

// The point of the log at which a snapshot was taken: the snapshot holds the effects of all entries
// through `index`, and of no later one.
struct SnapshotMark {
  LogIndex index;
  Term term;                    // of the entry at `index`
  Configuration configuration;  // as of that entry

  bool operator==(const SnapshotMark&) const = default;
};

// decode() gives false if the bytes are cut short, of an unknown form, or beyond a bound. The value
// must not be used then.
void encode(Writer& out, const HardState& state);
bool decode(Reader& in, HardState& state);
void encode(Writer& out, const Entry& entry);
bool decode(Reader& in, Entry& entry);
// False: the entry is a configuration that cannot be decoded. All other entries make sense.
bool makes_sense(const Entry& entry);
void encode(Writer& out, const Configuration& configuration);
bool decode(Reader& in, Configuration& configuration);
void encode(Writer& out, const SnapshotMark& mark);
bool decode(Reader& in, SnapshotMark& mark);

// The largest number of voters in one configuration. More voters would gain no availability and
// cost speed. With places it is nine: a cell with three voters in each of three places survives the
// loss of a place and of one voter more.
constexpr std::size_t voters_max(QuorumKind kind) { return kind == QuorumKind::kPlaces ? 9 : 7; }
inline constexpr std::size_t kMembersMax = 16;  // learners included

}  // namespace polis::consensus
