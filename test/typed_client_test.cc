// The typed client against a cell of three processes that are killed, stopped and started again,
// and beside etcdctl.

#include <gtest/gtest.h>

#include <charconv>
#include <set>

#include "api/etcd/v3lock.pb.h"
#include "client/election.hh"
#include "client/lock.hh"
#include "client/member_follower.hh"
#include "test/process_cell.hh"

namespace polis::client {
namespace {

using polis::testing::Forwarder;
using polis::testing::Process;
using polis::testing::ProcessCell;

using namespace std::chrono_literals;

class TypedClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cell_ = new ProcessCell(POLIS_BINARY); }
  static void TearDownTestSuite() { delete cell_; }

  void SetUp() override {
    cell_->mend();
    client_ = std::make_unique<Client>(reactor_, reactor_.network(),
                                       Options{.endpoints = cell_->clients()});
    kv_ = std::make_unique<Kv>(*client_, reactor_);
    // A linearizable read is served at each replica.
    for (const io::Address& address : cell_->clients()) {
      Client one(reactor_, reactor_.network(), {.endpoints = {address}});
      Kv kv(one, reactor_, 30s);
      ASSERT_TRUE(get(kv, "x").has_value()) << address.text();
    }
  }
  void TearDown() override {
    cell_->mend();
    kv_.reset();
    client_.reset();
  }

  bool until(const std::function<bool()>& condition, Duration limit = 30s) {
    return polis::testing::run_until(reactor_, condition, limit);
  }

  // As until, for a condition that asks the cell and runs the loop for that itself.
  bool eventually(const std::function<bool()>& condition, Duration limit = 30s) {
    const Instant deadline = reactor_.now() + limit;
    while (!condition()) {
      if (reactor_.now() > deadline) return false;
    }
    return true;
  }

  Result<Found> get(Kv& kv, const std::string& key) {
    return get(kv, Read{.keys = Keys::one(key)});
  }
  Result<Found> get(Kv& kv, const Read& read) {
    std::optional<Result<Found>> result;
    kv.get(read, [&](Result<Found> found) { result = std::move(found); });
    if (!until([&] { return result.has_value(); })) return fail(ErrorCode::kIo, "never answered");
    return *std::move(result);
  }
  Outcome<Written> put(Kv& kv, const Write& write) {
    std::optional<Outcome<Written>> result;
    kv.put(write, [&](Outcome<Written> outcome) { result.emplace(std::move(outcome)); });
    if (!until([&] { return result.has_value(); })) return fail(ErrorCode::kIo, "never answered");
    return *std::move(result);
  }
  // Through whoever answers, until it is done.
  Revision must_put(const std::string& key, const std::string& value) {
    while (true) {
      auto outcome = put(*kv_, {.key = key, .value = value});
      if (outcome.done()) return outcome.value().at;
    }
  }
  std::optional<std::string> value_of(const std::string& key) {
    auto found = get(*kv_, key);
    if (!found || found->keys.empty()) return std::nullopt;
    return found->keys[0].value;
  }
  void compact(Revision revision) {
    std::optional<Outcome<Nothing>> result;
    kv_->compact(revision, [&](Outcome<Nothing> outcome) { result.emplace(outcome); });
    ASSERT_TRUE(until([&] { return result.has_value(); }));
    ASSERT_TRUE(result->done()) << result->error().text;
  }
  Process etcdctl(std::vector<std::string> words, const std::string& name) {
    ::setenv("ETCDCTL_API", "3", 1);
    ::setenv("ETCDCTL_ENDPOINTS", cell_->endpoints().c_str(), 1);
    words.insert(words.begin(), "etcdctl");
    return {std::move(words), cell_->directory() / name};
  }

  static inline ProcessCell* cell_ = nullptr;
  io::Reactor reactor_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Kv> kv_;
};

// --- keys
// ------------------------------------------------------------------------------------------------

TEST_F(TypedClientTest, what_is_put_is_read_and_what_was_there_is_told) {
  auto first = put(*kv_, {.key = "kv/a", .value = "1"});
  ASSERT_TRUE(first.done());
  auto second = put(*kv_, {.key = "kv/a", .value = "2", .previous = Previous::kYes});
  ASSERT_TRUE(second.done());
  EXPECT_EQ(second.value().previous->value, "1");
  auto found = get(*kv_, "kv/a");
  ASSERT_TRUE(found && found->keys.size() == 1);
  EXPECT_EQ(found->keys[0].value, "2");
  EXPECT_EQ(found->keys[0].version, Version(2));
  EXPECT_EQ(moment_of(found->keys[0].created), first.value().at);
  EXPECT_EQ(moment_of(found->keys[0].changed), second.value().at);
  auto past = get(*kv_, Read{.keys = Keys::one("kv/a"), .at = first.value().at});
  EXPECT_EQ(past->keys[0].value, "1");
  std::optional<Outcome<Removed>> removed;
  kv_->remove({.keys = Keys::with_prefix("kv/"), .previous = Previous::kYes},
              [&](Outcome<Removed> outcome) { removed.emplace(std::move(outcome)); });
  ASSERT_TRUE(until([&] { return removed.has_value(); }));
  EXPECT_EQ(removed->value().count, 1);
  EXPECT_EQ(removed->value().previous[0].value, "2");
}

TEST_F(TypedClientTest, a_transaction_takes_one_branch_whole) {
  for (auto branch : {Committed::Branch::kThen, Committed::Branch::kOtherwise}) {
    Txn txn;
    txn.when(absent("txn"))
        .then(Write{.key = "txn", .value = "made"})
        .otherwise(Read{.keys = Keys::one("txn")});
    std::optional<Outcome<Committed>> committed;
    kv_->commit(txn, [&](Outcome<Committed> outcome) { committed.emplace(std::move(outcome)); });
    ASSERT_TRUE(until([&] { return committed.has_value(); }));
    ASSERT_TRUE(committed->done()) << committed->error().text;
    EXPECT_EQ(committed->value().branch, branch);
    if (branch == Committed::Branch::kOtherwise) {
      EXPECT_EQ(std::get<Found>(committed->value().steps.at(0)).keys.at(0).value, "made");
    }
  }
}

TEST_F(TypedClientTest, pages_are_of_one_revision) {
  constexpr int kKeys = 250;
  for (int i = 0; i < kKeys; ++i) must_put("pages/" + std::to_string(1000 + i), "old");
  Pages pages(*kv_, {.keys = Keys::with_prefix("pages/")}, 100);
  std::vector<KeyValue> all;
  std::size_t taken = 0;
  while (!pages.finished()) {
    std::optional<Result<Found>> page;
    pages.next([&](Result<Found> found) { page = std::move(found); });
    ASSERT_TRUE(until([&] { return page.has_value(); }));
    ASSERT_TRUE(page->has_value()) << page->error().text;
    EXPECT_EQ((*page)->count, kKeys);
    all.insert(all.end(), (*page)->keys.begin(), (*page)->keys.end());
    ++taken;
    must_put("pages/" + std::to_string(1000 + kKeys - 1), "new");
    must_put("pages/" + std::to_string(9000 + taken), "late");
  }
  EXPECT_EQ(taken, 3u);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kKeys));
  for (const KeyValue& kv : all) EXPECT_EQ(kv.value, "old");
}

TEST_F(TypedClientTest, errors_have_codes) {
  EXPECT_EQ(put(*kv_, {.key = ""}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(put(*kv_, {.key = "k", .lease = LeaseId(12345)}).error().code, ErrorCode::kNotFound);
  const Revision first = must_put("codes", "1");
  compact(must_put("codes", "2"));
  EXPECT_EQ(get(*kv_, Read{.keys = Keys::one("codes"), .at = first}).error().code,
            ErrorCode::kNotFound);
}

TEST_F(TypedClientTest, a_write_without_an_answer_is_unknown_and_one_that_never_left_failed) {
  for (std::size_t i = 0; i < ProcessCell::kSize; ++i) cell_->pause(i);
  Kv hasty(*client_, reactor_, 1s);
  EXPECT_TRUE(put(hasty, {.key = "unknown", .value = "1"}).unknown());
  auto read = get(hasty, "unknown");
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);  // a read is never unknown
  cell_->mend();
  // It was done after all, or never will be: the next one is certain.
  must_put("unknown", "2");
  EXPECT_EQ(value_of("unknown"), "2");

  const auto nobody = polis::testing::free_addresses(reactor_, 2);
  Client lonely(reactor_, reactor_.network(), {.endpoints = nobody});
  Kv kv(lonely, reactor_, 500ms);
  auto outcome = put(kv, {.key = "k"});
  EXPECT_TRUE(outcome.failed());
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
}

TEST_F(TypedClientTest, a_read_goes_on_elsewhere_when_its_replica_is_stopped) {
  must_put("read", "1");
  Kv kv(*client_, reactor_, 4s);
  ASSERT_TRUE(get(kv, "read"));
  const auto at = std::find(cell_->clients().begin(), cell_->clients().end(), client_->endpoint());
  cell_->pause(static_cast<std::size_t>(at - cell_->clients().begin()));
  const Instant start = reactor_.now();
  auto found = get(kv, "read");
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_LT(reactor_.now() - start, 3900ms);
  EXPECT_NE(client_->endpoint(), *at);
}

TEST_F(TypedClientTest, endpoints_follow_the_members) {
  Client one(reactor_, reactor_.network(), {.endpoints = {cell_->clients()[0]}});
  MemberFollower follower(one, reactor_);
  ASSERT_TRUE(until([&] { return one.endpoints() == ProcessCell::kSize; }));
  cell_->kill(0);
  Kv kv(one, reactor_);
  EXPECT_TRUE(get(kv, "x"));
  cell_->start(0);
}

TEST_F(TypedClientTest, calls_go_on_on_a_connection_that_was_left) {
  bool told = false;
  Revision through;
  Watch watch(*client_, reactor_, {.keys = Keys::one("left")},
              {.changes = [&](const Changes& changes) {
                told = true;
                through = changes.through;
              }});
  ASSERT_TRUE(until([&] { return watch.next().has_value(); }));
  client_->move_on();
  const Revision at = must_put("left", "1");
  ASSERT_TRUE(until([&] { return told; }, 5s));
  EXPECT_EQ(through, at);
}

// --- watches
// ------------------------------------------------------------------------------------------------

// What a watch told of numbered values, and what it said besides.
struct Seen {
  std::vector<std::string> values;
  std::vector<Missed> missed;
  std::vector<PicturePage> pages;
  int interruptions = 0;

  WatchHandlers handlers() {
    return {.picture = [this](const PicturePage& page) { pages.push_back(page); },
            .changes =
                [this](const Changes& changes) {
                  for (const Event& event : changes.events) values.push_back(event.now.value);
                },
            .missed = [this](const Missed& one) { missed.push_back(one); },
            .interrupted = [this](const Interrupted&) { ++interruptions; }};
  }
};

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> all;
  for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
  return all;
}

TEST_F(TypedClientTest, a_watch_sees_each_change_once_while_replicas_are_killed_and_come_back) {
  Seen seen;
  Watch watch(*client_, reactor_, {.keys = Keys::with_prefix("killed/")}, seen.handlers());
  ASSERT_TRUE(until([&] { return watch.next().has_value(); }));
  int number = 0;
  for (std::size_t i = 0; i < ProcessCell::kSize; ++i) {
    must_put("killed/" + std::to_string(number % 3), std::to_string(number));
    ++number;
    cell_->kill(i);
    for (int n = 0; n < 5; ++n, ++number)
      must_put("killed/" + std::to_string(number % 3), std::to_string(number));
    cell_->start(i);
    ASSERT_TRUE(until([&] { return seen.values.size() >= static_cast<std::size_t>(number); }));
  }
  EXPECT_EQ(seen.values, numbers(0, number));
  EXPECT_GE(seen.interruptions, 1);
  EXPECT_TRUE(seen.missed.empty());
}

TEST_F(TypedClientTest, a_watch_leaves_a_replica_that_is_stopped) {
  Seen seen;
  Watch watch(*client_, reactor_, {.keys = Keys::one("stopped")}, seen.handlers());
  ASSERT_TRUE(until([&] { return watch.next().has_value(); }));
  const auto at = std::find(cell_->clients().begin(), cell_->clients().end(), client_->endpoint());
  const auto stopped = static_cast<std::size_t>(at - cell_->clients().begin());
  cell_->pause(stopped);
  // Through the others: the watch's client must notice by itself.
  Client other(
      reactor_, reactor_.network(),
      {.endpoints = {cell_->clients()[(stopped + 1) % 3], cell_->clients()[(stopped + 2) % 3]}});
  Kv kv(other, reactor_, 30s);
  ASSERT_TRUE(put(kv, {.key = "stopped", .value = "0"}).done());
  const Instant start = reactor_.now();
  ASSERT_TRUE(until([&] { return seen.values.size() == 1; }));
  EXPECT_LT(reactor_.now() - start, 17s);
  cell_->resume(stopped);
  ASSERT_TRUE(put(kv, {.key = "stopped", .value = "1"}).done());
  ASSERT_TRUE(until([&] { return seen.values.size() == 2; }));
  EXPECT_EQ(seen.values, numbers(0, 2));
}

TEST_F(TypedClientTest, a_watch_does_not_stay_at_a_replica_without_a_master) {
  Client one(reactor_, reactor_.network(), {.endpoints = {cell_->clients()[0]}});
  Seen seen;
  Watch watch(one, reactor_, {.keys = Keys::one("alone")}, seen.handlers());
  ASSERT_TRUE(until([&] { return watch.next().has_value(); }));
  cell_->pause(1);
  cell_->pause(2);
  // Sooner than by silence.
  ASSERT_TRUE(until([&] { return seen.interruptions == 1; }, 9s));
  cell_->mend();
  must_put("alone", "0");
  ASSERT_TRUE(until([&] { return seen.values.size() == 1; }));
}

TEST_F(TypedClientTest, a_paused_watch_takes_little_and_goes_on_where_it_was) {
  Seen seen;
  Watch watch(*client_, reactor_, {.keys = Keys::with_prefix("slow/"), .waiting_bytes_max = 20'000},
              seen.handlers());
  ASSERT_TRUE(until([&] { return watch.next().has_value(); }));
  watch.pause();
  Revision last;
  for (int i = 0; i < 60; ++i) last = must_put("slow/" + std::string(2000, 'k'), std::to_string(i));
  // It has let go of its stream well before the end of what happened.
  Revision held;
  ASSERT_TRUE(until([&] {
    const bool rests = held == *watch.next();
    held = *watch.next();
    return rests;
  }));
  EXPECT_LT(held, last);
  EXPECT_TRUE(seen.values.empty());
  watch.resume();
  ASSERT_TRUE(until([&] { return seen.values.size() == 60; }));
  EXPECT_EQ(seen.values, numbers(0, 60));
}

TEST_F(TypedClientTest, what_was_compacted_while_a_watch_was_away_is_told) {
  for (Picture picture : {Picture::kNone, Picture::kFirst}) {
    Seen seen;
    must_put("away", "0");
    Watch watch(*client_, reactor_,
                {.keys = Keys::one("away"), .picture = picture, .waiting_bytes_max = 0},
                seen.handlers());
    ASSERT_TRUE(until([&] { return watch.next().has_value(); }));
    watch.pause();
    const Revision first = must_put("away", "1");
    ASSERT_TRUE(until([&] { return *watch.next() == first.next(); }));
    must_put("away", "2");
    const Revision newest = must_put("away", "3");
    compact(newest);
    watch.resume();
    ASSERT_TRUE(until([&] { return !seen.missed.empty(); }));
    EXPECT_EQ(seen.missed[0].first, first.next());
    if (picture == Picture::kNone) {
      EXPECT_EQ(seen.missed[0].last, newest.previous());
      ASSERT_TRUE(until([&] { return seen.values.size() == 2; }));
      EXPECT_EQ(seen.values, (std::vector<std::string>{"1", "3"}));
    } else {
      ASSERT_TRUE(until([&] { return seen.pages.size() == 2; }));
      EXPECT_EQ(seen.pages[0].keys[0].value, "0");
      EXPECT_EQ(seen.pages[1].keys[0].value, "3");
      EXPECT_EQ(seen.missed[0].last, seen.pages[1].at);
      EXPECT_EQ(seen.values, (std::vector<std::string>{"1"}));
    }
    must_put("away", "4");
    ASSERT_TRUE(until([&] { return seen.values.back() == "4"; }));
  }
}

TEST_F(TypedClientTest, a_picture_and_the_changes_behind_it_make_the_whole) {
  for (int i = 0; i < 25; ++i) must_put("picture/" + std::to_string(i), "0");
  std::map<std::string, std::string> state;
  bool whole = false;
  Watch watch(*client_, reactor_,
              {.keys = Keys::with_prefix("picture/"), .picture = Picture::kFirst, .page_keys = 10},
              {.picture =
                   [&](const PicturePage& page) {
                     if (page.first) state.clear();
                     for (const KeyValue& kv : page.keys) state[kv.key] = kv.value;
                     whole = page.last;
                   },
               .changes =
                   [&](const Changes& changes) {
                     for (const Event& event : changes.events)
                       state[event.now.key] = event.now.value;
                   }});
  // While it is being read, everything changes.
  for (int i = 0; i < 25; ++i) must_put("picture/" + std::to_string(i), "1");
  ASSERT_TRUE(until([&] {
    return whole && state.size() == 25 &&
           std::all_of(state.begin(), state.end(), [](const auto& kv) { return kv.second == "1"; });
  }));
}

TEST_F(TypedClientTest, a_revision_that_comes_in_fragments_is_told_in_one) {
  Txn txn;
  for (int i = 0; i < 14; ++i)
    txn.then(Write{.key = "large/" + std::to_string(i), .value = std::string(100'000, 'a')});
  std::vector<std::size_t> sizes;
  Watch watch(*client_, reactor_, {.keys = Keys::with_prefix("large/"), .previous = Previous::kYes},
              {.changes = [&](const Changes& changes) { sizes.push_back(changes.events.size()); }});
  ASSERT_TRUE(until([&] { return watch.next().has_value(); }));
  for (int round = 0; round < 2; ++round) {
    bool done = false;
    kv_->commit(txn, [&](const Outcome<Committed>& outcome) { done = outcome.done(); });
    ASSERT_TRUE(until([&] { return done; }));
  }
  ASSERT_TRUE(until([&] { return sizes.size() == 2; }));
  EXPECT_EQ(sizes, (std::vector<std::size_t>{14, 14}));
}

TEST_F(TypedClientTest, a_watch_that_is_wrong_ends_and_may_be_destroyed_within_its_callback) {
  std::string why;
  auto watch = std::make_unique<Watch>(
      *client_, reactor_, WatchOptions{.keys = Keys::between("b", "a")}, WatchHandlers{});
  watch = std::make_unique<Watch>(*client_, reactor_, WatchOptions{.keys = Keys::between("b", "a")},
                                  WatchHandlers{.ended = [&](const WatchEnded& ended) {
                                    why = ended.why;
                                    watch.reset();
                                  }});
  ASSERT_TRUE(until([&] { return !why.empty(); }));
  EXPECT_EQ(watch, nullptr);
}

// --- sessions
// ------------------------------------------------------------------------------------------------

// A session that is open, and what it told.
struct Sitting {
  bool opened = false;
  std::optional<Error> lost;
  std::unique_ptr<Session> session;

  Sitting(Client& client, io::Reactor& reactor, std::chrono::seconds ttl) {
    session = std::make_unique<Session>(
        client, reactor, SessionOptions{.ttl = ttl},
        SessionHandlers{.opened = [this] { opened = true; },
                        .lost = [this](const Error& why) { lost = why; }});
    EXPECT_TRUE(polis::testing::run_until(reactor, [&] { return opened; }));
  }
  Outcome<Nothing> close(io::Reactor& reactor) {
    std::optional<Outcome<Nothing>> closed;
    session->close([&](Outcome<Nothing> outcome) { closed.emplace(std::move(outcome)); });
    polis::testing::run_until(reactor, [&] { return closed.has_value(); });
    return closed ? *closed : Outcome<Nothing>(fail(ErrorCode::kIo, "never answered"));
  }
};

TEST_F(TypedClientTest, a_session_lives_on_while_replicas_are_killed_and_stopped) {
  Sitting one(*client_, reactor_, 5s);
  ASSERT_TRUE(put(*kv_, {.key = "seat", .lease = one.session->lease()}).done());
  for (std::size_t i = 0; i < ProcessCell::kSize; ++i) {
    i == 1 ? cell_->pause(i) : cell_->kill(i);
    const Instant until_then = reactor_.now() + 6s;  // longer than the TTL
    until([&] { return reactor_.now() > until_then; });
    EXPECT_TRUE(one.session->valid());
    cell_->mend();
    EXPECT_TRUE(value_of("seat"));
  }
  EXPECT_FALSE(one.lost);
  EXPECT_TRUE(one.close(reactor_).done());
  EXPECT_FALSE(one.session->valid());
  EXPECT_FALSE(value_of("seat"));
  EXPECT_FALSE(one.lost);  // it was closed
}

TEST_F(TypedClientTest, a_session_that_is_cut_off_is_over_before_the_cell_ends_its_lease) {
  Forwarder forwarder(reactor_, cell_->clients()[0]);
  Client cut_off(reactor_, reactor_.network(), {.endpoints = {forwarder.address()}});
  Sitting one(cut_off, reactor_, 3s);
  ASSERT_TRUE(put(*kv_, {.key = "cut", .lease = one.session->lease()}).done());
  const Instant some = reactor_.now() + 4s;  // so that it has been renewed
  until([&] { return reactor_.now() > some; });
  ASSERT_TRUE(one.session->valid());
  forwarder.cut();
  const Instant cut = reactor_.now();
  ASSERT_TRUE(until([&] { return one.lost.has_value(); }));
  EXPECT_FALSE(one.session->valid());
  EXPECT_EQ(one.lost->code, ErrorCode::kNotFound);
  EXPECT_LT(reactor_.now() - cut, 3s);
  EXPECT_TRUE(value_of("cut"));  // the cell still has it
  EXPECT_TRUE(eventually([&] { return !value_of("cut"); }, 5s));
}

TEST_F(TypedClientTest, a_lease_that_is_revoked_is_noticed) {
  Sitting one(*client_, reactor_, 3s);
  Process revoke = etcdctl({"lease", "revoke",
                            [&] {
                              char text[32];
                              auto end =
                                  std::to_chars(text, text + 32, one.session->lease().value, 16);
                              return std::string(text, end.ptr);
                            }()},
                           "revoke");
  ASSERT_TRUE(until([&] { return one.lost.has_value(); }));
  EXPECT_EQ(one.lost->code, ErrorCode::kNotFound);
}

TEST_F(TypedClientTest, without_a_cell_no_session_opens) {
  const auto nobody = polis::testing::free_addresses(reactor_, 1);
  Client lonely(reactor_, reactor_.network(), {.endpoints = nobody});
  std::optional<Error> lost;
  Session session(lonely, reactor_, {.open_timeout = 1s},
                  {.lost = [&](const Error& why) { lost = why; }});
  ASSERT_TRUE(until([&] { return lost.has_value(); }, 5s));
  EXPECT_EQ(lost->code, ErrorCode::kUnavailable);
}

// --- locks
// ------------------------------------------------------------------------------------------------

// Takes a lock again and again, and while it holds it adds one to a counter by reading and writing:
// two holders at once would lose an addition.
class Adder {
 public:
  Adder(Session& session, Kv& kv, int rounds, std::vector<FencingToken>& tokens)
      : session_(session), kv_(kv), rounds_(rounds), tokens_(tokens) {
    wait();
  }
  bool finished() const { return rounds_ == 0; }
  bool wrong() const { return wrong_; }

 private:
  void wait() {
    lock_ = std::make_unique<Lock>(session_, "contended",
                                   LockHandlers{.held = [this](FencingToken token) { add(token); },
                                                .lost = [this](const Error&) { wrong_ = true; }});
  }
  void add(FencingToken token) {
    tokens_.push_back(token);
    kv_.get({.keys = Keys::one("counter")}, [this](Result<Found> found) {
      if (!found || found->keys.empty()) return give_up();
      const int now = std::stoi(found->keys[0].value);
      kv_.put({.key = "counter", .value = std::to_string(now + 1)},
              [this](Outcome<Written> written) {
                if (!written.done()) return give_up();
                lock_->release([this](const Outcome<Nothing>& released) {
                  if (!released.done()) return give_up();
                  lock_.reset();
                  if (--rounds_ > 0) wait();
                });
              });
    });
  }
  void give_up() { wrong_ = true; }

  Session& session_;
  Kv& kv_;
  int rounds_;
  std::vector<FencingToken>& tokens_;
  bool wrong_ = false;
  std::unique_ptr<Lock> lock_;
};

TEST_F(TypedClientTest, two_sessions_and_etcdctl_share_a_lock) {
  must_put("counter", "0");
  constexpr int kRounds = 20, kEtcdctlRounds = 8;
  ::setenv("ETCDCTL_API", "3", 1);
  ::setenv("ETCDCTL_ENDPOINTS", cell_->endpoints().c_str(), 1);
  Process script(
      {"sh", "-c",
       "for i in $(seq " + std::to_string(kEtcdctlRounds) +
           "); do etcdctl lock contended -- sh -c 'n=$(etcdctl get counter "
           "--print-value-only); etcdctl put counter $((n + 1))' || exit 1; done; echo all"},
      cell_->directory() / "adder");
  Client second_client(reactor_, reactor_.network(), {.endpoints = {cell_->clients()[2]}});
  Kv second_kv(second_client, reactor_);
  Sitting first(*client_, reactor_, 10s), second(second_client, reactor_, 10s);
  std::vector<FencingToken> tokens;
  Adder a(*first.session, *kv_, kRounds, tokens), b(*second.session, second_kv, kRounds, tokens);
  ASSERT_TRUE(until([&] { return (a.finished() && b.finished()) || a.wrong() || b.wrong(); }, 60s));
  ASSERT_TRUE(until([&] { return script.output().find("all\n") != std::string::npos; }, 60s))
      << script.output();
  EXPECT_FALSE(a.wrong() || b.wrong());
  EXPECT_EQ(value_of("counter"), std::to_string(2 * kRounds + kEtcdctlRounds));
  EXPECT_EQ(tokens.size(), 2u * kRounds);
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end()));
  EXPECT_EQ(std::set<FencingToken>(tokens.begin(), tokens.end()).size(), tokens.size());
}

TEST_F(TypedClientTest, a_lock_waits_for_etcdctl_and_etcdctl_for_it) {
  Process before = etcdctl({"lock", "turns"}, "before");
  ASSERT_TRUE(until([&] { return before.output().find("turns/") != std::string::npos; }));
  Sitting one(*client_, reactor_, 10s);
  std::optional<FencingToken> held;
  Lock lock(*one.session, "turns", {.held = [&](FencingToken token) { held = token; }});
  // It is in the queue, and does not hold.
  ASSERT_TRUE(eventually([&] { return value_of(lock.key()).has_value(); }));
  EXPECT_FALSE(held);
  EXPECT_FALSE(lock.token());
  before.end(SIGINT);
  ASSERT_TRUE(until([&] { return held.has_value(); }));
  EXPECT_EQ(lock.token(), held);
  Process after = etcdctl({"lock", "turns"}, "after");
  ASSERT_TRUE(eventually([&] {
    auto found = get(*kv_, Read{.keys = Keys::with_prefix("turns/")});
    return found && found->count == 2;
  }));
  EXPECT_EQ(after.output(), "");
  std::optional<Outcome<Nothing>> released;
  lock.release([&](Outcome<Nothing> outcome) { released.emplace(std::move(outcome)); });
  EXPECT_FALSE(lock.token());
  ASSERT_TRUE(until([&] { return after.output().find("turns/") != std::string::npos; }));
  EXPECT_TRUE(released && released->done());
}

TEST_F(TypedClientTest, a_lock_shares_its_queue_with_the_lock_service) {
  Sitting one(*client_, reactor_, 10s), two(*client_, reactor_, 10s);
  bool held = false;
  Lock lock(*one.session, "service", {.held = [&](FencingToken) { held = true; }});
  ASSERT_TRUE(until([&] { return held; }));
  http::ClientConnection connection(reactor_, reactor_.network(), cell_->clients()[1]);
  v3lockpb::LockRequest request;
  request.set_name("service");
  request.set_lease(two.session->lease().value);
  std::optional<http::GrpcStatus> answered;
  v3lockpb::LockResponse response;
  connection.unary("/v3lockpb.Lock/Lock", request.SerializeAsString(), 0s,
                   [&](const http::GrpcStatus& status, std::string_view bytes) {
                     answered = status;
                     response.ParseFromString(std::string(bytes));
                   });
  ASSERT_TRUE(eventually([&] {
    auto found = get(*kv_, Read{.keys = Keys::with_prefix("service/")});
    return found && found->count == 2;
  }));
  EXPECT_FALSE(answered);
  lock.release([](const Outcome<Nothing>&) {});
  ASSERT_TRUE(until([&] { return answered.has_value(); }));
  EXPECT_TRUE(answered->ok()) << answered->message;
  bool next = false;
  Lock behind(*one.session, "service", {.held = [&](FencingToken) { next = true; }});
  ASSERT_TRUE(eventually([&] { return value_of(behind.key()).has_value(); }));
  EXPECT_FALSE(next);
  kv_->remove({.keys = Keys::one(response.key())}, [](const Outcome<Removed>&) {});
  ASSERT_TRUE(until([&] { return next; }));
}

TEST_F(TypedClientTest, a_lock_is_held_through_the_death_of_each_replica) {
  Sitting one(*client_, reactor_, 5s);
  bool held = false, lost = false;
  Lock lock(
      *one.session, "through",
      {.held = [&](FencingToken) { held = true; }, .lost = [&](const Error&) { lost = true; }});
  ASSERT_TRUE(until([&] { return held; }));
  for (std::size_t i = 0; i < ProcessCell::kSize; ++i) {
    cell_->kill(i);
    must_put("x", "1");
    cell_->start(i);
    must_put("x", "2");
    EXPECT_TRUE(lock.token());
  }
  EXPECT_FALSE(lost);
}

TEST_F(TypedClientTest, whoever_deletes_the_key_of_a_lock_takes_it) {
  Sitting one(*client_, reactor_, 5s);
  bool held = false;
  std::optional<Error> lost;
  std::unique_ptr<Lock> lock;
  lock = std::make_unique<Lock>(*one.session, "taken",
                                LockHandlers{.held = [&](FencingToken) { held = true; },
                                             .lost =
                                                 [&](const Error& why) {
                                                   lost = why;
                                                   lock.reset();
                                                 }});
  ASSERT_TRUE(until([&] { return held; }));
  kv_->remove({.keys = Keys::one(lock->key())}, [](const Outcome<Removed>&) {});
  ASSERT_TRUE(until([&] { return lost.has_value(); }));
  EXPECT_EQ(lost->code, ErrorCode::kNotFound);
}

TEST_F(TypedClientTest, one_session_has_a_lock_once_and_a_destroyed_lock_lets_go) {
  Sitting one(*client_, reactor_, 10s);
  bool held = false;
  std::optional<Error> lost;
  auto first = std::make_unique<Lock>(*one.session, "once",
                                      LockHandlers{.held = [&](FencingToken) { held = true; }});
  Lock second(*one.session, "once", {.lost = [&](const Error& why) { lost = why; }});
  ASSERT_TRUE(until([&] { return held && lost; }));
  EXPECT_EQ(lost->code, ErrorCode::kInvalid);
  const std::string key = first->key();
  first.reset();
  ASSERT_TRUE(eventually([&] { return !value_of(key); }));
}

TEST_F(TypedClientTest, a_session_that_is_closed_ends_its_locks_and_the_next_has_a_greater_token) {
  Sitting one(*client_, reactor_, 10s), two(*client_, reactor_, 10s);
  std::optional<FencingToken> first, second;
  std::optional<Error> lost;
  Lock a(*one.session, "handed",
         {.held = [&](FencingToken token) { first = token; },
          .lost = [&](const Error& why) { lost = why; }});
  ASSERT_TRUE(until([&] { return first.has_value(); }));
  const Condition still = a.still_held();
  Lock b(*two.session, "handed", {.held = [&](FencingToken token) { second = token; }});
  ASSERT_TRUE(one.close(reactor_).done());
  EXPECT_TRUE(lost);
  ASSERT_TRUE(until([&] { return second.has_value(); }));
  EXPECT_GT(*second, *first);
  Txn txn;
  txn.when(still).then(Write{.key = "protected", .value = "by the old one"});
  std::optional<Outcome<Committed>> committed;
  kv_->commit(txn, [&](Outcome<Committed> outcome) { committed.emplace(std::move(outcome)); });
  ASSERT_TRUE(until([&] { return committed.has_value(); }));
  EXPECT_FALSE(committed->value().held());
}

// What runs in a process of its own, so that it can be stopped: takes a lock and says what it sees.
// Each time around it looks at its token before it does anything.
int hold_a_lock(const std::string& endpoints) {
  io::Reactor reactor;
  Client client(reactor, reactor.network(), {.endpoints = *parse_endpoints(endpoints)});
  Kv kv(client, reactor);
  std::unique_ptr<Lock> lock;
  std::unique_ptr<io::Timer> timer;
  auto say = [](const std::string& text) { EXPECT_GT(::write(1, text.data(), text.size()), 0); };
  bool over = false;
  std::function<void()> work = [&] {
    if (auto token = lock->token(); token && !over) {
      say("works " + std::to_string(token->value) + "\n");
      timer = reactor.after(10ms, work);
    }
  };
  Session session(
      client, reactor, {.ttl = 2s}, {.opened = [&] {
        lock = std::make_unique<Lock>(
            session, "stopped-holder",
            LockHandlers{
                .held = [&](FencingToken) { work(); },
                .lost =
                    [&](const Error&) {
                      over = true;
                      say("lost\n");
                      // What a holder that did not look would do.
                      Txn txn;
                      txn.when(lock->still_held()).then(Write{.key = "protected", .value = "late"});
                      kv.commit(txn, [&](const Outcome<Committed>& outcome) {
                        say(outcome.done() && !outcome.value().held() ? "fenced\n" : "wrong\n");
                        reactor.stop();
                      });
                    }});
      }});
  reactor.run();
  return 0;
}

TEST_F(TypedClientTest, a_holder_that_was_stopped_finds_its_lock_lost_before_it_does_anything) {
  Process holder({"/proc/self/exe", "--hold", cell_->endpoints()}, cell_->directory() / "holder");
  ASSERT_TRUE(until([&] { return holder.output().find("works") != std::string::npos; }))
      << holder.output();
  Sitting one(*client_, reactor_, 5s);
  std::optional<FencingToken> held;
  Lock lock(*one.session, "stopped-holder", {.held = [&](FencingToken token) { held = token; }});
  holder.signal(SIGSTOP);
  ASSERT_TRUE(until([&] { return held.has_value(); }));
  const std::string before = holder.output();
  holder.signal(SIGCONT);
  ASSERT_TRUE(until([&] {
    return holder.output().find("fenced") != std::string::npos ||
           holder.output().find("wrong") != std::string::npos;
  }));
  EXPECT_EQ(holder.output().substr(before.size()), "lost\nfenced\n");
  // And its token was smaller.
  const std::string works = before.substr(before.rfind("works ") + 6);
  EXPECT_LT(std::stoll(works), held->value);
}

// --- elections
// ------------------------------------------------------------------------------------------------

TEST_F(TypedClientTest, an_election_shares_its_queue_with_etcdctl) {
  std::vector<std::string> seen;
  Observer observer(*client_, reactor_, "office", [&](const std::optional<Office>& office) {
    seen.push_back(office ? office->proposal : "nobody");
  });
  ASSERT_TRUE(until([&] { return seen.size() == 1; }));
  Process alice = etcdctl({"elect", "office", "alice"}, "alice");
  ASSERT_TRUE(until([&] { return seen.back() == "alice"; }));
  Sitting one(*client_, reactor_, 10s);
  std::optional<FencingToken> elected;
  Candidacy bob(*one.session, "office", "bob",
                {.elected = [&](FencingToken token) { elected = token; }});
  ASSERT_TRUE(eventually([&] { return value_of(bob.key()) == "bob"; }));
  EXPECT_FALSE(elected);
  alice.end(SIGINT);
  ASSERT_TRUE(until([&] { return elected && seen.back() == "bob"; }));
  EXPECT_EQ(bob.token(), elected);
  Process listener = etcdctl({"elect", "--listen", "office"}, "listener");
  ASSERT_TRUE(until([&] { return listener.output().find("bob") != std::string::npos; }));
  std::optional<Outcome<Nothing>> proclaimed, resigned;
  bob.proclaim("bob the second", [&](Outcome<Nothing> outcome) { proclaimed.emplace(outcome); });
  ASSERT_TRUE(until([&] { return seen.back() == "bob the second"; }));
  ASSERT_TRUE(until([&] { return listener.output().find("second") != std::string::npos; }));
  bob.resign([&](Outcome<Nothing> outcome) { resigned.emplace(outcome); });
  ASSERT_TRUE(until([&] { return resigned && seen.back() == "nobody"; }));
  EXPECT_TRUE(proclaimed->done() && resigned->done());
  EXPECT_FALSE(bob.token());
  EXPECT_EQ(seen, (std::vector<std::string>{"nobody", "alice", "bob", "bob the second", "nobody"}));
}

}  // namespace
}  // namespace polis::client

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--hold") return polis::client::hold_a_lock(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
