#pragma once

// The real network: TCP and unix sockets on the reactor.
//
// Threads: the loop's.

#include "io/network.hh"
#include "io/reactor.hh"

namespace polis::io {

class TcpNetwork final : public Network {
 public:
  explicit TcpNetwork(Reactor& reactor) : reactor_(reactor) {}

  Result<std::unique_ptr<Listener>> listen(const Address& address, Accepted accepted) override;
  std::unique_ptr<Connecting> connect(const Address& address, Duration timeout,
                                      Connected done) override;

 private:
  Reactor& reactor_;
};

}  // namespace polis::io
