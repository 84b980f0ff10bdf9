// Messages between Paxos replicas: what can be read can be written and read again.

#include "base/check.hh"
#include "consensus/paxos/message.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto message = polis::paxos::Message::decode({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  auto again = polis::paxos::Message::decode(polis::paxos::encode(*message) + message->chunk);
  CHECK(again.has_value() && describe(*again) == describe(*message));
  return 0;
}
