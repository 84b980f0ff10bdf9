// Records of the store.

#include "base/check.hh"
#include "store/record.hh"
#include "store/store.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::store;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mark_of_meta(bytes);
  constexpr polis::storage::RecordKey place{7, 3};
  (void)is_intact(place, bytes);
  auto record = decode_record(bytes);
  if (!record) return 0;
  std::string written = encode_record(place, *record);
  CHECK(!record->checksummed || is_intact(place, written));
  auto again = decode_record(written);
  CHECK(again && again->key == record->key && again->value == record->value &&
        again->previous == record->previous);
  return 0;
}
