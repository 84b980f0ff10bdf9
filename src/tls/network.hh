#pragma once

// A network whose streams are encrypted where the address says so (https://), over any other
// network.
//
// A stream that was accepted is handed over at once and shakes hands when it is started: until
// then, and after a failure, it takes and delivers nothing, so whoever bounds how long a connection
// may say nothing bounds the handshake as well. One that was dialled is handed over when the other
// side has proved who it is; the time for that is part of the time to connect.
//
// Threads: the loop's.
// Life: the network below, the loop and the credentials outlive it; it outlives its streams.

#include <functional>
#include <memory>

#include "io/loop.hh"
#include "io/network.hh"
#include "tls/credentials.hh"

namespace polis::tls {

struct Lingering;  // connections whose owner is gone and whose last bytes are still under way

class Network final : public io::Network {
 public:
  // Null: addresses with https:// are refused.
  Network(io::Loop& loop, io::Network& below, const Credentials* credentials);
  ~Network() override;

  struct Counters {
    std::uint64_t handshakes = 0, resumed = 0;  // of those that were done: without certificates
    std::uint64_t failed = 0;
  };
  const Counters& accepted() const { return accepted_; }
  const Counters& dialled() const { return *dialled_; }
  // Called with what a client did wrong in the handshake and where it came from.
  void on_refused(std::function<void(const std::string& why)> refused);

  Result<std::unique_ptr<io::Listener>> listen(const io::Address& address,
                                               Accepted accepted) override;
  std::unique_ptr<io::Connecting> connect(const io::Address& address, Duration timeout,
                                          Connected done) override;

 private:
  io::Loop& loop_;
  io::Network& below_;
  const Credentials* credentials_;
  std::function<void(const std::string&)> refused_;
  Counters accepted_;
  std::shared_ptr<Counters> dialled_ = std::make_shared<Counters>();  // shared with attempts
  std::shared_ptr<Lingering> lingering_;  // shared with streams, which may be destroyed after it
};

}  // namespace polis::tls
