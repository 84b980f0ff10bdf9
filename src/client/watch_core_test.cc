#include "client/watch_core.hh"

#include <gtest/gtest.h>

namespace polis::client {
namespace {

using wire::WatchReply;

Instant ms(int n) { return Instant(std::chrono::milliseconds(n)); }

Event event(std::int64_t revision, std::string key = "k", std::size_t bytes = 0) {
  Event made;
  made.now.key = std::move(key);
  made.now.value = std::string(bytes, 'v');
  made.now.changed = ModRevision(revision);
  return made;
}

// What a watch told, as text: "+3 +3 .4 !missed 5-6 |7 first last".
class Play {
 public:
  explicit Play(WatchCore::Options options = {}) : core(options) {
    core.start(ms(0));
    take();
  }
  void created(std::int64_t at, std::uint64_t cell = 1) {
    reply({.cell = cell, .at = Revision(at), .created = true});
  }
  void events(std::vector<std::int64_t> revisions, bool fragment = false, std::size_t bytes = 0) {
    WatchReply made{.cell = 1, .at = Revision(1000), .fragment = fragment};
    for (std::int64_t revision : revisions) made.events.push_back(event(revision, "k", bytes));
    reply(std::move(made));
  }
  void progress(std::int64_t at) { reply({.cell = 1, .at = Revision(at)}); }
  void compacted(std::int64_t oldest) {
    reply({.cell = 1, .at = Revision(1000), .canceled = true, .oldest = Revision(oldest)});
  }
  void refuse(const std::string& reason) {
    reply({.cell = 1, .created = true, .canceled = true, .reason = reason});
  }
  void reply(WatchReply one) {
    core.on_reply(std::move(one), 3, now);
    take();
  }
  void close() {
    core.on_closed("gone", now);
    take();
  }
  void at(int milliseconds) {
    now = ms(milliseconds);
    core.on_time(now);
    take();
  }
  void page(Result<Found> one, bool last) {
    core.on_page(std::move(one), last, now);
    take();
  }
  void take() {
    for (int round = 0; round < 2; ++round) {
      const auto output = core.take_output();
      closed |= output.close;
      moved |= output.move_on;
      opened |= output.open;
      probed |= output.probe;
      read |= output.read;
      fresh |= output.read_fresh;
      wake = output.wake;
      while (auto news = core.take_news()) told += text(*news) + " ";
    }
  }
  // What happened since the last call.
  std::string news() { return std::exchange(told, {}); }
  bool took(bool& what) { return std::exchange(what, false); }

  static std::string text(const WatchNews& news) {
    struct Say {
      std::string operator()(const PicturePage& page) {
        return "|" + std::to_string(page.at.value) + (page.first ? "first" : "") +
               (page.last ? "last" : "");
      }
      std::string operator()(const Changes& changes) {
        std::string all;
        for (const Event& one : changes.events) all += "+" + std::to_string(one.now.changed.value);
        return all + (changes.more ? "..." : "");
      }
      std::string operator()(const Missed& missed) {
        return (missed.why == MissedWhy::kRestored ? "restored" : "missed") +
               std::to_string(missed.first.value) + "-" + std::to_string(missed.last.value);
      }
      std::string operator()(const Progress& progress) {
        return "." + std::to_string(progress.through.value);
      }
      std::string operator()(const Interrupted&) { return "interrupted"; }
      std::string operator()(const Resumed&) { return "resumed"; }
      std::string operator()(const WatchEnded& ended) { return "ended:" + ended.why; }
    };
    return std::visit(Say(), news);
  }

  WatchCore core;
  Instant now = ms(0), wake;
  bool closed = false, moved = false, opened = false, probed = false, read = false, fresh = false;
  std::string told;
};

TEST(WatchCore, a_watch_from_now_on_resumes_behind_the_revision_at_which_it_was_made) {
  Play play;
  EXPECT_TRUE(play.took(play.opened));
  EXPECT_EQ(play.core.next(), std::nullopt);
  play.created(41);
  EXPECT_EQ(play.core.next(), Revision(42));
}

TEST(WatchCore, it_resumes_at_once_elsewhere_behind_the_last_change) {
  Play play({.from = Revision(10)});
  play.created(50);
  play.events({11, 12, 12});
  EXPECT_EQ(play.news(), "+11+12+12 ");
  play.took(play.opened);
  play.at(5000);
  play.close();
  EXPECT_TRUE(play.took(play.closed));
  EXPECT_TRUE(play.took(play.moved));
  EXPECT_EQ(play.wake, play.now);
  play.at(5000);
  EXPECT_TRUE(play.took(play.opened));
  EXPECT_EQ(play.core.next(), Revision(13));
  play.created(60);
  play.events({13});
  EXPECT_EQ(play.news(), "interrupted resumed +13 ");
}

TEST(WatchCore, attempts_that_fail_come_at_growing_distances) {
  Play play(
      {.retry_min = std::chrono::milliseconds(50), .retry_max = std::chrono::milliseconds(150)});
  std::vector<int> waits;
  for (int i = 0; i < 5; ++i) {
    play.close();
    waits.push_back(static_cast<int>((play.wake - play.now).count() / 1'000'000));
    play.now = play.wake;
    play.core.on_time(play.now);
    play.take();
    ASSERT_TRUE(play.took(play.opened));
  }
  EXPECT_EQ(waits, (std::vector<int>{0, 50, 100, 150, 150}));
  EXPECT_EQ(play.news(), "interrupted ");  // once
}

TEST(WatchCore, a_stream_that_ends_as_soon_as_it_is_made_does_not_reset_the_distance) {
  Play play;
  for (int i = 0; i < 4; ++i) {
    play.created(5);
    play.close();
    if (i > 0) {
      EXPECT_GT(play.wake, play.now);
    }
    play.now = play.wake;
    play.core.on_time(play.now);
    play.take();
  }
}

TEST(WatchCore, fragments_of_one_revision_are_joined) {
  Play play({.from = Revision(10)});
  play.created(50);
  play.events({10, 11, 11}, true);
  EXPECT_EQ(play.news(), "+10 ");
  play.events({11, 11}, true);
  EXPECT_EQ(play.news(), "");
  play.events({11});
  EXPECT_EQ(play.news(), "+11+11+11+11+11 ");
  EXPECT_EQ(play.core.next(), Revision(12));
}

TEST(WatchCore, a_revision_that_came_in_part_comes_again_and_is_told_once) {
  Play play({.from = Revision(10)});
  play.created(50);
  play.events({10, 11, 11}, true);
  play.close();
  play.at(100);
  EXPECT_EQ(play.core.next(), Revision(11));
  play.created(50);
  play.events({11, 11}, true);
  play.events({11, 12});
  EXPECT_EQ(play.news(), "+10 interrupted resumed +11+11+11+12 ");
}

TEST(WatchCore, a_revision_too_large_to_join_is_told_in_parts_and_each_part_once) {
  Play play({.from = Revision(10), .joined_bytes_max = 1000});
  play.created(50);
  play.events({10, 11, 11}, true, 600);
  EXPECT_EQ(play.news(), "+10 +11+11... ");
  play.close();
  play.at(100);
  EXPECT_EQ(play.core.next(), Revision(11));
  play.created(50);
  play.events({11}, true, 600);
  play.events({11, 11}, true, 600);
  play.events({11, 12}, false, 600);
  EXPECT_EQ(play.news(), "interrupted resumed +11+11+12 ");
}

TEST(WatchCore, the_end_of_parts_is_told_also_if_nothing_new_comes_with_it) {
  Play play({.from = Revision(11), .joined_bytes_max = 1000});
  play.created(50);
  play.events({11, 11}, true, 600);
  EXPECT_EQ(play.news(), "+11+11... ");
  play.close();
  play.at(100);
  play.created(50);
  play.events({11, 11}, false, 600);
  EXPECT_EQ(play.news(), "interrupted resumed .11 ");
  EXPECT_EQ(play.core.next(), Revision(12));
}

TEST(WatchCore, progress_moves_the_place_but_not_past_a_revision_that_is_not_whole) {
  Play play({.from = Revision(10)});
  play.created(50);
  play.progress(20);
  EXPECT_EQ(play.news(), ".20 ");
  EXPECT_EQ(play.core.next(), Revision(21));
  play.progress(20);
  EXPECT_EQ(play.news(), "");
  play.events({22}, true);
  play.progress(30);
  EXPECT_EQ(play.core.next(), Revision(21));
}

TEST(WatchCore, what_was_told_is_not_told_again) {
  Play play({.from = Revision(10)});
  play.created(50);
  play.events({10, 11});
  play.events({11, 12});
  EXPECT_EQ(play.news(), "+10+11 +12 ");
}

TEST(WatchCore, compacted_history_is_told_as_missed_and_the_rest_follows) {
  Play play({.from = Revision(10)});
  play.created(50);
  play.events({10});
  play.compacted(15);
  EXPECT_EQ(play.news(), "+10 missed11-14 ");
  EXPECT_TRUE(play.took(play.closed));
  EXPECT_TRUE(play.took(play.opened));
  EXPECT_EQ(play.core.next(), Revision(15));
  play.created(50);
  play.events({16});
  EXPECT_EQ(play.news(), "+16 ");
}

TEST(WatchCore, a_picture_comes_first_and_the_watch_goes_on_behind_it) {
  Play play({.picture = true});
  EXPECT_TRUE(play.took(play.read));
  EXPECT_TRUE(play.took(play.fresh));
  EXPECT_FALSE(play.took(play.opened));
  play.page(Found{.at = Revision(20), .more = true}, false);
  EXPECT_TRUE(play.took(play.read));
  EXPECT_FALSE(play.took(play.fresh));
  play.page(Found{.at = Revision(20)}, true);
  EXPECT_TRUE(play.took(play.opened));
  EXPECT_EQ(play.core.next(), Revision(21));
  EXPECT_EQ(play.news(), "|20first |20last ");
}

TEST(WatchCore, a_picture_whose_revision_is_compacted_begins_anew) {
  Play play({.picture = true});
  play.page(Found{.at = Revision(20)}, false);
  play.took(play.fresh);
  play.page(fail(ErrorCode::kNotFound, "compacted"), false);
  play.at(100);
  EXPECT_TRUE(play.took(play.fresh));
  play.page(Found{.at = Revision(30)}, true);
  EXPECT_EQ(play.news(), "|20first interrupted resumed |30firstlast ");
}

TEST(WatchCore, a_page_that_nobody_answers_is_asked_for_again) {
  Play play({.picture = true});
  play.page(Found{.at = Revision(20)}, false);
  play.took(play.fresh);
  play.page(fail(ErrorCode::kUnavailable, "nobody"), false);
  play.took(play.read);
  play.at(100);
  EXPECT_TRUE(play.took(play.read));
  EXPECT_FALSE(play.took(play.fresh));
}

TEST(WatchCore, with_a_picture_what_was_missed_ends_at_the_next_picture) {
  Play play({.picture = true});
  play.page(Found{.at = Revision(20)}, true);
  play.created(20);
  play.compacted(30);
  EXPECT_TRUE(play.took(play.closed));
  play.page(Found{.at = Revision(40)}, true);
  EXPECT_EQ(play.news(), "|20firstlast missed21-40 |40firstlast ");
  EXPECT_EQ(play.core.next(), Revision(41));
}

TEST(WatchCore, another_history_is_noticed) {
  Play play({.from = Revision(100)});
  play.created(200, 1);
  play.close();
  play.at(100);
  play.created(50, 2);
  EXPECT_EQ(play.news(), "interrupted resumed restored100-50 ");
  EXPECT_EQ(play.core.next(), Revision(51));
  EXPECT_TRUE(play.took(play.closed));
}

TEST(WatchCore, what_all_endpoints_refuse_ends_and_what_one_refuses_goes_on_elsewhere) {
  Play play;
  play.refuse("no room");
  EXPECT_TRUE(play.took(play.moved));
  play.at(100);
  play.created(5);
  play.close();
  for (int i = 1; i <= 3; ++i) {
    play.at(100 + 1000 * i);
    play.refuse("empty range");
  }
  EXPECT_EQ(play.news(), "interrupted resumed interrupted ended:empty range ");
  EXPECT_EQ(play.wake, Instant::max());
}

TEST(WatchCore, a_silent_stream_is_asked_and_then_given_up) {
  Play play;
  play.created(5);
  EXPECT_EQ(play.wake, ms(10'000));
  play.at(10'000);
  EXPECT_TRUE(play.took(play.probed));
  EXPECT_EQ(play.wake, ms(15'000));
  play.at(15'000);
  EXPECT_TRUE(play.took(play.closed));
  EXPECT_TRUE(play.took(play.moved));
  // The next one is given twice as long to say something.
  play.at(15'000);
  play.created(5);
  play.at(25'000);
  EXPECT_EQ(play.wake, ms(35'000));
  play.progress(9);
  play.at(35'000);
  EXPECT_EQ(play.wake, ms(40'000));
}

TEST(WatchCore, an_answer_to_the_question_keeps_the_stream) {
  Play play;
  play.created(5);
  play.at(10'000);
  play.progress(5);
  EXPECT_EQ(play.wake, ms(20'000));
  EXPECT_FALSE(play.took(play.closed));
}

TEST(WatchCore, a_stream_that_is_never_created_is_given_up) {
  Play play;
  EXPECT_EQ(play.wake, ms(15'000));
  play.at(15'000);
  EXPECT_TRUE(play.took(play.moved));
}

TEST(WatchCore, while_paused_news_wait_up_to_a_bound_and_the_rest_stays_in_the_cell) {
  Play play({.from = Revision(10), .waiting_bytes_max = 1000});
  play.created(50);
  play.core.pause();
  play.events({10}, false, 500);
  EXPECT_FALSE(play.took(play.closed));
  play.events({11}, false, 500);
  EXPECT_TRUE(play.took(play.closed));
  EXPECT_EQ(play.news(), "");
  EXPECT_EQ(play.wake, Instant::max());
  play.took(play.opened);
  play.core.resume(play.now);
  play.take();
  EXPECT_EQ(play.news(), "+10 +11 ");
  EXPECT_TRUE(play.took(play.opened));
  EXPECT_EQ(play.core.next(), Revision(12));
}

TEST(WatchCore, no_page_is_asked_for_while_paused) {
  Play play({.picture = true});
  play.core.pause();
  play.took(play.read);
  play.page(Found{.at = Revision(20)}, false);
  EXPECT_FALSE(play.took(play.read));
  play.core.resume(play.now);
  play.take();
  EXPECT_TRUE(play.took(play.read));
}

TEST(WatchCore, while_paused_progress_takes_no_room) {
  Play play({.from = Revision(10)});
  play.created(50);
  play.core.pause();
  for (int i = 11; i < 1000; ++i) play.progress(i);
  play.core.resume(play.now);
  play.take();
  EXPECT_EQ(play.news(), ".999 ");
}

}  // namespace
}  // namespace polis::client
