#pragma once

// Clients that hold leases and locks, as users of a lock service do. A client gets a lease, hangs a
// key and a lock on it, renews it in time, and at some time gives it up: by revoking it, or by not
// renewing it any more.
//
// The clocks of clients do not drift. All times are virtual time.
//
// Threads: one. Life: construct -> start -> stop. The references must outlive it.

#include <memory>
#include <vector>

#include "sim/cell.hh"
#include "sim/history.hh"

namespace polis::sim {

struct LeaseWorkloadConfig {
  std::size_t clients = 3;
  std::size_t locks = 1;     // fewer than clients, so that they wait for each other
  std::int64_t ttl_max = 4;  // seconds; at least store::kLeaseTtlMin
  // A client that has no answer after this time asks another replica.
  Duration patience_max = std::chrono::seconds(2);
};

// A TxnRequest that makes the write of the operation. If the operation is kCompareAndSet, it writes
// only if there is no such key.
std::string txn_of(const Operation& operation);
// Completes the operation with the reply to that request.
void end_txn(Operation& operation, const store::Reply& reply, Instant now);

class LeaseWorkload {
 public:
  LeaseWorkload(World& world, SimulatedCell& cell, History& history, LeaseWorkloadConfig config,
                std::uint64_t seed);
  void start();
  // All clients stop, without revoking their leases.
  void stop() { stopping_ = true; }

 private:
  struct Client {
    std::int64_t lease = 0;  // 0: none
    std::uint64_t step = 0;  // answers to earlier steps are ignored
    std::size_t place = 0;   // of the replica that it talks to
    Duration ttl{};
    Instant lets_go{};  // when it gives this lease up
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
  // Calls `f` with the client's replica, if that is up.
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
