#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "consensus/paxos/paxos.hh"

namespace polis::paxos::testing {

// A replica alone, to which a test says everything.
struct Alone {
  Paxos core{{.id = ReplicaId(3)},
             {.mark = {.configuration = {.voters = {ReplicaId(1), ReplicaId(2), ReplicaId(3)}}}},
             Instant(std::chrono::seconds(100))};
  Instant now{std::chrono::seconds(100)};

  // Its messages of this type that came of it.
  std::vector<Message> hear(Message message, MessageType type) {
    message.to = ReplicaId(3);
    core.step(std::move(message), now);
    return say(type);
  }
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
  std::size_t chunks = 0;  // handed to the driver
  std::optional<consensus::Configuration> reachable;
};

}  // namespace polis::paxos::testing
