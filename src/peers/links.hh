#pragma once

// The real transport between replicas. It sends messages over TCP connections, called *lanes*; each
// lane carries messages in one direction, in frames with a checksum. A message that cannot be sent
// is lost; the protocols cope with that. See docs/formats/peer.md.
//
// When the network loses a TCP segment, everything behind it on the same connection waits: for at
// least one round trip, and for 200 ms (Linux's shortest retransmission timeout) if nothing else is
// sent there. Paxos works with messages in any order, so its messages are spread over four lanes: a
// message that is sent again goes past a lane that stands still. Raft refuses entries that come
// behind a gap, so it has one lane.
//
// Threads: the loop's.
// Life: construct -> start -> set_peers, send, flush at any time -> destroy.

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "io/loop.hh"
#include "io/network.hh"
#include "peers/frame.hh"
#include "peers/repeats.hh"
#include "replica/transport.hh"

namespace polis::peers {

using consensus::ReplicaId;

struct Peer {
  ReplicaId id;
  std::string name;
  io::Address address;

  bool operator==(const Peer&) const = default;
};

// What this replica knows of a peer.
struct PeerState {
  bool connected = false;          // the peer has accepted this replica's greeting on some lane
  std::size_t incoming = 0;        // connections that the peer has made to this replica
  Instant heard{};                 // when the peer was last heard; Instant(): never
  bool disowns = false;            // the peer refuses this replica because it is no member
  std::string refusal;             // why the peer refuses this replica; empty: it does not
  std::string client_address;      // as the peer's greeting says; empty: it has not greeted
  std::string version;             // the same
  std::uint32_t cell_version = 0;  // the newest that the peer knows; 0: it has not greeted
  // Greeting::answers of its last greeting. nullopt: the peer has no connection to this replica.
  std::optional<bool> answers_greetings;
};

class PeerLinks final : public replica::Transport {
 public:
  struct Own {
    std::uint64_t cell = 0;
    ReplicaId id;
    std::string name;
    io::Address listen;
    std::string client_address;  // told to the peers
    consensus::Protocol consensus = consensus::Protocol::kRaft;
    // Whether this replica has no memory (Greeting::blank).
    std::function<bool()> blank;
    // Whether the member has taken part before. If it has and greets as blank, it has lost its data
    // and is refused.
    std::function<bool(ReplicaId)> has_taken_part;
    // The version that the cell is at.
    std::function<std::uint32_t()> cell_version;
  };
  // A message has arrived; valid during the call.
  using Received = std::function<void(ReplicaId from, std::string_view message)>;
  // All connections from and to the peer have ended, so its process has most likely ended.
  using Lost = std::function<void(ReplicaId)>;

  // `loop` and `network` must outlive this object.
  PeerLinks(io::Loop& loop, io::Network& network, Own own);
  ~PeerLinks() override;

  // A peer has refused this replica.
  using Refused = std::function<void(const Refusal&)>;
  // Begins to accept connections at Own::listen, and to connect. kUnavailable: the address is in
  // use.
  Result<void> start(Received received, Lost lost, Refused refused);
  // Sets the members to talk to. Connects to members that are new or have another address. Members
  // that are not in the list any more are disconnected two seconds later, so that they can learn of
  // their removal.
  void set_peers(const std::vector<Peer>& peers);
  void send(ReplicaId to, std::string message) override;
  void flush() override;
  std::uint32_t cell_version_of(ReplicaId peer) const override;
  PeerState state(ReplicaId id) const;
  // The port at which it listens; 0 before start().
  std::uint16_t port() const { return listener_ ? listener_->port() : 0; }

 private:
  class Outgoing;
  class Incoming;
  std::size_t lanes() const;
  Greeting greeting_for(ReplicaId peer) const;
  void accept(std::unique_ptr<io::Stream> stream);
  void beat();
  void drop_oldest_without_greeting();
  void drop_oldest_of(ReplicaId peer);
  std::string shows_a_wrong_certificate(const Greeting& greeting, const io::Stream& stream) const;
  bool awaits(const Greeting& greeting) const;
  bool knows_by_name(const Greeting& greeting) const;
  void on_incoming_gone(ReplicaId peer);
  void maybe_tell_lost(ReplicaId peer);
  void log_repeating(const std::string& line);
  std::string alone(const std::string& other) const;
  void let_go_of_others();

  io::Loop& loop_;
  io::Network& network_;
  Own own_;
  Received received_;
  Lost lost_;
  Refused refused_;
  std::unique_ptr<io::Listener> listener_;
  std::map<ReplicaId, std::unique_ptr<Outgoing>> outgoing_;
  std::map<std::uint64_t, std::unique_ptr<Incoming>> incoming_;
  std::map<ReplicaId, PeerState> states_;
  std::vector<Peer> wanted_;
  Repeats repeats_;  // the log lines about refused connections
  std::unique_ptr<io::Timer> let_go_, beat_;
  std::uint64_t next_incoming_ = 1;
};

}  // namespace polis::peers
