// What people write as an address: what is understood is printed in a form that means the same.

#include <cstdint>

#include "base/check.hh"
#include "io/address.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto address = polis::io::parse_address(text)) {
    CHECK(polis::io::parse_address(address->text()) == *address);
    CHECK(polis::io::parse_address(address->url()) == *address);
  }
  [[maybe_unused]] auto several = polis::io::parse_addresses(text);
  return 0;
}
