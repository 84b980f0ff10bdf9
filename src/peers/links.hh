#pragma once

// The real transport between replicas: TCP connections, called lanes, of which each carries
// messages in one direction, in frames with a checksum. What cannot be sent is lost; the protocol
// above copes. See docs/formats/peer.md.
//
// A segment that the network loses holds up all that is behind it on its connection, for a round
// trip at least, and for Linux's least retransmission timeout, 200 ms, if nothing else is sent
// there. Paxos does not mind what
// overtakes what, so its messages are spread over several lanes, and what is sent again goes past
// the lane that stands still. Raft refuses what comes behind a gap: it has one lane.
//
// Threads: the loop's.

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

struct PeerState {
  bool connected = false;      // it has accepted our greeting, on one lane at least
  std::size_t incoming = 0;    // connections by which it reaches us
  Instant heard{};             // when it was heard last; the beginning of time: never
  bool disowns = false;        // it refuses us: we are no member
  std::string refusal;         // why it refuses us, as it said; empty: it does not
  std::string client_address;  // as it told us; empty until it has
  std::string version;
  std::uint32_t cell_version = 0;  // the newest that it knows; 0: it has not told
  // As its last greeting said; nothing while no connection of it is there.
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
    // This replica remembers nothing (Greeting::blank).
    std::function<bool()> blank;
    // The member has taken part before: if it comes and remembers nothing, it has lost its data.
    std::function<bool(ReplicaId)> has_taken_part;
    // The version that the cell is at.
    std::function<std::uint32_t()> cell_version;
  };
  using Received = std::function<void(ReplicaId from, std::string_view message)>;
  // All connections, those that it made and those to it, have ended: so has its process, most
  // likely.
  using Lost = std::function<void(ReplicaId)>;

  PeerLinks(io::Loop& loop, io::Network& network, Own own);
  ~PeerLinks() override;

  // Begins to accept and to connect. kUnavailable: the address is in use.
  // What a peer says when it does not take this replica.
  using Refused = std::function<void(const Refusal&)>;
  Result<void> start(Received received, Lost lost, Refused refused);
  // Who takes part. Connects to whoever is new or has moved; whoever left is let go after two
  // seconds, so that it hears of that.
  void set_peers(const std::vector<Peer>& peers);
  void send(ReplicaId to, std::string message) override;
  void flush() override;
  std::uint32_t cell_version_of(ReplicaId peer) const override;
  PeerState state(ReplicaId id) const;
  // Where it listens, once it has started.
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
  Repeats repeats_;  // what is logged of connections that are refused
  std::unique_ptr<io::Timer> let_go_, beat_;
  std::uint64_t next_incoming_ = 1;
};

}  // namespace polis::peers
