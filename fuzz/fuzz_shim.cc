// What a shim reads: its spec, frames of its agent, datagrams of its instance, and its record.

#include <vector>

#include "shim/notify_message.hh"
#include "shim/record.hh"
#include "shim/spec.hh"

using namespace polis::shim;

namespace {

void read_frames(std::string_view bytes) {
  for (Frame frame; first_frame(bytes, frame) == Framing::kFrame; bytes.remove_prefix(frame.size)) {
    Hello hello;
    Welcome welcome;
    Refusal refusal;
    Request request;
    Answer answer;
    State state;
    decode(frame.body, hello);
    decode(frame.body, welcome);
    decode(frame.body, refusal);
    decode(frame.body, request);
    decode(frame.body, answer);
    char buffer[kFrameBytesMax];
    // What was read can be written, since no text is longer than its place.
    if (decode(frame.body, state) && encode(state, buffer, sizeof buffer).empty()) __builtin_trap();
  }
}

// With a checksum that holds, so that what is behind it is reached.
void read_as_spec(std::string_view bytes) {
  std::vector<char> file(kSpecHeader + bytes.size());
  std::copy(bytes.begin(), bytes.end(), file.begin() + kSpecHeader);
  seal_spec(file.data(), file.size());
  Spec spec;
  if (read_spec({file.data(), file.size()}, spec) != SpecVerdict::kGood) return;
  for_each_field(spec.fields, kWord, [](const Field& word) {
    if (!is_c_string(word.bytes)) __builtin_trap();
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_frames(bytes);
  read_as_spec(bytes);
  State state;
  take_notify(parse_notify(bytes), 1, state);
  Record record;
  newest_record(bytes, record);
  return 0;
}
