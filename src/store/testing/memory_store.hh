#pragma once

// A store on an engine in memory, for tests. It can be closed and opened again.
//
// Threads: one.

#include <memory>

#include "base/check.hh"
#include "sim/disk.hh"
#include "storage/memory_engine.hh"
#include "store/store.hh"

namespace polis::store::testing {

struct MemoryStore {
  // Makes store and engine anew, from the state that the engine has saved.
  Result<void> open() {
    store.reset();
    engine.reset();
    engine = std::make_unique<storage::MemoryEngine>(state, machine, disk, Random(1));
    store = std::make_unique<Store>(*engine);
    return store->open();
  }
  // Saves everything that was applied to the engine.
  void save() {
    auto batch = store->take_batch();
    if (!batch) return;
    bool saved = false;
    engine->commit_later(std::move(*batch), [&](Result<void> done) {
      saved = done.has_value();
      store->on_batch_committed();
    });
    world.run_until(world.now() + std::chrono::seconds(1));
    CHECK(saved);
  }
  // Makes the next entry of the log, with one command of replica 1. Does not apply it.
  consensus::Entry entry(CommandKind kind, const std::string& bytes) {
    Bundle collected;
    collected.add(kind, bytes);
    std::string payload;
    collected.take({ReplicaId(1), 1, ++bundle}, payload);
    return {Term(1), LogIndex(bundle), consensus::EntryKind::kCommand, share(payload)};
  }

  sim::World world{1};
  sim::Machine machine{world, 0};
  sim::SimulatedDisk disk{machine, std::make_shared<sim::DiskContents>(),
                          std::make_shared<sim::DiskFaults>(), Random(1)};
  std::shared_ptr<storage::MemoryEngineState> state =
      std::make_shared<storage::MemoryEngineState>();  // outlives the engine, as a disk would
  std::unique_ptr<storage::MemoryEngine> engine;
  std::unique_ptr<Store> store;
  std::uint64_t bundle = 0;
};

}  // namespace polis::store::testing
