#include "http/fields.hh"

#include <gtest/gtest.h>

#include "base/random.hh"

namespace polis::http {
namespace {

// As RFC 9110 5.5 has it, one byte after the other.
bool is_value_by_definition(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

TEST(Fields, a_value_is_good_exactly_if_each_of_its_bytes_is) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t length = 1; length < 20; ++length) {
      for (std::size_t at = 0; at < length; ++at) {
        std::string text(length, 'a');
        text[at] = static_cast<char>(byte);
        ASSERT_EQ(is_field_value(text), is_value_by_definition(text))
            << byte << " at " << at << " of " << length;
      }
    }
  }
  Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    std::string text(random.below(30), ' ');
    for (char& c : text) c = static_cast<char>(random.below(8) == 0 ? random.below(256) : 'x');
    ASSERT_EQ(is_field_value(text), is_value_by_definition(text));
  }
}

TEST(Fields, blanks_around_a_value_are_trimmed) {
  EXPECT_EQ(trim_blanks(" \t a b\t "), "a b");
  EXPECT_EQ(trim_blanks("a"), "a");
  EXPECT_EQ(trim_blanks(" \t"), "");
  EXPECT_EQ(trim_blanks(""), "");
}

}  // namespace
}  // namespace polis::http
