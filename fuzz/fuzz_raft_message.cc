// Messages between Raft replicas: what can be read can be written and read again.

#include "base/check.hh"
#include "consensus/raft/message.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto message = polis::raft::Message::decode({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  auto again = polis::raft::Message::decode(polis::raft::encode(*message) + message->chunk);
  CHECK(again.has_value() && describe(*again) == describe(*message));
  return 0;
}
