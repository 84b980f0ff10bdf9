#pragma once

// Users of the typed client library: sessions with locks, and a watch. In each callback they check,
// in virtual time, that the library keeps its promises; else they throw a Violation.
//
// Threads: one. Life: must be destroyed before the network; `history` must outlive them.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/lock.hh"
#include "client/session.hh"
#include "client/watch.hh"
#include "sim/wire_client.hh"

namespace polis::sim {

// Several processes that take one lock again and again, each time with a new session. A session is
// closed, or its process is dropped without closing it. At no moment may two of them hold a token,
// and tokens must grow.
class TypedLocks {
 public:
  struct Options {
    std::size_t clients = 3;
    // The bound that the sessions are told: the replicas' clocks may run faster than the clients'
    // by this fraction.
    double drift_max = 0.01;
  };
  TypedLocks(StreamNetwork& network, const std::vector<io::Address>& endpoints, Options options);
  ~TypedLocks();
  void start();
  void stop() { stopping_ = true; }
  std::uint64_t held() const { return held_; }  // how often some client got the lock
  WireClient& process(std::size_t client);
  std::size_t size() const { return clients_.size(); }

 private:
  struct Client;
  Duration below(Duration max);
  void rest(Client& client);
  void open(Client& client);
  void want(Client& client);
  void on_held(Client& client, client::FencingToken token);
  void let_go(Client& client);
  void look();

  World& world_;
  Random random_;
  Options options_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::int64_t newest_ = 0;  // the greatest token so far
  std::uint64_t held_ = 0;
  bool stopping_ = false;
};

// Watches all keys from the first revision on. The watch must tell each change once, in order, or
// say that it was missed.
class TypedWatch {
 public:
  TypedWatch(StreamNetwork& network, std::vector<io::Address> endpoints, const History& history);
  std::uint64_t seen() const { return next_ - 1; }
  WireClient& process() { return process_; }

 private:
  void on_changes(const client::Changes& changes);
  void on_missed(const client::Missed& missed);

  const History& history_;
  WireClient process_;
  std::uint64_t next_ = 2;  // the first revision that was not told yet
  std::unique_ptr<client::Watch> watch_;
};

}  // namespace polis::sim
