#pragma once

// Boost.Asio, compiled once (io/asio.cc). For .cc files of io/ alone.

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <map>

#include "io/reactor.hh"

namespace polis::io {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Unix = asio::local::stream_protocol;
using StreamSocket = asio::generic::stream_protocol::socket;  // of either
using ErrorCodeAsio = boost::system::error_code;

// A stream delivers at most this many bytes in a turn, and goes on in the next one: a peer that
// sends without end holds up neither the turn's end nor the other streams.
inline constexpr std::size_t kReadBytesPerTurn = 64 << 10;

struct Reactor::Impl {
  asio::io_context context{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::vector<std::function<void()>> turn_end;
  std::vector<std::function<void()>> after_turn;  // to be called once, after this turn
  std::unique_ptr<asio::signal_set> signals;
  // Timers that wait in no timerfd: the loop waits no longer than until the first of them.
  std::multimap<Instant, std::function<void()>> coarse;
  std::unique_ptr<Network> network;
  bool stopped = false;
  std::vector<char> read_buffer = std::vector<char>(kReadBytesPerTurn);  // for all streams
};

}  // namespace polis::io
