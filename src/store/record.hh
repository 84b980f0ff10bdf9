#pragma once

// A record: one change of one key, as the engine stores it. It has the place of the key's previous
// record, and the etcd KeyValue in wire form, which goes into answers and events unchanged. See
// docs/formats/record.md.
//
// Threads: plain values and pure functions. The views of a RecordView, PutView or GetView point
// into the bytes that were read.

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

// The stored form of a record. If `record.checksummed`, it has a checksum over `key` and everything
// else.
std::string encode_record(RecordKey key, const RecordView& record);

// Whether `bytes` is the record that was written under `key`, unchanged. A record without a
// checksum, from before cell version 2, counts as intact.
bool is_intact(RecordKey key, std::string_view bytes);

// Reads a record. nullopt: the bytes are no record. Does not check the checksum.
std::optional<RecordView> decode_record(std::string_view bytes);

// The KeyValue of a record, in wire form. Precondition: the bytes are a record.
std::string_view key_value_of_record(std::string_view bytes);

// Size of the fields of a KeyValue other than key and value. Precondition: decode_record made
// `record`.
std::uint8_t revision_bytes_of(const RecordView& record);

// Appends a mvccpb.KeyValue in wire form, made from the parts of `record`; without the value if
// `keys_only`.
void append_key_value(std::string& out, const RecordView& record, bool keys_only);

// Protobuf's wire form, written by hand where every request passes. Field numbers: 1 to 15.
void append_tag_varint(std::string& out, int field, std::uint64_t value);    // 0: left out
void append_tag_bytes(std::string& out, int field, std::string_view bytes);  // also if empty
std::size_t varint_bytes(std::uint64_t value);
// The size of a field that holds `length` bytes, with its tag and its length.
inline std::uint64_t field_bytes(std::uint64_t length) { return 1 + varint_bytes(length) + length; }

// A PutRequest. It is read by hand, because every replica reads every put.
struct PutView {
  std::string_view key;
  std::string_view value;
  std::int64_t lease = 0;
  bool prev_kv = false;
  bool ignore_value = false;
  bool ignore_lease = false;
};
// nullopt: malformed.
std::optional<PutView> parse_put(std::string_view bytes);

// A RangeRequest that has only a key and perhaps `serializable`; most reads are of this form.
// nullopt: the request has other fields, or is malformed.
struct GetView {
  std::string_view key;
  bool serializable = false;
};
std::optional<GetView> parse_get(std::string_view bytes);

}  // namespace polis::store
