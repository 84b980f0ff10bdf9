#include "cli/watch_progress.hh"

#include <gtest/gtest.h>

namespace polis::cli {
namespace {

using etcdserverpb::WatchCreateRequest;
using etcdserverpb::WatchResponse;

WatchResponse response(std::vector<std::int64_t> revisions, bool fragment = false) {
  WatchResponse made;
  for (std::int64_t revision : revisions)
    made.add_events()->mutable_kv()->set_mod_revision(revision);
  made.set_fragment(fragment);
  return made;
}

WatchResponse created(std::int64_t revision) {
  WatchResponse made;
  made.set_created(true);
  made.mutable_header()->set_revision(revision);
  return made;
}

int shown(WatchProgress& progress, WatchResponse one) {
  progress.on_response(one);
  return one.events_size();
}

TEST(WatchProgress, a_watch_from_now_on_resumes_behind_the_revision_at_which_it_was_made) {
  WatchProgress progress(0);
  EXPECT_EQ(progress.resume({}).start_revision(), 0);
  shown(progress, created(41));
  EXPECT_EQ(progress.resume({}).start_revision(), 42);
}

TEST(WatchProgress, it_resumes_behind_the_last_change_and_behind_progress) {
  WatchProgress progress(10);
  progress.resume({});
  shown(progress, created(50));
  EXPECT_EQ(progress.resume({}).start_revision(), 10);
  EXPECT_EQ(shown(progress, response({11, 12, 12})), 3);
  EXPECT_EQ(progress.resume({}).start_revision(), 13);
  WatchResponse idle;
  idle.mutable_header()->set_revision(20);
  shown(progress, idle);
  EXPECT_EQ(progress.resume({}).start_revision(), 21);
}

TEST(WatchProgress, a_revision_that_came_in_part_is_asked_for_again_and_shown_once) {
  WatchProgress progress(10);
  progress.resume({});
  EXPECT_EQ(shown(progress, response({10, 11, 11}, true)), 3);
  EXPECT_EQ(progress.resume({}).start_revision(), 11);
  EXPECT_EQ(shown(progress, response({11}, true)), 0);
  EXPECT_EQ(shown(progress, response({11, 11, 12})), 2);
  EXPECT_EQ(progress.resume({}).start_revision(), 13);
}

TEST(WatchProgress, parts_of_one_revision_are_counted_together) {
  WatchProgress progress(10);
  progress.resume({});
  EXPECT_EQ(shown(progress, response({10, 10}, true)), 2);
  EXPECT_EQ(shown(progress, response({10}, true)), 1);
  progress.resume({});
  EXPECT_EQ(shown(progress, response({10, 10, 10, 10})), 1);
}

TEST(WatchProgress, what_was_compacted_is_named) {
  WatchProgress progress(10);
  progress.resume({});
  shown(progress, response({10}));
  EXPECT_EQ(progress.skip_to(15), "revisions 11 to 14");
  EXPECT_EQ(progress.resume({}).start_revision(), 15);
  shown(progress, response({15}));
  EXPECT_EQ(progress.skip_to(17), "revision 16");
  EXPECT_EQ(progress.skip_to(17), "");
}

}  // namespace
}  // namespace polis::cli
