#pragma once

// The shim's side of the protocol: connections, greetings, frames. One agent at a time, and a few
// that greet or fetch listening sockets. Everything has a place of fixed size: an agent that does
// not read gets the newest State when it reads again, and nothing waits for it.
//
// For the shim's own program alone.
//
// Threads: the main one.

#include <poll.h>

#include "shim/listeners.hh"

namespace polis::shim {

inline constexpr std::size_t kConnectionsMax =
    4;  // the oldest that has not greeted goes for a new one
// A connection must have greeted by then, and a refused one must have read why.
inline constexpr Nanoseconds kGreetingPatience = 5 * kSecond;

class Agents {
 public:
  // Listens in the working directory. 0, or an errno.
  int open();
  // What to wait for; returns how many entries it filled, 1 + kConnectionsMax at most.
  std::size_t wait_for(pollfd* waits) const;
  // Accepts, reads and writes what can be without waiting.
  void on_ready(const Listeners& listeners, Nanoseconds now);
  // Closes who has not greeted in time.
  void on_time(Nanoseconds now);
  Nanoseconds wake_at() const;

  bool agent_there() const;
  // The next request of the agent, if there is room for its answer.
  bool next_request(Request& request);
  void answer(const Answer& answer);
  // Sends the state if it differs from what was sent last and there is room.
  void maybe_send(const State& state);
  // As if another state had been sent last.
  void send_anyway() { sent_size_ = 0; }
  // Closes all, behind what can be written at once.
  void close();

 private:
  struct Connection {
    Descriptor socket;
    bool agent = false;    // it has been welcomed as one
    bool leaving = false;  // it is closed when all is written
    Nanoseconds since = 0;
    std::uint64_t process = 0;
    std::size_t in_size = 0, out_size = 0;
    char in[kFrameBytesMax];
    char out[2 * kFrameBytesMax];
  };

  void accept(Nanoseconds now);
  Connection& place();
  void read(Connection& connection);
  void write(Connection& connection);
  void greet(Connection& connection, const Listeners& listeners);
  void refuse(Connection& connection, Refused reason);
  void drop(Connection& connection);
  void put(Connection& connection, std::string_view frame);
  Connection* agent();

  Descriptor listener_;
  Connection connections_[kConnectionsMax];
  char sent_[kFrameBytesMax];  // the frame of the State that the agent got last
  std::size_t sent_size_ = 0;
};

}  // namespace polis::shim
