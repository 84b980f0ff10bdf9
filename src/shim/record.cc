#include "shim/record.hh"

#include "base/crc32c.hh"
#include "shim/fields.hh"

namespace polis::shim {
namespace {

constexpr std::uint32_t kMagic = 0x31524450;  // "PDR1"

// slot := magic u32 | crc u32 (of all that follows it, up to length) | sequence u64 | length u32
//         (of boot and state) | boot string | State frame
struct Head {
  std::uint32_t magic;
  std::uint32_t crc;
  std::uint64_t sequence;
  std::uint32_t length;
  std::uint32_t unused;
};
static_assert(sizeof(Head) == 24);
constexpr std::size_t kCrcFrom = offsetof(Head, sequence);
constexpr std::uint32_t kBoot = 1, kState = 2;

bool decode_slot(std::string_view slot, Record& record) {
  Head head;
  std::memcpy(&head, slot.data(), sizeof head);
  if (head.magic != kMagic || head.length > kRecordSlot - sizeof head) return false;
  const std::string_view covered{slot.data() + kCrcFrom, sizeof head - kCrcFrom + head.length};
  if (crc32c(covered) != head.crc) return false;
  record = {};
  record.sequence = head.sequence;
  FieldReader in({slot.data() + sizeof head, head.length});
  for (Field field; in.next(field);) {
    Frame frame;
    if (field.number == kBoot) record.boot.assign(field.bytes);
    if (field.number == kState &&
        (first_frame(field.bytes, frame) != Framing::kFrame || !decode(frame.body, record.state)))
      return false;
  }
  return in.ok();
}

}  // namespace

void encode_record(const Record& record, char (&slot)[kRecordSlot]) {
  std::memset(slot, 0, sizeof slot);
  State state = record.state;
  // Longer texts do not fit, and nobody needs them later.
  const auto cut = [](Text& text, std::uint16_t size) {
    if (text.size > size) text.size = size;
  };
  cut(state.status, 0);
  cut(state.setting_absent, 0);
  cut(state.failed_what, 160);
  char frame[kRecordSlot];
  FieldWriter out(slot + sizeof(Head), sizeof slot - sizeof(Head));
  out.text(kBoot, record.boot.view());
  out.text(kState, encode(state, frame, sizeof frame));
  Head head{kMagic, 0, record.sequence, static_cast<std::uint32_t>(out.bytes().size()), 0};
  std::memcpy(slot, &head, sizeof head);
  head.crc = crc32c({slot + kCrcFrom, sizeof head - kCrcFrom + head.length});
  std::memcpy(slot, &head, sizeof head);
}

bool newest_record(std::string_view file, Record& record) {
  bool found = false;
  for (std::size_t at = 0; at + kRecordSlot <= file.size(); at += kRecordSlot) {
    Record one;
    if (!decode_slot({file.data() + at, kRecordSlot}, one)) continue;
    if (!found || one.sequence > record.sequence) record = one;
    found = true;
  }
  return found;
}

}  // namespace polis::shim
