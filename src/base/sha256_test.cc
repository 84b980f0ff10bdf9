#include "base/sha256.hh"

#include <gtest/gtest.h>

namespace polis {
namespace {

TEST(Sha256, gives_the_digests_of_the_standard_s_examples) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, does_not_depend_on_how_the_bytes_are_cut) {
  const std::string bytes = std::string(300, 'x') + std::string(57, 'y');
  for (std::size_t piece = 1; piece < 130; ++piece) {
    Sha256 cut, whole;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      cut.add(std::string_view(bytes).substr(at, piece));
    whole.add(bytes);
    EXPECT_EQ(cut.finish(), whole.finish()) << piece;
  }
}

}  // namespace
}  // namespace polis
