#pragma once

// One change of one key, as it rests in the engine: where the key's previous record is, and the
// etcd KeyValue in wire form, which goes into answers and events as it is. See
// docs/formats/record.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/engine.hh"

namespace polis::store {

using storage::RecordKey;

struct RecordView {
  bool tombstone = false;
  bool checksummed = false;
  RecordKey previous;          // revision 0: there is none
  std::string_view key_value;  // mvccpb.KeyValue, wire form

  // The parts of key_value.
  std::string_view key;
  std::int64_t create_revision = 0;
  std::int64_t mod_revision = 0;
  std::int64_t version = 0;
  std::string_view value;
  std::int64_t lease = 0;
};

// With a checksum over `key` and everything else if `record.checksummed`.
std::string encode_record(RecordKey key, const RecordView& record);

// What the disk gave is what it was given, for this key: not altered, and not another one's. A
// record without checksum, from before cell version 2, is believed.
bool is_intact(RecordKey key, std::string_view bytes);

// Nothing: the bytes are not a record. Does not look at the checksum.
std::optional<RecordView> decode_record(std::string_view bytes);

// Only the KeyValue of a record, unread. Precondition: the bytes are a record.
std::string_view key_value_of_record(std::string_view bytes);

// Size of what a KeyValue has besides its key and value. Precondition: decode_record made `record`.
std::uint8_t revision_bytes_of(const RecordView& record);

// mvccpb.KeyValue in wire form, from the parts of `record`; without the value if `keys_only`.
void append_key_value(std::string& out, const RecordView& record, bool keys_only);

// Protobuf wire form by hand, for what is on the path of every request.
void append_tag_varint(std::string& out, int field, std::uint64_t value);    // nothing for 0
void append_tag_bytes(std::string& out, int field, std::string_view bytes);  // also when empty
std::size_t varint_bytes(std::uint64_t value);
// A length-delimited field with its tag, for field numbers below 16.
inline std::uint64_t field_bytes(std::uint64_t length) { return 1 + varint_bytes(length) + length; }

// PutRequest, read by hand: every replica reads every one.
struct PutView {
  std::string_view key;
  std::string_view value;
  std::int64_t lease = 0;
  bool prev_kv = false;
  bool ignore_value = false;
  bool ignore_lease = false;
};
std::optional<PutView> parse_put(std::string_view bytes);

// RangeRequest with nothing but a key, and possibly `serializable`: most reads are this. Nothing:
// it is more, or malformed.
struct GetView {
  std::string_view key;
  bool serializable = false;
};
std::optional<GetView> parse_get(std::string_view bytes);

}  // namespace polis::store
