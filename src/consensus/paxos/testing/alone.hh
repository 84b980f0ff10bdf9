#pragma once

// One replica of Multi-Paxos without a cluster: a test sends it messages and looks at its answers.

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "consensus/paxos/paxos.hh"

namespace polis::paxos::testing {

// Replica 3 of the voters 1, 2 and 3.
struct Alone {
  Paxos core{{.id = ReplicaId(3)},
             {.mark = {.configuration = {.voters = {ReplicaId(1), ReplicaId(2), ReplicaId(3)}}}},
             Instant(std::chrono::seconds(100))};
  Instant now{std::chrono::seconds(100)};

  // The replica receives the message. The result: its messages of this type that follow.
  std::vector<Message> hear(Message message, MessageType type) {
    message.to = ReplicaId(3);
    core.step(std::move(message), now);
    return say(type);
  }
  // Takes all outputs, makes what they persist durable, and gives their messages of this type.
  std::vector<Message> say(MessageType type) {
    std::vector<Message> found;
    for (Output out = core.take_output();
         out.ticket || !out.messages.empty() || !out.messages_after_persist.empty() ||
         !out.chunks.empty();
         out = core.take_output()) {
      if (out.ticket) core.on_persisted(*out.ticket, now);
      for (auto* all : {&out.messages, &out.messages_after_persist}) {
        std::copy_if(all->begin(), all->end(), std::back_inserter(found),
                     [&](const Message& m) { return m.type == type; });
      }
      chunks += out.chunks.size();
      if (out.configuration) reachable = out.configuration;
    }
    return found;
  }
  std::size_t chunks = 0;  // parts of snapshots that were handed to the driver
  // The newest Output::configuration.
  std::optional<consensus::Configuration> reachable;
};

}  // namespace polis::paxos::testing
