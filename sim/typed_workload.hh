#pragma once

// Users of the typed client library: sessions with locks, and a watch. What the library promises
// them is checked where they are told it, in the world's own time.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/lock.hh"
#include "client/session.hh"
#include "client/watch.hh"
#include "sim/wire_client.hh"

namespace polis::sim {

// Several processes that want one lock, again and again: with a session that is closed, or left
// behind without a word. At no moment do two of them hold a token, and tokens only grow.
class TypedLocks {
 public:
  struct Options {
    std::size_t clients = 3;
    // How much faster than the clients' clocks those of the replicas may run, as they are told.
    double drift_max = 0.01;
  };
  TypedLocks(StreamNetwork& network, const std::vector<io::Address>& endpoints, Options options);
  ~TypedLocks();
  void start();
  void stop() { stopping_ = true; }
  std::uint64_t held() const { return held_; }  // how often somebody came to hold the lock
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
  std::int64_t newest_ = 0;  // token
  std::uint64_t held_ = 0;
  bool stopping_ = false;
};

// Watches all keys from the beginning. Each change is told once, in order, or said to be missed.
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
