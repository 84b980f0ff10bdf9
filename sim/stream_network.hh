#pragma once

// A simulated network of byte streams: io::Network on simulated machines, in the world's own time.
//
// Each machine has a host, with an address, and names lead to addresses. Between two hosts run
// segments, which take time, are lost and sent again; an end has room for so many bytes and stops
// its writer when its reader stops. What is done to the network (cuts, resets, mute connections,
// moved hosts) is seen by the processes as real systems show it: as silence, as a reset, as an
// address at which nobody answers. sim/wire_connection.hh has the connections themselves.
//
// Everything follows from the seed of the world.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/network.hh"
#include "sim/world.hh"

namespace polis::sim {

class WireConnection;
class StreamHost;
struct Segment;

struct WireQuality {
  // Of a segment, one way.
  Duration delay_min = std::chrono::microseconds(50);
  Duration delay_max = std::chrono::microseconds(500);
  std::uint64_t bytes_per_second = 100 << 20;
  double loss = 0;  // chance that a segment does not arrive and is sent again later
  // Where segments end is drawn. So is the room of each end, from a quarter of the largest on.
  std::size_t segment_bytes_max = 16 << 10;
  std::size_t room_bytes_max = 128 << 10;
};

// What becomes of a segment, as somebody decides who looks at all of them.
enum class Fate { kPasses, kVanishes, kResets };

class StreamNetwork {
 public:
  explicit StreamNetwork(World& world, WireQuality quality = {})
      : world_(world), random_(world.fork()), quality_(quality) {}
  ~StreamNetwork();
  StreamNetwork(const StreamNetwork&) = delete;
  StreamNetwork& operator=(const StreamNetwork&) = delete;

  // A host for this machine, with a new address to which `name` leads.
  std::unique_ptr<StreamHost> add_host(Machine& machine, const std::string& name);

  // --- faults

  void set_quality(WireQuality quality) { quality_ = quality; }
  // Nothing arrives from the one at the other; connections stay.
  void cut(const StreamHost& from, const StreamHost& to);
  void heal();
  // One connection of the host, drawn: both ends are told that the other one reset it.
  // False: it has none.
  bool reset_one(const StreamHost& host, Random& random);
  // One connection of the host, drawn: from now on nothing of it arrives in one direction, or in
  // both, as behind a router that has forgotten it. False: the host has none.
  bool mute_one(const StreamHost& host, Random& random);
  // The host has another address from now on. Connections to the old one are silent for ever; names
  // still lead there.
  void move(StreamHost& host);
  // `name` leads to the host's address of now.
  void set_name(const std::string& name, const StreamHost& host);
  void forget_name(const std::string& name) { names_.erase(name); }
  // Sees the bytes of every segment before it leaves.
  using Look = std::function<Fate(const StreamHost& from, const StreamHost& to, std::string_view)>;
  void set_look(Look look) { look_ = std::move(look); }

  std::uint64_t connections() const { return made_; }  // ever
  std::uint64_t resets() const { return resets_; }     // by reset_one and `look`

  // --- for hosts and connections

  World& world() { return world_; }
  Random& random() { return random_; }
  const WireQuality& quality() const { return quality_; }
  // The address of a name, or of an address itself. Nothing: there is no such name.
  std::optional<std::string> resolve(const std::string& host) const;
  StreamHost* host_at(const std::string& address);
  // Calls `arrive` when something of this size that leaves now has come from one address to the
  // other, unless it gets lost. `not_before`: what is sent on one connection stays in order.
  void carry(const std::string& from, const std::string& to, std::size_t bytes, Instant& not_before,
             std::function<void(StreamHost&)> arrive);
  void add(const std::shared_ptr<WireConnection>& connection);
  Fate look(const StreamHost& from, const StreamHost& to, std::string_view bytes);
  // The host's system knows nothing of its connections any more.
  void forget_connections(const StreamHost& host);
  void remove(const StreamHost& host);

 private:
  std::vector<std::shared_ptr<WireConnection>> connections_of(const StreamHost& host);
  std::string next_address();

  World& world_;
  Random random_;
  WireQuality quality_;
  std::map<std::string, std::string> names_;
  std::map<std::string, StreamHost*> hosts_;  // by address; owned by whoever added them
  std::uint64_t next_host_ = 1;
  std::set<std::pair<std::uint64_t, std::uint64_t>> cut_;  // hosts by number
  std::vector<std::weak_ptr<WireConnection>> connections_;
  std::uint64_t made_ = 0, resets_ = 0;
  Look look_;
};

// The network as the processes of one machine see it.
class StreamHost final : public io::Network {
 public:
  StreamHost(StreamNetwork& network, Machine& machine, std::uint64_t number, std::string address);
  ~StreamHost() override;

  // The host part of `address` is empty, this host's address, or a name that leads to it.
  Result<std::unique_ptr<io::Listener>> listen(const io::Address& address,
                                               Accepted accepted) override;
  std::unique_ptr<io::Connecting> connect(const io::Address& address, Duration timeout,
                                          Connected done) override;

  // As if the power failed: nothing leaves this host any more, and those who talk to it hear
  // nothing. Its processes are destroyed after this.
  void lose_power();
  void come_back() { powered_ = true; }
  bool powered() const { return powered_; }

  StreamNetwork& network() { return network_; }
  Machine& machine() { return machine_; }
  std::uint64_t number() const { return number_; }
  const std::string& address() const { return address_; }

  // --- for the network and its connections

  void set_address(std::string address) { address_ = std::move(address); }
  bool listens(std::uint16_t port) const { return listeners_.contains(port); }
  // Gives the stream to who listens at the port. False: nobody does.
  bool accept(std::uint16_t port, std::unique_ptr<io::Stream> stream);
  std::uint16_t number_of_next_port() {
    return next_port_ == 60'000 ? next_port_ = 30'000 : ++next_port_;
  }

 private:
  class Listening;
  class Attempt;

  StreamNetwork& network_;
  Machine& machine_;
  std::uint64_t number_;
  std::string address_;
  bool powered_ = true;
  std::uint16_t next_port_ = 30'000;
  // Shared with calls of them.
  std::map<std::uint16_t, std::shared_ptr<Accepted>> listeners_;
};

}  // namespace polis::sim
