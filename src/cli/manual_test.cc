#include "cli/manual.hh"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace polis::cli {
namespace {

class Manual : public ::testing::Test {
 protected:
  Manual() {
    app_.name("polis");
    app_.set_help_all_flag("--help-all", "help for every command");
    command_ = app_.add_subcommand("kv", "Read and write keys");
    CLI::App* get = command_->add_subcommand("get", "Read a key");
    get->footer("Examples:\n  polis kv get a\\b\n.hidden\n'quoted");
    get->add_option("key", key_, "the key")->required();
    get->add_option("end", end_, "where the range ends");
    get->add_option("-o,--output", output_, "how it is printed")
        ->type_name("text|json")
        ->default_str("text")
        ->envname("POLIS_OUTPUT");
    get->add_option("--sort", sort_, "by what")->check(CLI::IsMember({"key", "version"}));
    get->add_option("--limit", limit_, "at most")->check(CLI::Range(1, 9));
    get->add_flag("--keys-only", keys_only_, "without values");
  }

  void expect(const std::string& page, const std::string& part) const {
    EXPECT_NE(page.find(part), std::string::npos) << part << "\n--- is not in\n" << page;
  }

  CLI::App app_{"What Polis is.\nAnd how to begin."};
  CLI::App* command_;
  std::string key_, end_, output_, sort_;
  int limit_ = 0;
  bool keys_only_ = false;
};

TEST_F(Manual, the_program_s_page_names_each_command_and_its_page) {
  const std::string page = manual_of_program(app_);
  EXPECT_TRUE(page.starts_with(".TH POLIS 1 ")) << page;
  expect(page, "\n.SH NAME\npolis \\- ");
  expect(page, "What Polis is.\nAnd how to begin.\n");
  expect(page, ".TP\n\\fBkv\\fR\nRead and write keys.\n");
  expect(page, ".SH SEE ALSO\n\\fBpolis\\-kv\\fR(1)\n");
}

TEST_F(Manual, a_command_s_page_has_what_is_below_it_with_arguments_and_options) {
  const std::string page = manual_of_command(app_, *command_);
  EXPECT_TRUE(page.starts_with(".TH POLIS\\-KV 1 ")) << page;
  expect(page, "\n.SH NAME\npolis\\-kv \\- read and write keys\n");
  expect(page,
         ".SS \\fBpolis kv get\\fR \\fIkey\\fR [\\fIend\\fR] [\\fIOPTIONS\\fR]\nRead a key.\n");
  expect(page, ".TP\n\\fIkey\\fR\nthe key.\n");
  expect(page,
         ".TP\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fItext|json\\fR\nhow it is printed.\n"
         "Default: text.\nAlso from the environment: \\fBPOLIS_OUTPUT\\fR.\n");
  expect(page, ".TP\n\\fB\\-\\-keys\\-only\\fR\nwithout values.\n");
}

TEST_F(Manual, values_are_said_as_people_write_them) {
  const std::string page = manual_of_command(app_, *command_);
  expect(page, "\\fB\\-\\-sort\\fR \\fIkey|version\\fR\n");
  expect(page, "\\fB\\-\\-limit\\fR \\fIINT\\fR\n");
}

TEST_F(Manual, help_itself_is_no_option_that_is_worth_saying) {
  EXPECT_EQ(manual_of_command(app_, *command_).find("help"), std::string::npos);
}

TEST_F(Manual, what_looks_like_a_request_of_the_formatter_is_text) {
  expect(manual_of_command(app_, *command_),
         "Examples:\n  polis kv get a\\eb\n\\&.hidden\n\\&'quoted\n");
}

}  // namespace
}  // namespace polis::cli
