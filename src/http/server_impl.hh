#pragma once

// What a server's connections share. For the .cc files of http/ alone.
//
// Threads: the loop's.

#include <map>
#include <memory>
#include <vector>

#include "http/connection.hh"
#include "http/grpc_calls.hh"
#include "http/router.hh"
#include "http/server.hh"

namespace polis::http {

struct Server::Impl {
  io::Loop& loop;
  io::Network& network;
  ServerOptions options;
  Router router;
  CallsShared calls;
  GrpcCalls grpc;
  std::vector<std::unique_ptr<io::Listener>> listeners;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections;
  std::vector<std::uint64_t> dirty;
  std::vector<std::unique_ptr<Connection>>
      closed;  // destroyed at the turn's end, because their functions may be on the stack
  std::uint64_t next_connection = 1;
  std::unique_ptr<io::Timer> timer;
  bool draining = false;
  int ticks = 0;
  std::string date;  // of now, as answers have it; empty: there is no clock
  std::int64_t date_second = -1;
  ServerCounters counters;

  Impl(io::Loop& l, io::Network& n, ServerOptions o);
  void accept(std::unique_ptr<io::Stream> stream);
  void remove(std::uint64_t id);
  void tick();
};

}  // namespace polis::http
