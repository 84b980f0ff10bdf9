#pragma once

// A forwarder on a machine of its own: takes connections at its port and connects each to a
// replica, as balancers, proxies and container networks do; or lies.

#include <map>
#include <memory>
#include <string>

#include "sim/stream_network.hh"

namespace polis::sim {

class Forwarder {
 public:
  enum class Mode {
    kForwards,
    kLeadsNowhere,  // takes connections and keeps them open, though its backend refuses
    kCloses,        // takes connections and closes them at once
  };

  Forwarder(StreamNetwork& network, const std::string& name, std::uint16_t port,
            io::Address backend);
  ~Forwarder();

  // For connections that are made from now on. One that stands leads nowhere, for ever, once bytes
  // have come on it while the mode was another one than kForwards.
  void set_mode(Mode mode) { mode_ = mode; }
  Mode mode() const { return mode_; }
  const io::Address& address() const { return address_; }
  StreamHost& host() { return *host_; }
  std::uint64_t taken() const { return next_; }  // connections, ever

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
