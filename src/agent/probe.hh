#pragma once

// One look at an instance from outside: whether it takes connections, answers an HTTP request, or a
// command says that it is well.
//
// Threads: the loop's. Callbacks come on the loop's thread, never from within a call.

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "agent/health.hh"
#include "io/loop.hh"
#include "io/network.hh"
#include "io/processes.hh"

namespace polis::agent {

// A connection is accepted.
struct TcpProbe {
  io::Address address;
};
// GET over HTTP/1.1.
struct HttpProbe {
  io::Address address;
  std::string host;  // the Host field; empty: the address
  std::string path = "/";
  int status = 0;  // that is wanted; 0: any from 200 to 399
};
// It ends with status 0. What it prints is not read.
struct CommandProbe {
  io::Command command;
};
using ProbeKind = std::variant<TcpProbe, HttpProbe, CommandProbe>;

// Destroying it gives up; a command that runs is killed.
class Probe {
 public:
  virtual ~Probe() = default;
};

class Prober {
 public:
  // All must outlive the probes.
  Prober(io::Loop& loop, io::Network& network, io::Processes& processes)
      : loop_(loop), network_(network), processes_(processes) {}

  // `done` is called once, at the latest after `timeout`, with what was asked and what came back.
  using Done = std::function<void(const CheckResult&)>;
  [[nodiscard]] std::unique_ptr<Probe> probe(const ProbeKind& kind, Duration timeout, Done done);

 private:
  io::Loop& loop_;
  io::Network& network_;
  io::Processes& processes_;
};

}  // namespace polis::agent
