#pragma once

// A simulated network of byte streams: io::Network for simulated machines, in virtual time.
//
// Each machine has a host with an address, and names lead to addresses. Segments travel between two
// hosts; they take time, and may be lost and sent again. Each end of a connection has room for a
// bounded number of bytes, so a reader that stops also stops its writer. Processes see the faults
// (cuts, resets, mute connections, moved hosts) as on real systems: as silence, as a reset, or as
// an address at which nobody answers. sim/wire_connection.hh has the connections.
//
// Everything follows from the seed of the world.
//
// Threads: one. Life: all hosts must be destroyed before the network (CHECK); the world outlives
// both.

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
  // The time that a segment takes, one way.
  Duration delay_min = std::chrono::microseconds(50);
  Duration delay_max = std::chrono::microseconds(500);
  std::uint64_t bytes_per_second = 100 << 20;
  double loss = 0;  // chance that a segment is lost, 0 to 1; it is sent again later
  // The length of each segment is drawn, up to this. The room of each end is drawn, too, from a
  // quarter of its maximum on.
  std::size_t segment_bytes_max = 16 << 10;
  std::size_t room_bytes_max = 128 << 10;
};

// What happens to a segment: it passes, it vanishes, or its connection is reset.
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
  // Nothing that `from` sends arrives at `to`; connections stay open.
  void cut(const StreamHost& from, const StreamHost& to);
  // Ends all cuts.
  void heal();
  // Resets one connection of the host, which is drawn: each end is told that the other one reset
  // it. False: the host has no connection.
  bool reset_one(const StreamHost& host, Random& random);
  // Mutes one connection of the host, which is drawn: from now on nothing arrives on it in one
  // direction or in both, as behind a router that has forgotten it. False: the host has no
  // connection.
  bool mute_one(const StreamHost& host, Random& random);
  // Gives the host a new address. Connections with its old address are silent for ever, and names
  // still lead to that address.
  void move(StreamHost& host);
  // Makes `name` lead to the present address of the host.
  void set_name(const std::string& name, const StreamHost& host);
  void forget_name(const std::string& name) { names_.erase(name); }
  // Called with the bytes of every segment before it leaves; the result decides what happens to it.
  using Look = std::function<Fate(const StreamHost& from, const StreamHost& to, std::string_view)>;
  void set_look(Look look) { look_ = std::move(look); }

  std::uint64_t connections() const { return made_; }  // ever
  std::uint64_t resets() const { return resets_; }     // by reset_one and `look`

  // --- for hosts and connections

  World& world() { return world_; }
  Random& random() { return random_; }
  const WireQuality& quality() const { return quality_; }
  // The address to which the name `host` leads; if it is an address, itself. nullopt: there is no
  // such name.
  std::optional<std::string> resolve(const std::string& host) const;
  StreamHost* host_at(const std::string& address);  // null: no host has this address
  // Carries `bytes` bytes that leave now. Calls `arrive` when they arrive, unless they are lost.
  // `not_before`: when the previous ones of the same connection arrive; it is moved on, so that
  // they stay in order.
  void carry(const std::string& from, const std::string& to, std::size_t bytes, Instant& not_before,
             std::function<void(StreamHost&)> arrive);
  void add(const std::shared_ptr<WireConnection>& connection);
  Fate look(const StreamHost& from, const StreamHost& to, std::string_view bytes);
  // The host's system forgets all its connections.
  void forget_connections(const StreamHost& host);
  void remove(const StreamHost& host);

 private:
  std::vector<std::shared_ptr<WireConnection>> connections_of(const StreamHost& host);
  std::string next_address();

  World& world_;
  Random random_;
  WireQuality quality_;
  std::map<std::string, std::string> names_;
  std::map<std::string, StreamHost*> hosts_;  // by address; owned by the callers of add_host
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

  // The power fails: nothing leaves this host any more, and its peers are told nothing. Destroy its
  // processes after this call.
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
  // Gives the stream to the listener at the port. False: nobody listens there.
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
  // By port. Shared with calls that are under way.
  std::map<std::uint16_t, std::shared_ptr<Accepted>> listeners_;
};

}  // namespace polis::sim
