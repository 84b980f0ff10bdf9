// Protobuf's wire form as JSON, in one pass.

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>

#include "json/base64.hh"
#include "json/text.hh"
#include "json/translate.hh"
#include "json/wire.hh"

namespace polis::json {
namespace {

// As protobuf's own readers.
constexpr int kDepthMax = 100;

// Prints messages whose fields stand in the order of their numbers, each that is no list once. What
// services send is so; of anything else it says that it is not, and another way must be taken.
class Printer {
 public:
  explicit Printer(std::string& out) : out_(out) {}

  bool message(const Schema& schema, std::string_view bytes, int depth);

 private:
  bool records(const Schema& schema, std::string_view bytes, int depth);
  bool take_field(const FieldSchema& field, std::uint32_t wire, std::string_view& bytes, int depth);
  bool text(const FieldSchema& field, std::string_view content, int depth);
  void scalar(const FieldSchema& field, std::uint64_t value);
  // Before a value: closes and opens lists, and writes commas and names.
  void begin_value(const FieldSchema& field);
  void close_list();

  std::string& out_;
  // Of the message that is being printed.
  bool first_ = true;
  const FieldSchema* list_ = nullptr;  // the list that is open
};

bool fits(const FieldSchema& field, std::uint32_t wire) {
  if (field.is_text()) return wire == kWireDelimited;
  return wire == kWireVarint || (wire == kWireDelimited && field.repeated);
}

bool skip(std::uint32_t wire, std::string_view& bytes) {
  std::uint64_t number = 0;
  std::string_view content;
  switch (wire) {
    case kWireVarint:
      return take_varint(bytes, number);
    case kWireDelimited:
      return take_delimited(bytes, content);
    case kWireFixed64:
    case kWireFixed32: {
      const std::size_t size = wire == kWireFixed64 ? 8 : 4;
      if (bytes.size() < size) return false;
      bytes.remove_prefix(size);
      return true;
    }
    default:
      return false;
  }
}

void append_number(std::string& out, auto number, bool in_quotes) {
  const fmt::format_int digits(number);
  if (in_quotes) out += '"';
  out.append(digits.data(), digits.size());
  if (in_quotes) out += '"';
}

void Printer::close_list() {
  if (list_ != nullptr) out_ += ']';
  list_ = nullptr;
}

void Printer::begin_value(const FieldSchema& field) {
  if (list_ == &field) {
    out_ += ',';
    return;
  }
  close_list();
  if (!std::exchange(first_, false)) out_ += ',';
  out_ += field.printed_name;
  if (!field.repeated) return;
  out_ += '[';
  list_ = &field;
}

bool Printer::message(const Schema& schema, std::string_view bytes, int depth) {
  if (depth > kDepthMax) return false;
  const bool first = std::exchange(first_, true);
  const FieldSchema* list = std::exchange(list_, nullptr);
  out_ += '{';
  if (!records(schema, bytes, depth)) return false;
  close_list();
  out_ += '}';
  first_ = first;
  list_ = list;
  return true;
}

bool Printer::records(const Schema& schema, std::string_view bytes, int depth) {
  std::uint32_t last = 0;
  std::uint64_t oneofs = 0;
  while (!bytes.empty()) {
    std::uint64_t tag = 0;
    if (!take_varint(bytes, tag) || tag >> 32 != 0) return false;
    const auto number = static_cast<std::uint32_t>(tag >> 3);
    const auto wire = static_cast<std::uint32_t>(tag & 7);
    if (number == 0) return false;
    const FieldSchema* field = schema.find(number);
    // A record of another form than its field has is of no field that is known.
    if (field == nullptr || !fits(*field, wire)) {
      if (!skip(wire, bytes)) return false;
      continue;
    }
    if (number < last || (number == last && !field->repeated)) return false;
    last = number;
    if (field->oneof >= 0) {
      const std::uint64_t bit = std::uint64_t{1} << field->oneof;
      if ((oneofs & bit) != 0) return false;
      oneofs |= bit;
    }
    if (!take_field(*field, wire, bytes, depth)) return false;
  }
  return true;
}

bool Printer::take_field(const FieldSchema& field, std::uint32_t wire, std::string_view& bytes,
                         int depth) {
  std::uint64_t value = 0;
  std::string_view content;
  if (field.is_text()) return take_delimited(bytes, content) && text(field, content, depth);
  if (wire == kWireVarint) {
    if (!take_varint(bytes, value)) return false;
    scalar(field, value);
    return true;
  }
  if (!take_delimited(bytes, content)) return false;
  while (!content.empty()) {
    if (!take_varint(content, value)) return false;
    scalar(field, value);
  }
  return true;
}

bool Printer::text(const FieldSchema& field, std::string_view content, int depth) {
  if (field.kind == Kind::kMessage) {
    begin_value(field);
    return message(*field.message, content, depth + 1);
  }
  if (content.empty() && !field.repeated && !field.has_presence) return true;
  begin_value(field);
  if (field.kind == Kind::kString) {
    append_quoted(out_, content);
    return is_utf8(content);
  }
  out_ += '"';
  append_base64(out_, content);
  out_ += '"';
  return true;
}

void Printer::scalar(const FieldSchema& field, std::uint64_t value) {
  // Fields of 32 bits have what fits of a longer number, as in every reader of protobuf.
  const auto narrow = static_cast<std::uint32_t>(value);
  const bool is_narrow =
      field.kind == Kind::kEnum || field.kind == Kind::kInt32 || field.kind == Kind::kUint32;
  if ((is_narrow ? narrow : value) == 0 && !field.repeated && !field.has_presence) return;
  begin_value(field);
  switch (field.kind) {
    case Kind::kBool:
      out_ += value != 0 ? "true" : "false";
      break;
    case Kind::kEnum:
      if (const std::string* name = field.value_name(static_cast<std::int32_t>(narrow))) {
        append_quoted(out_, *name);
      } else {
        append_number(out_, static_cast<std::int32_t>(narrow), false);
      }
      break;
    case Kind::kInt32:
      append_number(out_, static_cast<std::int32_t>(narrow), false);
      break;
    case Kind::kUint32:
      append_number(out_, narrow, false);
      break;
    case Kind::kInt64:
      append_number(out_, static_cast<std::int64_t>(value), true);
      break;
    default:
      append_number(out_, value, true);
      break;
  }
}

// Null: the bytes are no such message.
std::unique_ptr<google::protobuf::Message> parsed(const Schema& schema, std::string_view bytes) {
  std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(schema.type)->New());
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return nullptr;
  message->DiscardUnknownFields();  // in every form that they may have
  return message;
}

bool print_by_protobuf(const google::protobuf::Message& message, std::string& out) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  return google::protobuf::util::MessageToJsonString(message, &out, options).ok();  // appends
}

}  // namespace

Result<void> from_message(const Schema& schema, std::string_view bytes, std::string& out) {
  const std::size_t before = out.size();
  if (schema.complete && Printer(out).message(schema, bytes, 1)) return {};
  out.resize(before);
  if (const auto message = parsed(schema, bytes)) {
    const bool printed = schema.complete
                             ? Printer(out).message(schema, message->SerializeAsString(), 1)
                             : print_by_protobuf(*message, out);
    if (printed) return {};
  }
  out.resize(before);
  return fail(ErrorCode::kInvalid, "the answer is no " + schema.type->full_name());
}

}  // namespace polis::json
