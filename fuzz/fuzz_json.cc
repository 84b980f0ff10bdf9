// JSON objects behind each other, and as requests of etcd's API; and messages in any form as JSON.

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "json/objects.hh"
#include "json/translate.hh"

namespace {

using etcdserverpb::TxnRequest;
using google::protobuf::util::MessageDifferencer;
using namespace polis::json;

const Schema& schema() {
  static Schemas schemas;
  return schemas.of(*TxnRequest::descriptor());
}

// protobuf's reader takes more forms of enums and of escapes, and for other things: texts that may
// hold some are not compared.
bool may_differ(std::string_view text) {
  for (std::string_view part : {"order", "Order", "target", "Target", "result", "\\"}) {
    if (text.find(part) != std::string_view::npos) return true;
  }
  return false;
}

// What is taken is a message, which can be printed and read again; and where protobuf's reader
// takes the text, too, it reads the same.
void check_text(std::string_view text) {
  std::string bytes, printed, again;
  if (!to_message(schema(), text, bytes)) return;
  TxnRequest message, other;
  if (!message.ParseFromString(bytes)) return;  // too deep
  CHECK(from_message(schema(), bytes, printed));
  CHECK(to_message(schema(), printed, again));
  CHECK(other.ParseFromString(again) && MessageDifferencer::Equals(message, other));
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  other.Clear();
  if (google::protobuf::util::JsonStringToMessage(std::string(text), &other, options).ok())
    CHECK(may_differ(text) || MessageDifferencer::Equals(message, other));
}

// What protobuf reads can be printed, and is the same when it is read again.
void check_bytes(const std::string& bytes) {
  TxnRequest message, again;
  std::string text, read;
  const bool printed = from_message(schema(), bytes, text).has_value();
  if (!message.ParseFromString(bytes)) return;
  message.DiscardUnknownFields();
  CHECK(printed);
  if (!to_message(schema(), text, read)) return;  // too deep
  CHECK(again.ParseFromString(read) && MessageDifferencer::Equals(message, again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ObjectReader reader(1000);
  std::string_view object;
  for (std::size_t at = 0; at < size; at += 7) {
    reader.add(bytes.substr(at, 7));
    while (reader.next(object) == ObjectReader::Outcome::kObject) check_text(object);
  }
  check_text(bytes);
  check_bytes(std::string(bytes));
  return 0;
}
