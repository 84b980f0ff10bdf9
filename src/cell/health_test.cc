#include "cell/health.hh"

#include <gtest/gtest.h>

namespace polis::cell {
namespace {

const HealthState kGood{.has_master = true};
const HealthState kNoMaster{};
const HealthState kFull{.has_master = true, .space_alarm = true};
const HealthState kLearning{.has_master = true, .learner = true};

http::HttpResponse ask(std::string_view path, const HealthState& state,
                       const store::Status& read = {}) {
  auto request = parse_health_request(path);
  EXPECT_TRUE(request.has_value()) << path;
  return request ? health_response(*request, state, read) : http::HttpResponse();
}

// The bodies are those of etcd 3.7.3.
TEST(Health, the_json_page_says_what_etcd_says) {
  EXPECT_EQ(ask("/health", kGood).body, R"({"health":"true","reason":""})");
  EXPECT_EQ(ask("/health", kGood).status, 200);
  EXPECT_EQ(ask("/health", kFull).body, "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n");
  EXPECT_EQ(ask("/health", kFull).status, 503);
  EXPECT_EQ(ask("/health", kNoMaster).body,
            "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n");
  EXPECT_EQ(ask("/health", kGood, store::status::timed_out()).body,
            "{\"health\":\"false\",\"reason\":\"RANGE ERROR:etcdserver: request timed out\"}\n");
}

TEST(Health, an_excluded_alarm_and_a_missing_master_do_not_count_where_they_should_not) {
  EXPECT_EQ(ask("/health?exclude=NOSPACE", kFull).status, 200);
  EXPECT_EQ(ask("/health?exclude=nospace", kFull).status, 503);
  EXPECT_EQ(ask("/health?exclude=CORRUPT,NOSPACE", kFull).status, 503);
  EXPECT_EQ(ask("/health?exclude=X&exclude=NOSPACE", kFull).status, 200);
  EXPECT_EQ(ask("/health?serializable=true", kNoMaster).status, 200);
  EXPECT_EQ(ask("/health?serializable=1", kNoMaster).status, 503);
  EXPECT_EQ(ask("/health?serializable=true", kFull).status, 503);
}

TEST(Health, an_answer_that_is_known_waits_for_no_read) {
  auto needs = [](std::string_view path, const HealthState& state) {
    return needs_read(*parse_health_request(path), state);
  };
  EXPECT_TRUE(needs("/health", kGood));
  EXPECT_FALSE(needs("/health", kNoMaster));
  EXPECT_FALSE(needs("/health", kFull));
  EXPECT_TRUE(needs("/health?exclude=NOSPACE", kFull));
  EXPECT_FALSE(needs("/health?serializable=true", kGood));
  EXPECT_FALSE(needs("/livez", kGood));
  EXPECT_TRUE(needs("/readyz", kGood));
  EXPECT_FALSE(needs("/readyz", kNoMaster));
  EXPECT_FALSE(needs("/readyz/data_corruption", kGood));
  EXPECT_FALSE(needs("/readyz?exclude=linearizable_read", kGood));
}

TEST(Health, live_is_who_answers_and_ready_is_who_serves_linearizable_reads) {
  EXPECT_EQ(ask("/livez", kNoMaster).body, "ok\n");
  EXPECT_EQ(ask("/livez?verbose", kGood).body, "[+]serializable_read ok\nok\n");
  EXPECT_EQ(ask("/livez/serializable_read", kNoMaster).status, 200);
  EXPECT_EQ(ask("/readyz?verbose=false", kGood).body,
            "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n"
            "[+]non_learner ok\nok\n");
  const auto bad = ask("/readyz", kNoMaster);
  EXPECT_EQ(bad.status, 503);
  EXPECT_EQ(bad.body,
            "[+]data_corruption ok\n[+]serializable_read ok\n"
            "[-]linearizable_read failed: etcdserver: no leader\n[+]non_learner ok\n\n");
  EXPECT_EQ(ask("/readyz/linearizable_read", kNoMaster).status, 503);
  EXPECT_EQ(ask("/readyz?exclude=linearizable_read", kNoMaster).status, 200);
  EXPECT_EQ(ask("/readyz", kLearning).status, 503);
  EXPECT_EQ(ask("/readyz", kFull).status, 200);
}

TEST(Health, other_pages_are_not_its_business) {
  for (std::string_view path : {"/", "/healthz", "/health/x", "/livez/linearizable_read",
                                "/readyz/", "/readyz/x", "/version", "/livezz"})
    EXPECT_FALSE(parse_health_request(path).has_value()) << path;
}

}  // namespace
}  // namespace polis::cell
