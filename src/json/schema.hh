#pragma once

// What translation needs to know of a message type, as tables that are made once: looking it up in
// descriptors costs more than the translation itself.
//
// Threads: one at a time. Life: Schemas outlives what it gives.

#include <absl/container/flat_hash_map.h>
#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace polis::json {

struct Schema;

// The types that etcd's API has.
enum class Kind { kBool, kInt32, kInt64, kUint32, kUint64, kEnum, kString, kBytes, kMessage };

struct FieldSchema {
  std::string name, json_name;  // as in the .proto file, and its lowerCamel form
  std::string printed_name;     // "NAME": with its quotes and colon
  std::uint32_t number = 0;
  Kind kind = Kind::kBool;
  bool repeated = false;
  bool packed = false;        // the elements of a list stand in one record
  bool has_presence = false;  // zero is written, too, if it was given
  int oneof = -1;             // its place in Schema::oneofs; negative: in none
  std::string tag;            // as it stands before the value; of a packed list, before the list
  const Schema* message = nullptr;                           // of kMessage
  std::vector<std::pair<std::string, std::int32_t>> values;  // of kEnum, names and numbers

  bool is_text() const {
    return kind == Kind::kString || kind == Kind::kBytes || kind == Kind::kMessage;
  }
  // Null if there is none.
  const std::string* value_name(std::int32_t value) const;
  const std::int32_t* value_of(std::string_view name) const;
};

struct Schema {
  const google::protobuf::Descriptor* type = nullptr;
  std::vector<FieldSchema> fields;  // by number; at most kFieldsMax
  std::vector<std::string> oneofs;  // full names
  // False: it holds what the tables have no words for (a floating-point number, a map), itself or
  // in a message within. It can be printed, in protobuf's own slow way, and cannot be read.
  bool complete = true;

  static constexpr std::size_t kFieldsMax = 64;  // of one message: sets of fields are bits
  // Under either of its two names; null: there is no such field.
  const FieldSchema* find(std::string_view name) const;
  const FieldSchema* find(std::uint32_t number) const;
};

class Schemas {
 public:
  // Valid as long as this is.
  const Schema& of(const google::protobuf::Descriptor& type);

 private:
  absl::flat_hash_map<const google::protobuf::Descriptor*, std::unique_ptr<Schema>> made_;
};

}  // namespace polis::json
