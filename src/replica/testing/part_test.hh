#pragma once

// The fixture for tests of a part of a replica: simulated time and disk, a store in memory, a log
// that answers as the test says, and a transport that remembers what was sent.
//
// Threads: one.

#include <gtest/gtest.h>

#include "replica/counters.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "replica/testing/scripted_log.hh"
#include "replica/transport.hh"
#include "store/testing/memory_store.hh"

namespace polis::replica::testing {

using namespace std::chrono_literals;

struct RecordedTransport final : Transport {
  void send(ReplicaId to, std::string message) override {
    sent.push_back({to, std::move(message)});
    events.push_back("send");
  }
  void flush() override { events.push_back("flush"); }
  std::uint32_t cell_version_of(ReplicaId peer) const override {
    auto found = versions.find(peer);
    return found == versions.end() ? 0 : found->second;
  }
  struct Sent {
    ReplicaId to;
    std::string bytes;
  };
  std::vector<Sent> sent;
  std::vector<std::string> events;
  std::map<ReplicaId, std::uint32_t> versions;
};

// The content of a bundle, for a test to look at.
struct BundleSeen {
  store::Origin origin;
  std::vector<std::pair<CommandKind, std::string>> commands;
};
inline std::vector<BundleSeen> bundles_in(std::string_view payload) {
  std::vector<BundleSeen> seen;
  store::BundleReader reader(payload);
  store::Origin origin;
  std::vector<store::Command> commands;
  while (reader.next(origin, commands)) {
    seen.push_back({origin, {}});
    for (const store::Command& command : commands)
      seen.back().commands.emplace_back(command.kind, command.bytes);
  }
  EXPECT_TRUE(reader.ok());
  return seen;
}

class PartTest : public ::testing::Test, protected store::testing::MemoryStore {
 protected:
  static constexpr ReplicaId kOwn{1}, kOther{2}, kThird{3};

  PartTest() {
    options_.identity = {77, kOwn};
    options_.directory = "/polis";
    situation_.own = kOwn;
    follow(kOther, Term(1));
    EXPECT_TRUE(open().has_value());
  }
  void follow(ReplicaId master, Term term) {
    situation_.role = {consensus::Role::kFollower, term, master};
  }
  void lead(Term term) { situation_.role = {consensus::Role::kMaster, term, kOwn}; }
  void pass(Duration time) { world.run_until(world.now() + time); }
  // Applies entries that raise the cell's version and name situation_'s mastership in the log.
  void name_mastership(store::ApplySink& sink) {
    std::string version, name;
    Writer(version).varint(store::kCellVersionMasterships);
    Writer out(name);
    encode(out, situation_.mastership());
    store->apply(entry(CommandKind::kCellVersion, version), sink);
    store->apply(entry(CommandKind::kMastership, name), sink);
  }

  Options options_;
  Situation situation_;
  Counters counters_;
  RecordedTransport transport_;
  ScriptedLog log_;
};

// A sink for tests in which nobody waits for replies.
struct NobodyWaits final : store::ApplySink {
  bool wants_replies(const store::Origin&) override { return false; }
  void on_reply(const store::Origin&, std::size_t, store::Reply) override {}
  void on_duplicate(const store::Origin&) override {}
  void on_lease(std::int64_t, std::int64_t, bool) override {}
};

}  // namespace polis::replica::testing
