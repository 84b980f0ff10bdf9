#include <gtest/gtest.h>

#include "base/coding.hh"
#include "base/crc32c.hh"
#include "base/random.hh"

namespace polis {
namespace {

TEST(Crc32c, matches_the_vectors_of_rfc_3720) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32c, hardware_and_table_agree_at_every_length_and_cut) {
  Random random(7);
  std::string bytes;
  for (int length = 0; length < 100; ++length) {
    for (int cut = 0; cut <= length; cut += 7) {
      std::string_view all(bytes);
      EXPECT_EQ(crc32c(all.substr(cut), crc32c(all.substr(0, cut))), crc32c_portable(bytes));
    }
    bytes.push_back(static_cast<char>(random.next()));
  }
}

TEST(Coding, what_is_written_is_read_back) {
  std::string bytes;
  Writer writer(bytes);
  writer.u8(200);
  writer.u32(0xdeadbeef);
  writer.varint(0xffffffffffffffffULL);
  writer.string("hello");
  writer.i64(-5);
  Reader reader(bytes);
  EXPECT_EQ(reader.u8(), 200);
  EXPECT_EQ(reader.u32(), 0xdeadbeef);
  EXPECT_EQ(reader.varint(), 0xffffffffffffffffULL);
  EXPECT_EQ(reader.string(), "hello");
  EXPECT_EQ(reader.i64(), -5);
  EXPECT_TRUE(reader.done());
}

TEST(Coding, every_truncation_is_noticed) {
  std::string bytes;
  Writer writer(bytes);
  writer.u64(1);
  writer.string("hello");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    Reader reader(std::string_view(bytes).substr(0, n));
    reader.u64();
    reader.string();
    EXPECT_FALSE(reader.ok()) << n;
  }
}

TEST(Coding, a_length_larger_than_the_input_gives_nothing) {
  std::string bytes;
  Writer(bytes).varint(1ULL << 62);
  Reader reader(bytes);
  EXPECT_EQ(reader.string(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(Coding, big_endian_sorts_as_numbers_do) {
  std::string low, high;
  append_big_endian(low, 255);
  append_big_endian(high, 256);
  EXPECT_LT(low, high);
  EXPECT_EQ(big_endian(high), 256u);
}

TEST(Random, same_seed_same_numbers_and_bounds_hold) {
  Random a(42), b(42);
  for (int i = 0; i < 1000; ++i) {
    auto x = a.between(3, 9);
    EXPECT_EQ(x, b.between(3, 9));
    EXPECT_GE(x, 3u);
    EXPECT_LE(x, 9u);
  }
}

}  // namespace
}  // namespace polis
