// Frames between replicas, cut anywhere.

#include "base/check.hh"
#include "peers/frame.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::peers;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)decode_greeting(bytes);
  FrameReader reader;
  for (std::size_t at = 0; at < size; at += 5) {
    reader.add(bytes.substr(at, 5));
    while (true) {
      auto frame = reader.next();
      if (!frame) return 0;
      if (!*frame) break;
    }
  }
  std::string framed;
  append_frame(framed, bytes);
  FrameReader own;
  own.add(framed);
  auto frame = own.next();
  CHECK(frame && *frame && **frame == bytes);
  return 0;
}
