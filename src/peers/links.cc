#include "peers/links.hh"

#include "host/log.hh"
#include "host/version.hh"
#include "peers/lane.hh"
#include "store/cell_version.hh"

namespace polis::peers {
namespace {

constexpr Duration kLetGoAfter = std::chrono::seconds(2);
constexpr std::size_t kQueueBytesMax = 64 << 20;
// Enough that some go on while others stand still; the less a connection carries, the later TCP
// notices that something was lost there.
constexpr std::size_t kLanesOfPaxos = 4;
// Connections that have not greeted yet; the oldest is closed for a new one.
constexpr std::size_t kWithoutGreetingMax = 32;
// Connections of one member, for each of its lanes: a new one is there while the old one dies.
constexpr std::size_t kIncomingPerLane = 2;
// A connection to us to which more than this waits to be sent has a peer that does not read.
constexpr std::size_t kAnswerBytesMax = 4096;

// Of "HOST:PORT": the port is another one with each connection.
std::string host_of(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace

// The lanes to one peer.
class PeerLinks::Outgoing {
 public:
  Outgoing(PeerLinks& links, Peer peer)
      : links_(links), peer_(std::move(peer)), state_(links.states_[peer_.id]) {
    for (std::size_t i = 0; i < links.lanes(); ++i)
      lanes_.push_back(std::make_unique<PeerLane>(
          links_.loop_, links_.network_, peer_.address,
          PeerLane::Events{[this] { return encode(links_.greeting_for(peer_.id)); },
                           [this] { return state_.answers_greetings == false; },
                           [this] { on_up(); },
                           [this](const std::string& reason) { on_down(reason); },
                           [this](const Refusal& refusal) { on_refused(refusal); }}));
  }

  const Peer& peer() const { return peer_; }

  void send(std::string_view message) {
    if (state_.connected && queue_.size() + message.size() <= kQueueBytesMax)
      append_frame(queue_, message);
  }

  void flush() {
    if (!queue_.empty()) {
      PeerLane* lane = emptiest();
      if (lane == nullptr || lane->waiting() + queue_.size() > kQueueBytesMax) {
        queue_.clear();
      } else {
        lane->add(queue_);
      }
    }
    for (auto& lane : lanes_) lane->flush();
  }

  void beat() {
    for (auto& lane : lanes_) lane->beat();
  }
  void expect_no_answer() {
    for (auto& lane : lanes_) lane->expect_no_answer();
  }

 private:
  // Whoever stands still keeps what it has, and is passed by.
  PeerLane* emptiest() const {
    PeerLane* best = nullptr;
    std::size_t least = SIZE_MAX;
    for (auto& lane : lanes_) {
      if (!lane->is_up()) continue;
      if (lanes_.size() == 1) return lane.get();
      const std::size_t pending = lane->pending();
      if (pending >= least) continue;
      best = lane.get();
      least = pending;
      if (pending == 0) break;
    }
    return best;
  }

  void on_up() {
    if (std::exchange(state_.connected, true)) return;
    state_.refusal.clear();
    complained_ = false;
    host::log_info("connected to replica {} at {}", peer_.name, peer_.address.text());
  }

  void on_down(const std::string& reason) {
    if (std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->is_up(); }))
      return;
    if (!complained_ && state_.refusal.empty())
      host::log_warn("no connection to replica {}: {}; trying again", peer_.name, reason);
    complained_ = true;
    queue_.clear();
    if (std::exchange(state_.connected, false)) links_.maybe_tell_lost(peer_.id);
  }

  void on_refused(const Refusal& refusal) {
    links_.log_repeating(fmt::format("replica {} refuses this one: {}", peer_.name, refusal.text));
    state_.refusal = refusal.text;
    state_.disowns = refusal.reason == Refusal::Reason::kNoMember ||
                     refusal.reason == Refusal::Reason::kMustJoin;
    if (links_.refused_) links_.refused_(refusal);
  }

  PeerLinks& links_;
  Peer peer_;
  PeerState& state_;
  std::vector<std::unique_ptr<PeerLane>> lanes_;
  std::string queue_;  // of this turn
  bool complained_ = false;
};

// A connection that a peer made to us.
class PeerLinks::Incoming {
 public:
  Incoming(PeerLinks& links, std::uint64_t id, std::unique_ptr<io::Stream> stream)
      : links_(links), id_(id), stream_(std::move(stream)) {
    stream_->start({[this](std::string_view bytes) { on_bytes(bytes); },
                    [this](const std::string&) { close(); },
                    [this] {
                      blocked_ = false;
                      write();
                    }});
  }
  ReplicaId from() const { return from_; }
  bool greeted() const { return greeted_; }
  bool closed() const { return closed_; }

  void beat() {
    if (closed_) return;
    const bool expects = !greeted_ || beats_;
    if (expects && ++silent_beats_ > kSilentBeatsMax) return close();
    if (greeted_ && beats_) answer(kHeartbeatFrame);
  }

  void close() {
    if (closed_) return;
    closed_ = true;
    if (greeted_) links_.on_incoming_gone(from_);
    links_.loop_.post([&links = links_, id = id_] { links.incoming_.erase(id); });
  }

 private:
  void on_bytes(std::string_view bytes) {
    if (closed_) return;
    if (greeted_) silent_beats_ = 0;
    reader_.add(bytes);
    while (!closed_) {
      auto frame = reader_.next(greeted_ ? kFrameBytesMax : kGreetingBytesMax);
      if (!frame) {
        host::log_warn("closing the peer connection from {}: {}", stream_->peer(),
                       frame.error().text);
        return close();
      }
      if (!*frame) break;
      if (!greeted_)
        greet(**frame);
      else if (**frame != kHeartbeatFrame)
        links_.received_(from_, **frame);
    }
    if (!greeted_) return;
    links_.states_[from_].heard = links_.loop_.now();
  }

  void greet(std::string_view bytes) {
    auto greeting = decode_greeting(bytes);
    std::string wrong;
    auto reason = Refusal::Reason::kOther;
    if (!greeting) {
      wrong = "it is no replica of Polis; does another program use the --peer address?";
    } else if (links_.wanted_.empty()) {
      wrong = links_.alone(greeting->name);
    } else if (greeting->cell != links_.own_.cell && !links_.knows_by_name(*greeting)) {
      wrong = fmt::format(
          "replica {} belongs to another cell ({:x}, this is {:x}): it was founded or restored "
          "apart. Check that --cluster and --initial are the same on both; a directory of the "
          "other cell cannot be used here",
          greeting->name, greeting->cell, links_.own_.cell);
    } else if (greeting->cell == links_.own_.cell && greeting->to != links_.own_.id) {
      wrong = fmt::format("replica {} took this one for another; check the addresses in --initial",
                          greeting->name);
    } else if (!links_.outgoing_.contains(greeting->from)) {
      reason = links_.awaits(*greeting) ? Refusal::Reason::kMustJoin : Refusal::Reason::kNoMember;
      wrong = fmt::format(
          "replica {} (id {:x}) is no member of the cell: it was removed, or not added yet; "
          "`polis cell members` lists the members",
          greeting->name, greeting->from.value);
    } else if (std::string shown = links_.shows_a_wrong_certificate(*greeting, *stream_);
               !shown.empty()) {
      wrong = std::move(shown);
    } else if (greeting->blank && links_.own_.has_taken_part(greeting->from)) {
      // Whoever forgot what it promised and acknowledged must not do either again.
      reason = Refusal::Reason::kForgot;
      wrong = fmt::format(
          "replica {} has taken part in this cell before and comes with an empty data directory; "
          "rebuild it: polis cell repair {}",
          greeting->name, greeting->name);
    } else if (greeting->protocol != kPeerProtocol) {
      wrong = fmt::format(
          "replica {} speaks peer protocol {}, this one {}; run releases that are next to each "
          "other",
          greeting->name, greeting->protocol, kPeerProtocol);
    } else if (greeting->consensus != links_.own_.consensus) {
      wrong = fmt::format(
          "replica {} runs with protocol {}, this one with {}; all replicas of a cell keep the one "
          "that it was founded with: check --protocol on both",
          greeting->name, to_string(greeting->consensus), to_string(links_.own_.consensus));
    } else if (greeting->cell_version < links_.own_.cell_version()) {
      wrong = fmt::format(
          "replica {} runs release {}, which knows cell version {}; the cell is at {}: start a "
          "newer "
          "release there",
          greeting->name, greeting->version, greeting->cell_version, links_.own_.cell_version());
    }
    if (!wrong.empty()) {
      links_.log_repeating(
          fmt::format("refusing peer connections from {}: {}", host_of(stream_->peer()), wrong));
      answer(encode(Refusal{reason, wrong, links_.own_.client_address}));
      return close();
    }
    accept(*greeting);
  }

  void accept(const Greeting& greeting) {
    greeted_ = true;
    silent_beats_ = 0;
    from_ = greeting.from;
    beats_ = greeting.answers;
    PeerState& state = links_.states_[from_];
    state.disowns = false;
    ++state.incoming;
    state.client_address = greeting.client_address;
    state.version = greeting.version;
    state.cell_version = greeting.cell_version;
    state.answers_greetings = greeting.answers;
    if (beats_)
      answer(kAcceptedFrame);
    else
      links_.outgoing_.at(from_)->expect_no_answer();
    if (state.incoming > kIncomingPerLane * links_.lanes()) links_.drop_oldest_of(from_);
  }

  void answer(std::string_view frame) {
    if (answers_.size() > kAnswerBytesMax) return close();
    append_frame(answers_, frame);
    write();
  }

  void write() {
    if (closed_ || blocked_ || answers_.empty()) return;
    answers_.erase(0, stream_->write(answers_));
    blocked_ = !answers_.empty();
  }

  PeerLinks& links_;
  std::uint64_t id_;
  std::unique_ptr<io::Stream> stream_;
  FrameReader reader_;
  std::string answers_;   // not sent yet
  bool blocked_ = false;  // the socket has no room
  bool greeted_ = false, closed_ = false;
  bool beats_ = false;    // heartbeats go and are expected
  int silent_beats_ = 0;  // since the connection was made, or the peer's last byte
  ReplicaId from_;
};

PeerLinks::PeerLinks(io::Loop& loop, io::Network& network, Own own)
    : loop_(loop), network_(network), own_(std::move(own)) {}

std::size_t PeerLinks::lanes() const {
  return own_.consensus == consensus::Protocol::kPaxos ? kLanesOfPaxos : 1;
}

Greeting PeerLinks::greeting_for(ReplicaId peer) const {
  return {.cell = own_.cell,
          .from = own_.id,
          .to = peer,
          .name = own_.name,
          .client_address = own_.client_address,
          .version = host::kVersion,
          .blank = own_.blank(),
          .cell_version = store::kCellVersionNewest,
          .consensus = own_.consensus,
          .answers = true};
}

void PeerLinks::set_peers(const std::vector<Peer>& peers) {
  wanted_.clear();
  for (const Peer& peer : peers) {
    if (peer.id == own_.id) continue;
    wanted_.push_back(peer);
    auto& link = outgoing_[peer.id];
    if (link && link->peer() == peer) continue;
    link.reset();
    states_[peer.id].connected = false;
    link = std::make_unique<Outgoing>(*this, peer);
  }
  if (outgoing_.size() == wanted_.size()) return;
  let_go_ = loop_.after(kLetGoAfter, [this] {
    auto keep = std::move(let_go_);
    let_go_of_others();
  });
}

void PeerLinks::let_go_of_others() {
  auto wanted = [this](ReplicaId id) {
    return std::any_of(wanted_.begin(), wanted_.end(), [id](const Peer& p) { return p.id == id; });
  };
  std::erase_if(outgoing_, [&](const auto& link) { return !wanted(link.first); });
  std::erase_if(incoming_, [&](const auto& one) {
    return one.second->from() != consensus::kNoReplica && !wanted(one.second->from());
  });
}

PeerLinks::~PeerLinks() = default;

Result<void> PeerLinks::start(Received received, Lost lost, Refused refused) {
  received_ = std::move(received);
  lost_ = std::move(lost);
  refused_ = std::move(refused);
  auto listener = network_.listen(
      own_.listen, [this](std::unique_ptr<io::Stream> stream) { accept(std::move(stream)); });
  if (!listener) return std::unexpected(listener.error());
  listener_ = std::move(*listener);
  beat();
  return {};
}

void PeerLinks::beat() {
  for (auto& [id, link] : outgoing_) link->beat();
  for (auto& [id, one] : incoming_) one->beat();
  beat_ = loop_.after(kBeatInterval, [this] {
    auto keep = std::move(beat_);
    beat();
  });
}

void PeerLinks::accept(std::unique_ptr<io::Stream> stream) {
  drop_oldest_without_greeting();
  std::uint64_t id = next_incoming_++;
  incoming_[id] = std::make_unique<Incoming>(*this, id, std::move(stream));
}

// Connections of members are no part of this: nobody else can take their places.
void PeerLinks::drop_oldest_without_greeting() {
  auto waits = [](const auto& one) { return !one.second->greeted(); };
  if (static_cast<std::size_t>(std::ranges::count_if(incoming_, waits)) < kWithoutGreetingMax)
    return;
  incoming_.erase(std::ranges::find_if(incoming_, waits));
}

void PeerLinks::drop_oldest_of(ReplicaId peer) {
  auto oldest = std::ranges::find_if(incoming_, [peer](const auto& one) {
    return one.second->greeted() && !one.second->closed() && one.second->from() == peer;
  });
  if (oldest != incoming_.end()) oldest->second->close();
}

// Whether the sender, who founds a cell, is a member that was added to this one: it has forgotten
// nothing, and there is a member of its name or one that has not told its name yet.
bool PeerLinks::awaits(const Greeting& greeting) const {
  return greeting.blank && std::ranges::any_of(wanted_, [&](const Peer& peer) {
           return peer.name == greeting.name || peer.name.empty();
         });
}

// Whether the sender has nothing on its disk and was started to found a cell, although it is a
// member that lost its disk, or one that was added: it makes the id of another cell, and is refused
// for the reason that helps its operator.
bool PeerLinks::knows_by_name(const Greeting& greeting) const {
  return greeting.blank && (own_.has_taken_part(greeting.from) ||
                            (!outgoing_.contains(greeting.from) && awaits(greeting)));
}

// The same certificate is verified for this address by whoever dials the member, so it asks nothing
// new of a member that can be reached. One whose address is plain text is verified by nobody.
std::string PeerLinks::shows_a_wrong_certificate(const Greeting& greeting,
                                                 const io::Stream& stream) const {
  const io::Address& address = outgoing_.at(greeting.from)->peer().address;
  const std::string host = address.certified_host();
  if (!address.tls || stream.certified_for(host).value_or(true)) return "";
  return fmt::format(
      "replica {} shows a certificate that is not for {}, its peer address as this replica knows "
      "it; it needs one that is: polis cert issue {} --host {}",
      greeting.name, host, greeting.name, host);
}

void PeerLinks::on_incoming_gone(ReplicaId peer) {
  PeerState& state = states_[peer];
  if (--state.incoming > 0) return;
  state.answers_greetings.reset();  // another release may come back
  maybe_tell_lost(peer);
}

void PeerLinks::log_repeating(const std::string& line) {
  auto left_out = repeats_.say(line, loop_.now());
  if (!left_out) return;
  host::log_error("{}{}", line,
                  *left_out > 0 ? fmt::format(" ({} times more meanwhile)", *left_out) : "");
}

// What a replica without other members says to another one.
std::string PeerLinks::alone(const std::string& other) const {
  return fmt::format(
      "replica {} is a cell of one and has no other member: it was founded without --initial, or "
      "the others were removed. If it belongs to the cell of replica {}: stop it, delete its data "
      "directory (what was written to it alone is lost) and start it with the same --initial as "
      "the others",
      own_.name, other);
}

void PeerLinks::maybe_tell_lost(ReplicaId peer) {
  const PeerState& state = states_[peer];
  if (lost_ && !state.connected && state.incoming == 0) lost_(peer);
}

void PeerLinks::send(ReplicaId to, std::string message) {
  auto found = outgoing_.find(to);
  if (found != outgoing_.end()) found->second->send(message);
}

void PeerLinks::flush() {
  for (auto& [id, link] : outgoing_) link->flush();
}

std::uint32_t PeerLinks::cell_version_of(ReplicaId peer) const {
  const PeerState known = state(peer);
  return known.incoming > 0 ? known.cell_version : 0;
}

PeerState PeerLinks::state(ReplicaId id) const {
  auto found = states_.find(id);
  return found == states_.end() ? PeerState() : found->second;
}

}  // namespace polis::peers
