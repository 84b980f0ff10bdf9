#include "shim/spec.hh"

#include <gtest/gtest.h>

namespace polis::shim {
namespace {

using Fill = std::function<void(FieldWriter&)>;

std::string file(const Fill& fill) {
  std::string bytes(64 << 10, '\0');
  FieldWriter out(bytes.data() + kSpecHeader, bytes.size() - kSpecHeader);
  fill(out);
  EXPECT_TRUE(out.ok());
  bytes.resize(kSpecHeader + out.bytes().size());
  seal_spec(bytes.data(), bytes.size());
  return bytes;
}

const std::string_view kProgram("/bin/true\0", 10);

SpecVerdict verdict(const Fill& fill) {
  const std::string bytes = file(fill);
  Spec spec;
  return read_spec(bytes, spec);
}

TEST(Spec, lists_are_counted_and_read_in_order) {
  const std::string bytes = file([](FieldWriter& out) {
    out.number(kNeeds, 1);
    out.element(kWord, kProgram);
    out.element(kWord, std::string_view("\0", 1));
    out.element(kEnvironment, std::string_view("A=1\0", 4));
    out.number(kUser, 1);
    out.number(kGrace, 5);
  });
  Spec spec;
  ASSERT_EQ(read_spec(bytes, spec), SpecVerdict::kGood);
  EXPECT_EQ(spec.words, 2u);
  EXPECT_EQ(spec.environment, 1u);
  EXPECT_EQ(spec.user, 1u);
  EXPECT_EQ(spec.grace, 5u);
  std::vector<std::string> words;
  for_each_field(spec.fields, kWord,
                 [&](const Field& field) { words.emplace_back(field.bytes.data()); });
  EXPECT_EQ(words, (std::vector<std::string>{"/bin/true", ""}));
}

TEST(Spec, the_example_of_the_page_is_what_is_written) {
  const std::string bytes = file([](FieldWriter& out) {
    out.number(kNeeds, 1);
    out.element(kWord, kProgram);
  });
  const std::string_view page(
      "POLISSP1"
      "\x0e\0\0\0"
      "\xfe\x4b\xef\x3e"
      "\x08\x01"
      "\x12\x0a"
      "/bin/true\0",
      kSpecHeader + 14);
  EXPECT_EQ(bytes, page);
}

TEST(Spec, every_changed_byte_is_noticed) {
  std::string bytes = file([](FieldWriter& out) { out.element(kWord, kProgram); });
  for (char& byte : bytes) {
    byte = static_cast<char>(byte ^ 4);
    Spec spec;
    EXPECT_EQ(read_spec(bytes, spec), SpecVerdict::kDamaged);
    byte = static_cast<char>(byte ^ 4);
  }
  Spec spec;
  EXPECT_EQ(read_spec(bytes.substr(0, bytes.size() - 1), spec), SpecVerdict::kDamaged);
  EXPECT_EQ(read_spec({}, spec), SpecVerdict::kDamaged);
}

TEST(Spec, what_needs_a_newer_release_is_refused_and_unknown_fields_are_not) {
  EXPECT_EQ(verdict([](FieldWriter& out) {
              out.number(kNeeds, kSpecVersion + 1);
              out.element(kWord, kProgram);
            }),
            SpecVerdict::kNewer);
  EXPECT_EQ(verdict([](FieldWriter& out) {
              out.element(kWord, kProgram);
              out.number(5000, 1);
              out.text(5001, "new");
            }),
            SpecVerdict::kGood);
}

TEST(Spec, what_the_system_could_not_take_is_refused) {
  EXPECT_EQ(verdict([](FieldWriter& out) { out.number(kGrace, 1); }), SpecVerdict::kWrong);
  EXPECT_EQ(verdict([](FieldWriter& out) { out.element(kWord, "/bin/true"); }),
            SpecVerdict::kWrong);
  EXPECT_EQ(verdict([](FieldWriter& out) {
              out.element(kWord, kProgram);
              out.number(kWord, 7);
            }),
            SpecVerdict::kWrong);
  EXPECT_EQ(verdict([](FieldWriter& out) {
              out.element(kWord, kProgram);
              out.number(kExclusive, 1);  // without a deadline
            }),
            SpecVerdict::kWrong);
  EXPECT_EQ(verdict([](FieldWriter& out) {
              for (std::size_t i = 0; i <= kWordsMax; ++i) out.element(kWord, kProgram);
            }),
            SpecVerdict::kWrong);
}

}  // namespace
}  // namespace polis::shim
