#include "cli/json.hh"

#include <absl/strings/escaping.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <set>

namespace polis::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool names_a_lease(const FieldDescriptor& field) {
  const std::string& name = field.name();
  return name == "lease" ||
         (name == "ID" && field.containing_type()->name().find("Lease") != std::string::npos);
}

bool names_an_id(const FieldDescriptor& field) {
  static const std::set<std::string> names{"ID",        "id",       "cell_id",        "cluster_id",
                                           "member_id", "memberID", "leader",         "master",
                                           "replaces",  "voters",   "voters_outgoing"};
  return names.contains(field.name());
}

std::string number_of_64_bits(const FieldDescriptor& field, std::uint64_t bits, bool is_signed) {
  if (names_a_lease(field)) return json_string(lease_text(static_cast<std::int64_t>(bits)));
  if (names_an_id(field)) return json_string(id_text(bits));
  return is_signed ? fmt::format("\"{}\"", static_cast<std::int64_t>(bits))
                   : fmt::format("\"{}\"", bits);
}

std::string string_of(const FieldDescriptor& field, const std::string& text) {
  return field.type() == FieldDescriptor::TYPE_BYTES ? json_string(absl::Base64Escape(text))
                                                     : json_string(text);
}

std::string value_of(const Message& message, const FieldDescriptor& field, int at);

// {"key": value}, as protobuf's JSON has maps.
std::string map_of(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::string text;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    std::string key = value_of(entry, *entry.GetDescriptor()->map_key(), -1);
    if (!key.starts_with('"')) key = json_string(key);
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", key,
                        value_of(entry, *entry.GetDescriptor()->map_value(), -1));
  }
  return "{" + text + "}";
}

// One value: the field itself if `at` is negative, else one of a repeated one.
std::string value_of(const Message& message, const FieldDescriptor& field, int at) {
  const Reflection& r = *message.GetReflection();
  const bool one = at < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return fmt::format(
          "{}", one ? r.GetInt32(message, &field) : r.GetRepeatedInt32(message, &field, at));
    case FieldDescriptor::CPPTYPE_UINT32:
      return fmt::format(
          "{}", one ? r.GetUInt32(message, &field) : r.GetRepeatedUInt32(message, &field, at));
    case FieldDescriptor::CPPTYPE_INT64:
      return number_of_64_bits(
          field,
          static_cast<std::uint64_t>(one ? r.GetInt64(message, &field)
                                         : r.GetRepeatedInt64(message, &field, at)),
          true);
    case FieldDescriptor::CPPTYPE_UINT64:
      return number_of_64_bits(
          field, one ? r.GetUInt64(message, &field) : r.GetRepeatedUInt64(message, &field, at),
          false);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format(
          "{}", one ? r.GetDouble(message, &field) : r.GetRepeatedDouble(message, &field, at));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return fmt::format(
          "{}", one ? r.GetFloat(message, &field) : r.GetRepeatedFloat(message, &field, at));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (one ? r.GetBool(message, &field) : r.GetRepeatedBool(message, &field, at)) ? "true"
                                                                                         : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return json_string(
          (one ? r.GetEnum(message, &field) : r.GetRepeatedEnum(message, &field, at))->name());
    case FieldDescriptor::CPPTYPE_STRING:
      return string_of(
          field, one ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, at));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return to_json(one ? r.GetMessage(message, &field)
                         : r.GetRepeatedMessage(message, &field, at));
  }
  return "null";
}

std::string list_of(const Message& message, const FieldDescriptor& field) {
  std::string text;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i)
    text += (i ? "," : "") + value_of(message, field, i);
  return "[" + text + "]";
}

}  // namespace

std::string id_text(std::uint64_t id) { return fmt::format("{:x}", id); }

std::string lease_text(std::int64_t id) {
  return fmt::format("{:016x}", static_cast<std::uint64_t>(id));
}

std::string to_json(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);  // those that are set, by number
  std::string text;
  for (const FieldDescriptor* field : fields) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", json_string(field->name()),
                        field->is_map()        ? map_of(message, *field)
                        : field->is_repeated() ? list_of(message, *field)
                                               : value_of(message, *field, -1));
  }
  return "{" + text + "}";
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  return out + "\"";
}

}  // namespace polis::cli
