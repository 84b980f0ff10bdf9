// gRPC's length-prefixed messages, its timeouts and percent-encoding.

#include "base/check.hh"
#include "http/grpc.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::http;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  GrpcReader reader(1000);
  std::string_view message;
  for (std::size_t at = 0; at < size; at += 7) {
    reader.add(bytes.substr(at, 7));
    while (reader.next(message) == GrpcReader::Outcome::kMessage) CHECK(message.size() <= 1000);
  }
  (void)parse_grpc_timeout(bytes);
  CHECK(percent_decode(percent_encode(bytes)) == bytes);
  (void)percent_decode(bytes);
  return 0;
}
