#pragma once

// Clients that hold leases and locks, as users of a lock service do: a client gets a lease, hangs a
// key and a lock on it, renews it in time, and one day lets go of it: in order, or without a word.
//
// Clients live in the world's own time; their clocks are right.

#include <memory>
#include <vector>

#include "sim/cell.hh"
#include "sim/history.hh"

namespace polis::sim {

struct LeaseWorkloadConfig {
  std::size_t clients = 3;
  std::size_t locks = 1;                            // fewer than clients: they wait for each other
  std::int64_t ttl_max = 4;                         // seconds; at least store::kLeaseTtlMin
  Duration patience_max = std::chrono::seconds(2);  // then a client asks another replica
};

// The transaction that writes what the operation says; if it is kCompareAndSet, only where there is
// no such key. And what came of it.
std::string txn_of(const Operation& operation);
void end_txn(Operation& operation, const store::Reply& reply, Instant now);

class LeaseWorkload {
 public:
  LeaseWorkload(World& world, SimulatedCell& cell, History& history, LeaseWorkloadConfig config,
                std::uint64_t seed);
  void start();
  // All clients let go of their leases without a word.
  void stop() { stopping_ = true; }

 private:
  struct Client {
    std::int64_t lease = 0;  // 0: none
    std::uint64_t step = 0;  // answers to earlier steps come too late
    std::size_t place = 0;   // the replica it talks to
    Duration ttl{};
    Instant lets_go{};  // of this lease
  };

  Duration below(Duration max);
  bool is_at(std::size_t client, std::uint64_t step) const {
    return !stopping_ && clients_[client].step == step;
  }
  std::uint64_t next_step(std::size_t client) { return ++clients_[client].step; }
  void rest(std::size_t client);
  void get_lease(std::size_t client);
  void on_lease(std::size_t client);
  void keep_alive(std::size_t client, std::int64_t lease);
  void renew(std::size_t client, std::int64_t lease);
  void hang_key(std::size_t client);
  void try_lock(std::size_t client);
  void let_go(std::size_t client);
  void revoke(std::size_t client);
  void write(std::size_t client, Operation operation);
  // Calls `f` on the client's replica if that is up.
  void at_replica(std::size_t client, std::function<void(replica::Replica&)> f);

  World& world_;
  SimulatedCell& cell_;
  History& history_;
  LeaseWorkloadConfig config_;
  Random random_;
  std::vector<Client> clients_;
  std::int64_t next_lease_ = 1;
  std::uint64_t next_value_ = 0;
  bool stopping_ = false;
};

}  // namespace polis::sim
