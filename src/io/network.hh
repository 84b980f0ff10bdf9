#pragma once

// Byte streams between processes: the one interface through which everything above io/ reaches
// others. The real network is io::TcpNetwork; a simulated one can lose, delay, cut and lie.
//
// Threads: the loop's. Callbacks come on the loop's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hh"
#include "base/time.hh"
#include "io/address.hh"

namespace polis::io {

class Stream {
 public:
  struct Handlers {
    std::function<void(std::string_view)> bytes;  // valid during the call
    std::function<void(const std::string& reason)>
        closed;                      // once, never from within write or close
    std::function<void()> writable;  // after write took less than it was given
  };

  virtual ~Stream() = default;  // closes; no handler is called afterwards
  virtual void start(Handlers handlers) = 0;
  // Takes as much as there is room for now and says how much. After less than all,
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
  // Whether the other side has shown a certificate that is valid for this host (a name or an IP
  // address). Nothing: it showed none, because nothing is encrypted, or it was not asked to.
  virtual std::optional<bool> certified_for(const std::string&) const { return std::nullopt; }
};

class Listener {
 public:
  virtual ~Listener() = default;           // no stream is accepted afterwards
  virtual std::uint16_t port() const = 0;  // the real one, when 0 was asked for; unix: 0
};

// An attempt to connect. Destroying it gives up.
class Connecting {
 public:
  virtual ~Connecting() = default;
};

class Network {
 public:
  virtual ~Network() = default;
  using Accepted = std::function<void(std::unique_ptr<Stream>)>;
  using Connected = std::function<void(Result<std::unique_ptr<Stream>>)>;

  // While the process has no free descriptor, connections are accepted and closed at once, in
  // bounded numbers and not more often than every 50 ms.
  // kUnavailable: the address is in use. kInvalid: it is not an address of this machine. The file
  // of a unix socket that nobody listens at any more is replaced; it is removed with the listener.
  virtual Result<std::unique_ptr<Listener>> listen(const Address& address, Accepted accepted) = 0;
  // Names are looked up anew at each call. `done` is called at most once, never from within this
  // call. kUnavailable: nobody answered in time, or the connection was refused.
  [[nodiscard]] virtual std::unique_ptr<Connecting> connect(const Address& address,
                                                            Duration timeout, Connected done) = 0;
};

}  // namespace polis::io
