#include "cell/founding.hh"

#include <gtest/gtest.h>

namespace polis::cell {
namespace {

Settings parse(std::map<std::string, std::string> flags) {
  return parse_settings(host::collect_settings(setting_infos(), "", flags, {}).value()).value();
}

const std::string kThree = "a=h:1,b=h:2,c=h:3";

TEST(Founding, a_cell_of_one_that_nobody_asked_for_is_said) {
  Settings settings = parse({{"name", "b"}, {"data-dir", "/d"}});
  auto warning = founding_warning(settings, true, founding(settings));
  ASSERT_TRUE(warning);
  for (const char* part : {"founds a cell of one", "delete /d", "--initial a=HOST:PORT"})
    EXPECT_NE(warning->find(part), std::string::npos) << *warning;
  EXPECT_FALSE(founding_warning(settings, false, founding(settings)));
}

TEST(Founding, what_was_asked_for_is_no_news) {
  Settings one = parse({{"initial", ""}}), three = parse({{"name", "b"}, {"initial", kThree}});
  for (bool first : {true, false}) {
    EXPECT_FALSE(founding_warning(one, first, founding(one)));
    EXPECT_FALSE(founding_warning(three, first, founding(three)));
  }
}

TEST(Founding, an_initial_that_comes_too_late_is_said_with_both_remedies) {
  Settings settings = parse({{"name", "b"}, {"data-dir", "/d"}, {"initial", kThree}});
  consensus::Configuration alone;
  alone.voters = {settings.id};
  auto warning = founding_warning(settings, false, alone);
  ASSERT_TRUE(warning);
  for (const char* part : {"holds a cell of one", "delete /d", "polis cell add"}) {
    EXPECT_NE(warning->find(part), std::string::npos) << *warning;
  }
}

}  // namespace
}  // namespace polis::cell
