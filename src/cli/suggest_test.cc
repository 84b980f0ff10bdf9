#include "cli/suggest.hh"

#include <gtest/gtest.h>

#include "cli/cli.hh"

namespace polis::cli {
namespace {

class Suggest : public ::testing::Test {
 protected:
  Suggest() {
    add_cell_commands(app_, run_);
    add_kv_commands(app_, run_);
    add_lease_commands(app_, run_);
  }
  std::string said(std::vector<std::string> words) { return suggestion(app_, words); }

  CLI::App app_;
  polis::cli::Run run_;
};

TEST_F(Suggest, the_nearest_name_at_every_level) {
  EXPECT_EQ(said({"kv", "putt", "a", "b"}),
            "'putt' is no command of `polis kv`; did you mean 'put'?");
  EXPECT_EQ(said({"kvv", "put"}), "'kvv' is no command of `polis`; did you mean 'kv'?");
  EXPECT_EQ(said({"cell", "snapshot", "svae"}),
            "'svae' is no command of `polis cell snapshot`; did you mean 'save'?");
  EXPECT_EQ(said({"kv", "get", "--lmit", "5", "a"}),
            "'--lmit' is no flag of `polis kv get`; did you mean '--limit'?");
  EXPECT_EQ(said({"cell", "run", "--data-dri=/x"}),
            "'--data-dri' is no flag of `polis cell run`; did you mean '--data-dir'?");
  EXPECT_EQ(said({"lease", "rev"}), "'rev' is no command of `polis lease`; did you mean 'revoke'?");
}

TEST_F(Suggest, if_nothing_is_near_what_there_is) {
  EXPECT_EQ(said({"kv", "xyzzy"}),
            "'xyzzy' is no command of `polis kv`; there are get, put, del, watch, txn, compact");
  EXPECT_NE(said({"kv", "get", "--xyzzy"}).find("`polis kv get --help` lists its flags"),
            std::string::npos);
}

TEST_F(Suggest, what_is_known_is_left_alone) {
  EXPECT_EQ(said({"kv", "put", "putt", "--lease", "--x", "v"}), "");
  EXPECT_EQ(said({"kv", "put", "-ojson", "-e", "h:1", "putt"}), "");
  EXPECT_EQ(said({"kv", "put", "--", "--putt"}), "");
  EXPECT_EQ(said({"kv"}), "");
}

}  // namespace
}  // namespace polis::cli
