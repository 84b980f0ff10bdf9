#include "replica/member_change.hh"

#include "base/coding.hh"

namespace polis::replica {
namespace {

// A field is a tag, field number * 8 + shape, and its value; a value of zero is left out. Sent: DO
// NOT CHANGE the numbers. Releases whose public message was sent instead read and write the same.
enum Field : std::uint64_t {
  kKind = 1,
  kId = 2,
  kName = 3,
  kPeer = 4,
  kClient = 5,
  kPromote = 6,
  kReplaces = 7,
  kPlace = 8,
};
enum Shape : std::uint64_t { kVarint = 0, kEight = 1, kString = 2, kFour = 5 };

void put(Writer& out, Field field, std::uint64_t value) {
  if (value == 0) return;
  out.varint(field * 8 + kVarint);
  out.varint(value);
}
void put(Writer& out, Field field, std::string_view value) {
  if (value.empty()) return;
  out.varint(field * 8 + kString);
  out.string(value);
}

MemberChange::Kind kind_of(std::uint64_t value) {
  using Kind = MemberChange::Kind;
  return value <= static_cast<std::uint64_t>(Kind::kUpdate) ? static_cast<Kind>(value)
                                                            : Kind::kNone;
}
void take_number(MemberChange& change, std::uint64_t field, std::uint64_t value) {
  if (field == kKind) change.kind = kind_of(value);
  if (field == kId) change.id = consensus::ReplicaId(value);
  if (field == kPromote) change.promote = value != 0;
  if (field == kReplaces) change.replaces = consensus::ReplicaId(value);
}
void take_string(MemberChange& change, std::uint64_t field, std::string_view value) {
  if (field == kName) change.name = value;
  if (field == kPeer) change.peer = value;
  if (field == kClient) change.client = value;
  if (field == kPlace) change.place = value;
}

}  // namespace

std::string encode(const MemberChange& change) {
  std::string bytes;
  Writer out(bytes);
  put(out, kKind, static_cast<std::uint64_t>(change.kind));
  put(out, kId, change.id.value);
  put(out, kName, change.name);
  put(out, kPeer, change.peer);
  put(out, kClient, change.client);
  put(out, kPromote, std::uint64_t{change.promote});
  put(out, kReplaces, change.replaces.value);
  put(out, kPlace, change.place);
  return bytes;
}

std::optional<MemberChange> decode_member_change(std::string_view bytes) {
  MemberChange change;
  Reader in(bytes);
  while (in.ok() && in.remaining() > 0) {
    const std::uint64_t tag = in.varint();
    if (tag < 8) return std::nullopt;
    switch (tag % 8) {
      case kVarint:
        take_number(change, tag / 8, in.varint());
        break;
      case kEight:
        in.take(8);
        break;
      case kString:
        take_string(change, tag / 8, in.string());
        break;
      case kFour:
        in.take(4);
        break;
      default:
        return std::nullopt;
    }
  }
  if (!in.ok()) return std::nullopt;
  return change;
}

std::string encode_rest(const ChangeOutcome& outcome) {
  std::string bytes;
  Writer out(bytes);
  if (outcome.status.ok()) {
    out.u64(outcome.member.value);
  } else {
    out.u8(static_cast<std::uint8_t>(outcome.refusal));
  }
  return bytes;
}

ChangeOutcome decode_outcome(store::Status status, std::string_view rest) {
  Reader in(rest);
  ChangeOutcome outcome{.status = std::move(status)};
  if (outcome.status.ok()) {
    outcome.member = consensus::ReplicaId(in.u64());
  } else if (auto refusal = static_cast<ChangeRefusal>(in.u8());
             refusal <= ChangeRefusal::kNoQuorum) {
    outcome.refusal = refusal;
  }
  return outcome;
}

}  // namespace polis::replica
