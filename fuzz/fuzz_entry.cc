// Bundles of commands, as entries and forwarded messages carry them; entries and marks themselves.

#include "base/check.hh"
#include "consensus/types.hh"
#include "store/command.hh"
#include "store/replay_window.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  store::BundleReader reader(bytes);
  store::Origin origin;
  std::vector<store::Command> commands;
  while (reader.next(origin, commands)) {
    for (auto& command : commands) CHECK(command.bytes.size() <= size);
  }
  Reader in(bytes), in2(bytes);
  consensus::Entry entry;
  (void)decode(in, entry);
  consensus::SnapshotMark mark;
  (void)decode(in2, mark);
  store::ReplayWindow window;
  (void)window.decode(bytes);
  return 0;
}
