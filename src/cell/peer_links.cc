#include "cell/peer_links.hh"

#include "cell/log.hh"
#include "cell/peer_frame.hh"
#include "cell/version.hh"
#include "store/cell_version.hh"

namespace polis::cell {
namespace {

constexpr Duration kReconnectMin = std::chrono::milliseconds(50);
constexpr Duration kReconnectMax = std::chrono::milliseconds(300);
constexpr Duration kConnectTimeout = std::chrono::seconds(1);
// What a peer has not acknowledged by then is of no use any more, and a new connection is made
// sooner than TCP would try this one again.
constexpr Duration kUnacknowledgedMax = std::chrono::seconds(1);
// A peer that takes nothing for this long is connected to anew: what waits for it is of no use any
// more.
constexpr Duration kStallMax = std::chrono::seconds(3);
constexpr Duration kLetGoAfter = std::chrono::seconds(2);
constexpr std::size_t kQueueBytesMax = 64 << 20;

}  // namespace

// The connection to one peer, made again and again.
class PeerLinks::Outgoing {
 public:
  Outgoing(PeerLinks& links, Peer peer)
      : links_(links), peer_(std::move(peer)), state_(links.states_[peer_.id]) {
    connect();
  }

  const Peer& peer() const { return peer_; }

  void send(std::string_view message) {
    if (!stream_ || queue_.size() - at_ + message.size() > kQueueBytesMax) {
      ++state_.messages_lost;
      return;
    }
    append_frame(queue_, message);
  }

  void flush() {
    if (!stream_ || blocked_ || at_ == queue_.size()) {
      if (blocked_ && links_.reactor_.now() - progressed_ > kStallMax)
        reconnect("it takes no bytes");
      return;
    }
    std::size_t n = stream_->write(std::string_view(queue_).substr(at_));
    state_.bytes_sent += n;
    at_ += n;
    if (n > 0) progressed_ = links_.reactor_.now();
    if (at_ == queue_.size()) {
      queue_.clear();
      at_ = 0;
    } else {
      blocked_ = true;
      if (at_ > (1 << 20)) {
        queue_.erase(0, at_);
        at_ = 0;
      }
    }
  }

 private:
  void connect() {
    connecting_ = io::connect_tcp(
        links_.reactor_, peer_.address, kConnectTimeout,
        [this](Result<std::unique_ptr<io::TcpStream>> result) {
          if (!result) return reconnect(result.error().text);
          stream_ = std::move(*result);
          stream_->give_up_unacknowledged_after(kUnacknowledgedMax);
          state_.connected = true;
          delay_ = kReconnectMin;
          complained_ = false;
          progressed_ = links_.reactor_.now();
          log_info("connected to replica {} at {}", peer_.name, peer_.address.text());
          answer_ = {};
          stream_->start({[this](std::string_view bytes) { on_answer(bytes); },
                          [this](const std::string& reason) { reconnect(reason); },
                          [this] {
                            blocked_ = false;
                            flush();
                          }});
          append_frame(queue_, encode(Greeting{.cell = links_.own_.cell,
                                               .from = links_.own_.id,
                                               .to = peer_.id,
                                               .name = links_.own_.name,
                                               .client_address = links_.own_.client_address,
                                               .version = kVersion,
                                               .blank = links_.own_.blank(),
                                               .cell_version = store::kCellVersionNewest,
                                               .consensus = links_.own_.consensus}));
          flush();
        });
  }

  // A peer says nothing here but why it does not take us.
  void on_answer(std::string_view bytes) {
    answer_.add(bytes);
    auto frame = answer_.next();
    auto refusal = frame && *frame ? decode_refusal(**frame) : std::nullopt;
    if (!refusal) return;
    if (refusal->text != refused_)
      log_error("replica {} refuses this one: {}", peer_.name, refusal->text);
    refused_ = refusal->text;
    state_.disowns = refusal->reason == Refusal::Reason::kNoMember;
    if (links_.refused_) links_.refused_(refusal->reason, refusal->text);
  }

  void reconnect(const std::string& reason) {
    if (!complained_) log_warn("no connection to replica {}: {}; trying again", peer_.name, reason);
    complained_ = true;
    if (std::exchange(state_.connected, false)) links_.maybe_tell_lost(peer_.id);
    // Not here: the stream or the attempt may be the caller.
    retry_ = links_.reactor_.after(delay_, [this] {
      auto keep = std::move(retry_);
      stream_.reset();
      queue_.clear();
      at_ = 0;
      blocked_ = false;
      connect();
    });
    delay_ = std::min(delay_ * 2, kReconnectMax);
  }

  PeerLinks& links_;
  Peer peer_;
  PeerState& state_;
  std::unique_ptr<io::Connecting> connecting_;
  std::unique_ptr<io::TcpStream> stream_;
  std::unique_ptr<io::Timer> retry_;
  Duration delay_ = kReconnectMin;
  std::string queue_;
  std::size_t at_ = 0;
  bool blocked_ = false, complained_ = false;
  Instant progressed_;
  FrameReader answer_;
  std::string refused_;  // why, the last time
};

// A connection that a peer made to us.
class PeerLinks::Incoming {
 public:
  Incoming(PeerLinks& links, std::uint64_t id, std::unique_ptr<io::TcpStream> stream)
      : links_(links), id_(id), stream_(std::move(stream)) {
    stream_->start({[this](std::string_view bytes) { on_bytes(bytes); },
                    [this](const std::string&) { close(); }, [] {}});
  }
  ReplicaId from() const { return from_; }

 private:
  void on_bytes(std::string_view bytes) {
    if (closed_) return;
    reader_.add(bytes);
    while (!closed_) {
      auto frame = reader_.next();
      if (!frame) {
        log_warn("closing the peer connection from {}: {}", stream_->peer(), frame.error().text);
        return close();
      }
      if (!*frame) break;
      greeted_ ? links_.received_(from_, **frame) : greet(**frame);
    }
    if (!greeted_) return;
    links_.states_[from_].bytes_received += bytes.size();
    links_.states_[from_].heard = links_.reactor_.now();
  }

  void greet(std::string_view bytes) {
    auto greeting = decode_greeting(bytes);
    std::string wrong;
    auto reason = Refusal::Reason::kOther;
    if (!greeting) {
      wrong = "it is no replica of Polis; does another program use the --peer address?";
    } else if (greeting->cell != links_.own_.cell) {
      wrong = fmt::format(
          "replica {} belongs to another cell ({:x}, this is {:x}); check --cluster on both",
          greeting->name, greeting->cell, links_.own_.cell);
    } else if (greeting->to != links_.own_.id) {
      wrong = fmt::format("replica {} took this one for another; check the addresses in --initial",
                          greeting->name);
    } else if (!links_.outgoing_.contains(greeting->from)) {
      reason = Refusal::Reason::kNoMember;
      wrong = fmt::format(
          "replica {} (id {:x}) is no member of the cell: it was removed, or not added yet; "
          "`polis cell members` lists the members",
          greeting->name, greeting->from.value);
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
      log_error("refusing the peer connection from {}: {}", stream_->peer(), wrong);
      std::string answer;
      append_frame(answer, encode(Refusal{reason, wrong}));
      stream_->write(answer);
      return close();
    }
    greeted_ = true;
    from_ = greeting->from;
    links_.states_[from_].disowns = false;
    ++links_.states_[from_].incoming;
    links_.states_[from_].client_address = greeting->client_address;
    links_.states_[from_].version = greeting->version;
    links_.states_[from_].cell_version = greeting->cell_version;
  }

  void close() {
    if (closed_) return;
    closed_ = true;
    if (greeted_ && --links_.states_[from_].incoming == 0) links_.maybe_tell_lost(from_);
    links_.reactor_.post([&links = links_, id = id_] { links.incoming_.erase(id); });
  }

  PeerLinks& links_;
  std::uint64_t id_;
  std::unique_ptr<io::TcpStream> stream_;
  FrameReader reader_;
  bool greeted_ = false, closed_ = false;
  ReplicaId from_;
};

PeerLinks::PeerLinks(io::Reactor& reactor, Own own) : reactor_(reactor), own_(std::move(own)) {}

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
  let_go_ = reactor_.after(kLetGoAfter, [this] {
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
  auto listener =
      io::listen_tcp(reactor_, own_.listen,
                     [this](std::unique_ptr<io::TcpStream> stream) { accept(std::move(stream)); });
  if (!listener) return std::unexpected(listener.error());
  listener_ = std::move(*listener);
  return {};
}

void PeerLinks::accept(std::unique_ptr<io::TcpStream> stream) {
  // Every peer has one; a few more are there while old ones die.
  if (incoming_.size() > 8 * (outgoing_.size() + 1)) return;
  std::uint64_t id = next_incoming_++;
  incoming_[id] = std::make_unique<Incoming>(*this, id, std::move(stream));
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

}  // namespace polis::cell
