#pragma once

// Byte streams between processes: the one interface through which everything above io/ reaches
// other processes. io::TcpNetwork is the real network; sim::StreamHost is a simulated one, with
// faults.
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
    std::function<void(std::string_view)> bytes;  // bytes have arrived; valid during the call
    std::function<void(const std::string& reason)>
        closed;                      // the stream has ended; once, never from within write
    std::function<void()> writable;  // there is room again after write took less than all
  };

  virtual ~Stream() = default;  // closes; no handler is called afterwards
  // Begins to deliver bytes. Call it once, before anything else.
  virtual void start(Handlers handlers) = 0;
  // Takes as many bytes as there is room for now. The result: how many. If it is less than all,
  // Handlers::writable follows. After the stream has ended, it takes and drops everything.
  virtual std::size_t write(std::string_view bytes) = 0;
  // How many bytes were written and not yet acknowledged by the other side's system.
  virtual std::size_t unacknowledged() = 0;
  // No bytes are delivered until resume_reading. So a slow reader slows its sender.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;
  // The stream ends when the other side has not acknowledged written bytes for this long
  // (TCP_USER_TIMEOUT). Without this, TCP doubles the time between its attempts after each loss, up
  // to two minutes, and does not notice that the network has come back.
  virtual void give_up_unacknowledged_after(Duration limit) = 0;
  virtual const std::string& peer() const = 0;  // "HOST:PORT", or "unix"
  // Whether the other side has shown a certificate that is valid for this host (a name or an IP
  // address). Nothing: it showed none, because nothing is encrypted, or it was not asked to.
  virtual std::optional<bool> certified_for(const std::string&) const { return std::nullopt; }
};

class Listener {
 public:
  virtual ~Listener() = default;           // no stream is accepted afterwards
  virtual std::uint16_t port() const = 0;  // also if port 0 (any) was asked for; unix socket: 0
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

  // Accepts connections at `address` while the listener lives. `accepted` is called for each.
  // kUnavailable: the address is in use. kInvalid: it is not an address of this machine. A unix
  // socket's file is replaced if nobody listens there any more; it is removed with the listener.
  // While the process has no free descriptor, connections are accepted and closed at once, at most
  // 256 every 50 ms.
  virtual Result<std::unique_ptr<Listener>> listen(const Address& address, Accepted accepted) = 0;
  // Connects to `address`. A name is looked up at each call. `done` is called once, never from
  // within this call, unless the returned object is destroyed before. kUnavailable: nobody answered
  // within `timeout`, or the connection was refused.
  [[nodiscard]] virtual std::unique_ptr<Connecting> connect(const Address& address,
                                                            Duration timeout, Connected done) = 0;
};

}  // namespace polis::io
