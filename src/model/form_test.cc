#include "model/form.hh"

#include <gtest/gtest.h>

#include <chrono>

#include "model/constraint.hh"
#include "model/keys.hh"
#include "model/schedule.hh"

namespace polis::model {
namespace {

Form of(Form::Kind kind) { return {.kind = kind, .min = 0, .max = std::int64_t{1} << 62}; }

TEST(Form, every_number_that_is_written_is_read_as_the_same) {
  for (const auto kind : {Form::Kind::kNumber, Form::Kind::kSize, Form::Kind::kCpu}) {
    for (const std::int64_t value :
         {0L, 1L, 999L, 1000L, 1024L, 1500L, 1536L, 65'537L, 1L << 40, 1'000'000'000L}) {
      const std::string text = write_number(of(kind), value);
      EXPECT_EQ(read_number(of(kind), text), value) << text;
    }
  }
  for (const std::int64_t ms : {0L, 1L, 999L, 1000L, 60'000L, 90'500L, 86'400'000L, 90'061'001L}) {
    const std::string text = write_number(of(Form::Kind::kDuration), ms * 1'000'000);
    EXPECT_EQ(read_number(of(Form::Kind::kDuration), text), ms * 1'000'000) << text;
  }
  for (std::int64_t share = -1; share <= 201; ++share)
    EXPECT_EQ(read_number(forms::kShare, write_number(forms::kShare, share)), share);
}

TEST(Form, numbers_are_written_as_people_write_them) {
  EXPECT_EQ(write_number(of(Form::Kind::kDuration), 90'061'001'000'000), "1d1h1m1s1ms");
  EXPECT_EQ(write_number(of(Form::Kind::kSize), 1 << 28), "256MiB");
  EXPECT_EQ(write_number(of(Form::Kind::kSize), 2'000'000'000), "2GB");
  EXPECT_EQ(write_number(of(Form::Kind::kCpu), 1250), "1.25");
  EXPECT_EQ(write_number(of(Form::Kind::kMode), 0640), "0640");
  EXPECT_EQ(write_number(forms::kShare, 51), "25%");
}

TEST(Form, what_overflows_is_no_number) {
  for (const char* text :
       {"9223372036854775808", "106752d", "99999999999999999999d", "9223372036854775807s"})
    EXPECT_FALSE(read_number(of(Form::Kind::kDuration), text)) << text;
  EXPECT_FALSE(read_number(of(Form::Kind::kSize), "9999999TiB"));
  EXPECT_FALSE(read_number(of(Form::Kind::kCpu), "9223372036854775807"));
}

TEST(Form, nothing_but_the_whole_text_is_a_number) {
  for (const char* text : {"", " 1", "1 ", "+1", "1s2", "1.5s", "-1s", "s", "1ms1s", "1s1s", "1h1"})
    EXPECT_FALSE(read_number(of(Form::Kind::kDuration), text)) << text;
  for (const char* text : {"", "1.", ".5", "1.0001", "1,5", "1.-1", "1.+1", "-1", "m"})
    EXPECT_FALSE(read_number(of(Form::Kind::kCpu), text)) << text;
}

TEST(Form, labels_are_those_of_dns) {
  for (const char* text : {"a", "a1", "a-b", "shop"}) EXPECT_TRUE(is_label(text)) << text;
  for (const char* text : {"", "-a", "a-", "1a", "A", "a_b", "a.b", "\xc3\xa9"})
    EXPECT_FALSE(is_label(text)) << text;
  EXPECT_TRUE(is_label(std::string(63, 'a')));
  EXPECT_FALSE(is_label(std::string(64, 'a')));
}

TEST(Form, only_utf8_that_is_well_formed_is_a_text) {
  for (const char* text : {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "\xf0\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(text));
}

TEST(Constraint, compares_machines_places_and_labels) {
  const MachineFacts facts{"m7", "berlin/r2", {{"disk", "ssd"}}};
  const auto fits = [&](const char* text) {
    const auto constraint = parse_constraint(text);
    EXPECT_TRUE(constraint) << text;
    return constraint && matches(*constraint, facts);
  };
  EXPECT_TRUE(fits("machine = m7"));
  EXPECT_TRUE(fits("machine=m*"));
  EXPECT_FALSE(fits("machine != m7"));
  EXPECT_TRUE(fits("place = berlin"));
  EXPECT_TRUE(fits("place = berlin/*"));
  EXPECT_FALSE(fits("place = ber"));
  EXPECT_TRUE(fits("label.disk = ssd"));
  EXPECT_FALSE(fits("label.gpu = yes"));
  EXPECT_TRUE(fits("label.gpu != yes"));
  for (const char* text :
       {"", "=", "machine", "machine =", "= m", "disk = ssd", "label. = x", "place == x"})
    EXPECT_FALSE(parse_constraint(text)) << text;
}

CivilMinute at(int year, int month, int day, int hour, int minute) {
  return std::chrono::local_days(std::chrono::year(year) / month / day) + std::chrono::hours(hour) +
         std::chrono::minutes(minute);
}

CivilMinute next(const char* schedule, CivilMinute minute) {
  return next_after(parse_schedule(schedule).value(), minute).value();
}

TEST(Schedule, fires_as_cron_does) {
  const CivilMinute friday = at(2026, 11, 27, 12, 30);
  EXPECT_EQ(next("* * * * *", friday), at(2026, 11, 27, 12, 31));
  EXPECT_EQ(next("*/15 * * * *", friday), at(2026, 11, 27, 12, 45));
  EXPECT_EQ(next("5/20 * * * *", friday), at(2026, 11, 27, 12, 45));
  EXPECT_EQ(next("30 3 * * mon-fri", friday), at(2026, 11, 30, 3, 30));
  EXPECT_EQ(next("0 0 1 jan *", friday), at(2027, 1, 1, 0, 0));
  EXPECT_EQ(next("0 0 29 2 *", friday), at(2028, 2, 29, 0, 0));
  EXPECT_EQ(next("0 12 * * 7", friday), at(2026, 11, 29, 12, 0));
  EXPECT_EQ(next("@daily", friday), at(2026, 11, 28, 0, 0));
  EXPECT_EQ(next("10,40 9-17/4 * * *", friday), at(2026, 11, 27, 13, 10));
}

TEST(Schedule, either_kind_of_day_suffices_if_both_are_restricted) {
  EXPECT_EQ(next("0 0 13 * fri", at(2026, 11, 27, 12, 0)), at(2026, 12, 4, 0, 0));
  EXPECT_EQ(next("0 0 13 * *", at(2026, 11, 27, 12, 0)), at(2026, 12, 13, 0, 0));
}

TEST(Schedule, what_is_none_is_refused_and_what_never_comes_is_known) {
  for (const char* text : {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
                           "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *",
                           "1- * * * *", "1,,2 * * * *", "*/99999999999 * * * *", "@often"})
    EXPECT_FALSE(parse_schedule(text)) << text;
  EXPECT_FALSE(next_after(parse_schedule("0 0 30 2 *").value(), at(2026, 1, 1, 0, 0)));
}

// What the other parts take for granted.
TEST(Keys, numbers_of_a_section_are_different_and_rise) {
  for (const Section* section : keys::all()) {
    std::uint32_t last = section->label != nullptr ? 1 : 0;
    for (const Key& key : section->keys) {
      if (key.number == 0) continue;
      EXPECT_GT(key.number, last) << section->name << "." << key.name;
      last = key.number;
    }
  }
}

TEST(Keys, each_key_says_what_it_is_and_shows_an_example_and_its_default_can_be_read) {
  for (const Section* section : keys::all()) {
    EXPECT_NE(*section->doc, '\0') << section->name;
    for (const Key& key : section->keys) {
      const std::string name = std::string(section->name) + "." + key.name;
      EXPECT_NE(*key.doc, '\0') << name;
      EXPECT_NE(std::string(key.doc).back(), '.')
          << name << ": the full stop is added where it is shown";
      EXPECT_NE(*key.example, '\0') << name;
      const bool number = key.form != nullptr && key.form->kind != Form::Kind::kText;
      EXPECT_TRUE(!number || *key.standard == '\0' || read_number(*key.form, key.standard)) << name;
    }
  }
}

}  // namespace
}  // namespace polis::model
