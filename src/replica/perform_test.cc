// That the driver does what the contract says, in its order (consensus/replicated_log.hh).

#include "replica/perform.hh"

#include <gtest/gtest.h>

namespace polis::replica {
namespace {

// Writes down what is done, in order.
struct Recorder final : OutputSteps {
  void on_role(const consensus::RoleState&) override { did("role"); }
  void on_configuration(const consensus::Configuration&) override { did("configuration"); }
  bool write(const consensus::Output&) override {
    did("write");
    return writes;
  }
  void send(consensus::Outgoing& message) override { did("send " + message.bytes); }
  void send_when_durable(std::vector<consensus::Outgoing> messages) override {
    for (auto& message : messages) did("send when durable " + message.bytes);
  }
  void sync(consensus::Ticket) override { did("sync"); }
  void apply(const std::vector<consensus::Entry>&) override { did("apply"); }
  void serve_reads(const std::vector<consensus::ReadReady>&,
                   const std::vector<consensus::ReadId>&) override {
    did("reads");
  }
  void on_snapshot_damaged() override { did("snapshot damaged"); }
  void on_snapshot_wanted() override { did("snapshot wanted"); }
  void on_chunk(consensus::ChunkArrived) override { did("chunk"); }

  void did(std::string what) { done.push_back(std::move(what)); }
  std::vector<std::string> done;
  bool writes = true;
};

consensus::Output everything() {
  return {
      .role = consensus::RoleState(),
      .configuration = consensus::Configuration(),
      .ticket = consensus::Ticket(1),
      .hard_state = consensus::HardState(),
      .entries = {{}},
      .messages = {{.to = {}, .bytes = "a", .chunk = {}}, {.to = {}, .bytes = "b", .chunk = {}}},
      .messages_after_persist = {{.to = {}, .bytes = "c", .chunk = {}}},
      .committed = {{}},
      .reads = {{}},
      .reads_refused = {{}},
      .snapshot_damaged = true,
      .snapshot_wanted = true,
      .chunks = {{}, {}}};
}

TEST(Perform, does_each_part_in_the_order_of_the_contract) {
  Recorder recorder;
  perform(everything(), recorder);
  EXPECT_EQ(recorder.done,
            (std::vector<std::string>{"role", "configuration", "write", "send a", "send b",
                                      "send when durable c", "sync", "apply", "reads",
                                      "snapshot damaged", "snapshot wanted", "chunk", "chunk"}));
}

// Nothing may leave or be applied that stands on what the log did not take.
TEST(Perform, does_nothing_more_when_the_log_cannot_take_what_is_to_be_persisted) {
  Recorder recorder;
  recorder.writes = false;
  perform(everything(), recorder);
  EXPECT_EQ(recorder.done, (std::vector<std::string>{"role", "configuration", "write"}));
}

TEST(Perform, writes_and_syncs_only_where_there_is_something_to_persist) {
  Recorder recorder;
  consensus::Output output = everything();
  output.ticket.reset();
  perform(std::move(output), recorder);
  for (const std::string& what : recorder.done) EXPECT_TRUE(what != "write" && what != "sync");
  EXPECT_EQ(recorder.done.size(), 11u);
}

}  // namespace
}  // namespace polis::replica
