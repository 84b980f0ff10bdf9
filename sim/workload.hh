#pragma once

// Clients that read, write, compare and delete a few keys through any replica. Each client does one
// operation at a time, and writes its outcome into the history.
//
// Threads: one. Life: construct -> start -> stop. The references must outlive it.

#include <memory>

#include "sim/cell.hh"
#include "sim/history.hh"

namespace polis::sim {

struct WorkloadConfig {
  std::size_t clients = 4;
  std::size_t keys = 5;
  Duration think_max = std::chrono::milliseconds(40);
  // A client that has no answer after this time goes on; the outcome is unknown.
  Duration patience_max = std::chrono::seconds(3);
  bool compactions = false;
};

class Workload {
 public:
  Workload(World& world, SimulatedCell& cell, History& history, WorkloadConfig config);
  void start();
  void stop() { stopping_ = true; }
  // Makes one write through the replica at `place`, beside the clients. done(true): it was made.
  // Shows whether progress comes.
  void probe(std::size_t place, std::function<void(bool)> done);

 private:
  void next(std::size_t client);
  void run(std::size_t client, std::size_t operation, std::size_t place);
  void end(std::size_t client, std::size_t operation, Outcome outcome);
  void on_reply(std::size_t client, std::size_t operation, const store::Reply& reply);
  void on_readable(std::size_t client, std::size_t operation, std::size_t place,
                   std::uint64_t incarnation, const store::Status& status);
  std::size_t pick_place();

  World& world_;
  SimulatedCell& cell_;
  History& history_;
  WorkloadConfig config_;
  Random random_;
  std::uint64_t next_value_ = 0;
  bool stopping_ = false;
  std::map<std::string, std::int64_t>
      last_revision_;  // of each key, as the clients have seen it; for compares
};

}  // namespace polis::sim
