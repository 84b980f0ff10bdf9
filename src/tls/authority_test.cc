#include "tls/authority.hh"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "tls/testing/certificates.hh"

namespace polis::tls {
namespace {

using testing::Certificates;

class AuthorityTest : public ::testing::Test {
 protected:
  io::Reactor reactor_;
  Certificates certificates_{reactor_};
};

mode_t mode_of(const std::string& file) {
  struct stat found{};
  EXPECT_EQ(::stat(file.c_str(), &found), 0);
  return found.st_mode & 0777;
}

TEST_F(AuthorityTest, what_it_issues_is_listed_with_its_hosts) {
  auto issued = certificates_.authority().issue("a", {"a.example", "10.0.0.1", "2001:db8::1"},
                                                Certificates::validity(5));
  ASSERT_TRUE(issued.has_value()) << issued.error().text;
  EXPECT_EQ(issued->expires, Certificates::now() + 5 * 86'400);
  ASSERT_TRUE(certificates_.authority().issue("alice", {}, Certificates::validity(5)).has_value());
  auto all = certificates_.authority().list();
  ASSERT_TRUE(all.has_value());
  ASSERT_EQ(all->size(), 3u);
  EXPECT_TRUE(all->at(0).authority);
  EXPECT_EQ(all->at(0).name, "test authority");
  EXPECT_EQ(all->at(1).hosts, (std::vector<std::string>{"a.example", "10.0.0.1", "2001:db8::1"}));
  EXPECT_TRUE(all->at(2).hosts.empty());
  EXPECT_NE(all->at(1).serial, all->at(2).serial);
}

TEST_F(AuthorityTest, keys_are_for_their_owner_alone) {
  certificates_.files("a", {"a"});
  EXPECT_EQ(mode_of(certificates_.path("ca.key")), 0600u);
  EXPECT_EQ(mode_of(certificates_.path("a.key")), 0600u);
  EXPECT_EQ(mode_of(certificates_.path("a.crt")), 0644u);
}

TEST_F(AuthorityTest, an_authority_is_never_replaced) {
  auto again = certificates_.authority().init("another", Certificates::validity(1));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::kInvalid);
}

TEST_F(AuthorityTest, a_name_is_issued_again_when_its_certificate_was_revoked_or_has_ended) {
  const auto issue = [&](std::int64_t now) {
    return certificates_.authority().issue("a", {"a"}, {now, 5});
  };
  const std::int64_t now = Certificates::now();
  ASSERT_TRUE(issue(now).has_value());
  EXPECT_NE(issue(now).error().text.find("polis cert revoke a"), std::string::npos);
  EXPECT_TRUE(issue(now + 6 * 86'400).has_value());
  auto revoked = certificates_.authority().revoke("a", now);
  ASSERT_TRUE(revoked.has_value());
  EXPECT_TRUE(certificates_.authority().list()->at(1).revoked);
  EXPECT_TRUE(certificates_.authority().revoke("a", now).has_value());  // once more is no error
  ASSERT_TRUE(issue(now).has_value());
  EXPECT_FALSE(certificates_.authority().list()->at(1).revoked);
}

TEST_F(AuthorityTest, a_certificate_is_renewed_for_the_same_hosts_and_the_old_one_is_not_revoked) {
  const auto renew = [&](const std::vector<std::string>& hosts) {
    return certificates_.authority().issue("a", hosts, Certificates::validity(20),
                                           Existing::kReplace);
  };
  auto nobody = renew({});
  ASSERT_FALSE(nobody.has_value());
  EXPECT_NE(nobody.error().text.find("a.crt"), std::string::npos) << nobody.error().text;
  certificates_.files("a", {"a.example", "10.0.0.1"}, 2);
  const auto old = certificates_.authority().list()->at(1);
  auto made = renew({});
  ASSERT_TRUE(made.has_value()) << made.error().text;
  EXPECT_EQ(made->hosts, (std::vector<std::string>{"a.example", "10.0.0.1"}));
  EXPECT_NE(made->serial, old.serial);
  EXPECT_GT(made->expires, old.expires);
  EXPECT_EQ(renew({"b.example"})->hosts, std::vector<std::string>{"b.example"});
}

TEST_F(AuthorityTest, wrong_names_hosts_and_times_are_refused) {
  for (const char* name : {"", "../a", "ca", ".hidden", "a b", "a/b"}) {
    auto issued = certificates_.authority().issue(name, {}, Certificates::validity(1));
    ASSERT_FALSE(issued.has_value()) << name;
    EXPECT_EQ(issued.error().code, ErrorCode::kInvalid) << name;
  }
  for (const char* host : {"", "a:2379", "http://a", "a,DNS:b", "a b"}) {
    EXPECT_FALSE(
        certificates_.authority().issue("a", {host}, Certificates::validity(1)).has_value())
        << host;
  }
  auto longer = certificates_.authority().issue("a", {}, Certificates::validity(31));
  ASSERT_FALSE(longer.has_value());
  EXPECT_NE(longer.error().text.find("fewer --days"), std::string::npos);
}

TEST_F(AuthorityTest, without_an_authority_the_remedy_is_named) {
  io::PosixDisk disk(reactor_);
  Authority none(disk, certificates_.path("empty"));
  auto issued = none.issue("a", {}, Certificates::validity(1));
  ASSERT_FALSE(issued.has_value());
  EXPECT_EQ(issued.error().code, ErrorCode::kNotFound);
  EXPECT_NE(issued.error().text.find("polis cert init"), std::string::npos);
}

}  // namespace
}  // namespace polis::tls
