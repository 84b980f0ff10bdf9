#pragma once

// A forwarder on a simulated machine of its own, as balancers, proxies and container networks are:
// it accepts connections at its port and connects each of them to a replica. It can also misbehave.
//
// Threads: one. Life: must be destroyed before the network.

#include <map>
#include <memory>
#include <string>

#include "sim/stream_network.hh"

namespace polis::sim {

class Forwarder {
 public:
  enum class Mode {
    kForwards,
    kLeadsNowhere,  // accepts connections and keeps them open, but forwards nothing
    kCloses,        // accepts connections and closes them at once
  };

  Forwarder(StreamNetwork& network, const std::string& name, std::uint16_t port,
            io::Address backend);
  ~Forwarder();

  // Sets the mode for new connections. If bytes come on an open connection while the mode is not
  // kForwards, that connection forwards nothing any more.
  void set_mode(Mode mode) { mode_ = mode; }
  Mode mode() const { return mode_; }
  const io::Address& address() const { return address_; }
  StreamHost& host() { return *host_; }
  std::uint64_t taken() const { return next_; }  // connections accepted so far

 private:
  struct Pair;
  void take(std::unique_ptr<io::Stream> stream);
  void forward(Pair& pair, std::size_t from, std::string_view bytes);
  void flush(Pair& pair, std::size_t to);
  void end(std::uint64_t pair);

  Machine machine_;
  std::unique_ptr<StreamHost> host_;
  io::Address address_, backend_;
  Mode mode_ = Mode::kForwards;
  std::map<std::uint64_t, std::unique_ptr<Pair>> pairs_;
  std::uint64_t next_ = 0;
  std::unique_ptr<io::Listener> listener_;
};

}  // namespace polis::sim
