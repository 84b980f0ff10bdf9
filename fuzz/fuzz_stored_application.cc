// Stored applications: what is read is written again as the same, and can be shown.

#include "base/check.hh"
#include "model/canonical.hh"
#include "model/check.hh"
#include "model/diff.hh"
#include "model/stored.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::model;
  const auto application = decode(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!application) return 0;
  const auto again = decode(encode(*application));
  // Fields may stand in another order, but mean the same.
  CHECK(encode(*again) == encode(*application));
  CHECK(diff(*application, *again).empty());
  [[maybe_unused]] auto text = to_yaml(*application, Detail::kFull);
  [[maybe_unused]] auto problems = check(*application, {});
  return 0;
}
