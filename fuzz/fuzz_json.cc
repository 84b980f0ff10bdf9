// JSON objects behind each other, and as requests of etcd's API.

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "json/translate.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::json;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ObjectReader reader(1000);
  std::string_view object;
  for (std::size_t at = 0; at < size; at += 7) {
    reader.add(bytes.substr(at, 7));
    while (reader.next(object) == ObjectReader::Outcome::kObject) {
      auto message = to_message(*etcdserverpb::TxnRequest::descriptor(), object);
      if (message) CHECK(from_message(*etcdserverpb::TxnRequest::descriptor(), *message));
    }
  }
  return 0;
}
