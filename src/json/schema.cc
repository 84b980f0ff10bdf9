#include "json/schema.hh"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <optional>

#include "base/check.hh"
#include "json/wire.hh"

namespace polis::json {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::optional<Kind> kind_of(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
      return Kind::kBool;
    case FieldDescriptor::TYPE_INT32:
      return Kind::kInt32;
    case FieldDescriptor::TYPE_INT64:
      return Kind::kInt64;
    case FieldDescriptor::TYPE_UINT32:
      return Kind::kUint32;
    case FieldDescriptor::TYPE_UINT64:
      return Kind::kUint64;
    case FieldDescriptor::TYPE_ENUM:
      return Kind::kEnum;
    case FieldDescriptor::TYPE_STRING:
      return Kind::kString;
    case FieldDescriptor::TYPE_BYTES:
      return Kind::kBytes;
    case FieldDescriptor::TYPE_MESSAGE:
      if (field.is_map()) return std::nullopt;
      return Kind::kMessage;
    default:
      return std::nullopt;
  }
}

using Types = absl::flat_hash_set<const Descriptor*>;

// `seen`: those that are being looked at, or were.
bool is_complete(const Descriptor& type, Types& seen) {
  if (!seen.insert(&type).second) return true;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const auto kind = kind_of(field);
    if (!kind) return false;
    if (*kind == Kind::kMessage && !is_complete(*field.message_type(), seen)) return false;
  }
  return true;
}

FieldSchema prepared(const FieldDescriptor& field) {
  FieldSchema out;
  out.name = field.name();
  out.json_name = field.json_name();
  out.printed_name = "\"" + field.name() + "\":";
  out.number = static_cast<std::uint32_t>(field.number());
  out.kind = kind_of(field).value();
  out.repeated = field.is_repeated();
  out.packed = out.repeated && !out.is_text();
  out.has_presence = field.has_presence();
  if (field.containing_oneof() != nullptr) out.oneof = field.containing_oneof()->index();
  const bool delimited = out.is_text() || out.packed;
  append_varint(out.tag, out.number << 3 | (delimited ? kWireDelimited : kWireVarint));
  if (out.kind == Kind::kEnum) {
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      const auto& value = *field.enum_type()->value(i);
      out.values.emplace_back(value.name(), value.number());
    }
  }
  return out;
}

}  // namespace

const std::string* FieldSchema::value_name(std::int32_t value) const {
  const auto found = std::ranges::find(values, value, [](const auto& v) { return v.second; });
  return found == values.end() ? nullptr : &found->first;
}

const std::int32_t* FieldSchema::value_of(std::string_view name) const {
  const auto found = std::ranges::find(values, name, [](const auto& v) { return v.first; });
  return found == values.end() ? nullptr : &found->second;
}

const FieldSchema* Schema::find(std::string_view name) const {
  for (const FieldSchema& field : fields) {
    if (field.name == name || field.json_name == name) return &field;
  }
  return nullptr;
}

const FieldSchema* Schema::find(std::uint32_t number) const {
  // Most messages number their fields from 1 without gaps.
  if (number - 1 < fields.size() && fields[number - 1].number == number) return &fields[number - 1];
  const auto found = std::ranges::find(fields, number, &FieldSchema::number);
  return found == fields.end() ? nullptr : &*found;
}

const Schema& Schemas::of(const Descriptor& type) {
  auto& place = made_[&type];
  if (place) return *place;
  place = std::make_unique<Schema>();
  Schema& schema = *place;  // messages may hold themselves: it is known before it is complete
  schema.type = &type;
  Types seen;
  schema.complete = is_complete(type, seen);
  if (!schema.complete) return schema;
  CHECK(static_cast<std::size_t>(type.field_count()) <= Schema::kFieldsMax);
  for (int i = 0; i < type.oneof_decl_count(); ++i)
    schema.oneofs.push_back(type.oneof_decl(i)->full_name());
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) fields.push_back(type.field(i));
  std::ranges::sort(fields, {}, &FieldDescriptor::number);
  for (const FieldDescriptor* field : fields) {
    schema.fields.push_back(prepared(*field));
    if (schema.fields.back().kind == Kind::kMessage)
      schema.fields.back().message = &of(*field->message_type());
  }
  return schema;
}

}  // namespace polis::json
