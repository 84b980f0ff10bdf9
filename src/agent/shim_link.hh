#pragma once

// The agent's end of the connection to one shim: its State as it changes, and requests. Destroying
// it leaves the shim and its instance as they are.
//
// Threads: the loop's. Callbacks come on the loop's thread, never from within a call.

#include <deque>
#include <functional>
#include <memory>

#include "io/loop.hh"
#include "io/network.hh"
#include "shim/protocol.hh"

namespace polis::agent {

// An answer that has not come by then never will: the shim hangs.
inline constexpr Duration kAnswerPatience = std::chrono::seconds(5);
inline constexpr std::size_t kRequestsMax = 64;  // without an answer yet

class ShimLink {
 public:
  struct Handlers {
    std::function<void(const shim::State&)> changed;
    // The connection has ended, once. The instance's directory says whether the shim has, too.
    std::function<void(const Error&)> lost;
  };
  // `stream` is greeted already and reads nothing until now; `rest`: bytes that came behind the
  // greeting.
  ShimLink(io::Loop& loop, std::unique_ptr<io::Stream> stream, const shim::State& state,
           std::string release, std::string rest);
  ~ShimLink();

  void watch(Handlers handlers) { handlers_ = std::move(handlers); }
  // The newest one that came.
  const shim::State& state() const { return state_; }
  const std::string& release() const { return release_; }  // of the shim

  // kUnknown: the connection ended before the answer came, or none came in time.
  // kUnavailable: kRequestsMax wait already. Others: as agent/texts.hh, refused_request.
  using Answered = std::function<void(Result<void>)>;
  // `signal` 0, `grace` 0: as the spec says.
  void stop(int signal, Duration grace, Answered done);
  void kill(Answered done);
  void signal(int number, Answered done);
  // Only forward. kInvalid: the deadline belongs to another lease.
  void extend(std::uint64_t lease, Instant deadline, Answered done);
  // The deadline belongs to this lease from now on: a transaction has confirmed the assignment.
  void bind(std::uint64_t lease, Instant deadline, Answered done);
  void rotate(Answered done);
  // The end is known here: the shim goes.
  void forget(Answered done);
  // Makes the shim count its output and send its State.
  void refresh(Answered done);

 private:
  struct Waiting {
    std::uint64_t id = 0;
    Instant until;
    Answered done;
  };
  void ask(shim::Request request, Answered done);
  void send();
  void on_bytes(std::string_view bytes);
  void on_frame(const shim::Frame& frame);
  void on_answer(const shim::Answer& answer);
  void end(const std::string& reason);
  void watch_patience();

  io::Loop& loop_;
  std::unique_ptr<io::Stream> stream_;  // none: the connection has ended
  shim::State state_;
  std::string release_;
  Handlers handlers_;
  std::string in_, out_;
  std::uint64_t last_id_ = 0;
  std::deque<Waiting> waiting_;
  std::unique_ptr<io::Timer> patience_;
  // Whether this object lives, for what was posted.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace polis::agent
