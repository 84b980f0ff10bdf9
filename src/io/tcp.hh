#pragma once

// TCP and unix sockets: listeners and streams on the reactor. Bytes only; what they mean is said
// above.
//
// Threads: the reactor's.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hh"
#include "io/address.hh"
#include "io/reactor.hh"

namespace polis::io {

class TcpStream {
 public:
  struct Handlers {
    std::function<void(std::string_view)> bytes;  // valid during the call
    std::function<void(const std::string& reason)>
        closed;                      // once, never from within write or close
    std::function<void()> writable;  // after write took less than it was given
  };

  virtual ~TcpStream() = default;  // closes; no handler is called afterwards
  virtual void start(Handlers handlers) = 0;
  // Takes as much as the socket has room for now and says how much. After less than all,
  // Handlers::writable follows.
  virtual std::size_t write(std::string_view bytes) = 0;
  // Bytes that were written and that the other side's system has not acknowledged yet.
  virtual std::size_t unacknowledged() = 0;
  // No more bytes are delivered until resume: this is how a slow reader slows its sender.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;
  // Bytes that the other side has not acknowledged for this long end the stream (TCP_USER_TIMEOUT).
  // Without it, TCP waits for twice as long after each loss, up to two minutes, before it tries
  // again, and a network that has come back is not noticed.
  virtual void give_up_unacknowledged_after(Duration limit) = 0;
  virtual const std::string& peer() const = 0;  // "HOST:PORT", or "unix"
};

class TcpListener {
 public:
  virtual ~TcpListener() = default;
  virtual std::uint16_t port() const = 0;  // the real one, when 0 was asked for; unix: 0
};

// While the process has no free descriptor, connections are accepted and closed at once, in bounded
// numbers and not more often than every 50 ms.
// kUnavailable: the address is in use. kInvalid: it is not an address of this machine. The file of
// a unix socket that nobody listens at any more is replaced; it is removed with the listener.
Result<std::unique_ptr<TcpListener>> listen_tcp(
    Reactor& reactor, const Address& address,
    std::function<void(std::unique_ptr<TcpStream>)> accepted);

// Destroying the returned object gives up. `done` is called at most once, never from within this
// call.
class Connecting {
 public:
  virtual ~Connecting() = default;
};
[[nodiscard]] std::unique_ptr<Connecting> connect_tcp(
    Reactor& reactor, const Address& address, Duration timeout,
    std::function<void(Result<std::unique_ptr<TcpStream>>)> done);

}  // namespace polis::io
