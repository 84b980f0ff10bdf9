// Encrypted streams over real sockets: what arrives, who is refused, and with which words.

#include <gtest/gtest.h>

#include "tls/network.hh"
#include "tls/testing/certificates.hh"

namespace polis::tls {
namespace {

using namespace std::chrono_literals;
using testing::Certificates;

// One end of a stream, as a user of it sees it.
struct End {
  std::unique_ptr<io::Stream> stream;
  std::string received, closed, to_write;

  void begin() {
    stream->start({[this](std::string_view bytes) { received += bytes; },
                   [this](const std::string& reason) { closed = reason; }, [this] { push(); }});
    push();
  }
  void push() { to_write.erase(0, stream->write(to_write)); }
};

class TlsTest : public ::testing::Test {
 protected:
  // A server with these files and rules, and a client with those.
  void serve(Files files, Rules rules = {}) {
    server_credentials_ = load(std::move(files), std::move(rules));
    server_ = std::make_unique<Network>(reactor_, reactor_.network(), server_credentials_.get());
    server_->on_refused([this](const std::string& why) { refused_ = why; });
    auto listener = server_->listen({"127.0.0.1", 0, "", true}, [this](auto stream) {
      accepted_.push_back(std::make_unique<End>());
      accepted_.back()->stream = std::move(stream);
      accepted_.back()->to_write = greeting_;
      accepted_.back()->begin();
    });
    ASSERT_TRUE(listener.has_value()) << listener.error().text;
    listener_ = std::move(*listener);
  }
  void come_as(Files files, Rules rules = {}) {
    client_credentials_ = load(std::move(files), std::move(rules));
    client_ = std::make_unique<Network>(reactor_, reactor_.network(), client_credentials_.get());
  }
  static std::unique_ptr<Credentials> load(Files files, Rules rules) {
    auto loaded = Credentials::load(std::move(files), std::move(rules));
    EXPECT_TRUE(loaded.has_value()) << loaded.error().text;
    return loaded ? std::move(*loaded) : nullptr;
  }
  // Empty: it stands. The new end is dialled_.
  std::string dial(const std::string& host = "127.0.0.1") {
    dialled_ = std::make_unique<End>();
    std::optional<std::string> outcome;
    auto connecting =
        client_->connect({host, listener_->port(), "", true}, 5s, [&](auto connected) {
          outcome = connected ? "" : connected.error().text;
          if (connected) dialled_->stream = std::move(*connected);
        });
    run_until([&] { return outcome.has_value(); });
    if (dialled_->stream) dialled_->begin();
    return outcome.value_or("nothing happened");
  }
  void run_until(const std::function<bool()>& done) {
    auto patience = reactor_.after(10s, [&] {
      ADD_FAILURE() << "timed out";
      reactor_.stop();
    });
    std::function<void()> look = [&] { done() ? reactor_.stop() : look_again(look); };
    look_again(look);
    reactor_.run();
    timer_.reset();
  }
  void look_again(const std::function<void()>& look) { timer_ = reactor_.after(100us, look); }

  io::Reactor reactor_;
  std::unique_ptr<io::Timer> timer_;
  Certificates certificates_{reactor_};
  std::string greeting_;  // what the server says first
  std::unique_ptr<Credentials> server_credentials_, client_credentials_;
  std::unique_ptr<Network> server_, client_;
  std::unique_ptr<io::Listener> listener_;
  std::vector<std::unique_ptr<End>> accepted_;
  std::unique_ptr<End> dialled_;
  std::string refused_;
};

TEST_F(TlsTest, bytes_arrive_both_ways_whole_and_in_order) {
  std::string much(5 << 20, ' ');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 7 + i / 999);
  greeting_ = much;
  serve(certificates_.files("a", {"127.0.0.1"}));
  come_as(certificates_.files(""));
  ASSERT_EQ(dial(), "");
  dialled_->to_write = much;
  dialled_->push();
  run_until([&] {
    return dialled_->received.size() >= much.size() && !accepted_.empty() &&
           accepted_[0]->received.size() >= much.size();
  });
  EXPECT_TRUE(dialled_->received == much);
  EXPECT_TRUE(accepted_[0]->received == much);
}

TEST_F(TlsTest, who_pauses_gets_nothing_and_everything_afterwards) {
  greeting_ = std::string(32 << 20, 'x');
  serve(certificates_.files("a", {"127.0.0.1"}));
  come_as(certificates_.files(""));
  ASSERT_EQ(dial(), "");
  dialled_->stream->pause_reading();
  const std::size_t before = dialled_->received.size();
  // The sender is full: nothing goes on.
  std::size_t left = 0;
  run_until([&] { return std::exchange(left, accepted_[0]->to_write.size()) > 0 && left > 0; });
  EXPECT_EQ(dialled_->received.size(), before);
  dialled_->stream->resume_reading();
  run_until([&] { return dialled_->received.size() == greeting_.size(); });
}

TEST_F(TlsTest, what_was_written_arrives_though_the_writer_goes_at_once) {
  serve(certificates_.files("a", {"127.0.0.1"}));
  come_as(certificates_.files(""));
  ASSERT_EQ(dial(), "");
  // More than the sockets hold.
  std::size_t written = 0, taken = 0;
  const std::string piece(1 << 20, 'y');
  run_until([&] { return !accepted_.empty(); });
  accepted_[0]->stream->pause_reading();
  while ((taken = dialled_->stream->write(piece)) > 0) written += taken;
  dialled_.reset();
  accepted_[0]->stream->resume_reading();
  run_until([&] { return !accepted_[0]->closed.empty(); });
  EXPECT_EQ(accepted_[0]->received.size(), written);
  EXPECT_EQ(accepted_[0]->closed, "closed by the other side");
}

TEST_F(TlsTest, a_server_is_believed_only_for_the_host_that_was_dialled) {
  serve(certificates_.files("a", {"a.example", "10.9.9.9"}));
  come_as(certificates_.files(""));
  EXPECT_NE(dial().find("IP address mismatch"), std::string::npos);
  EXPECT_NE(dial("localhost").find("hostname mismatch"), std::string::npos);
  come_as(certificates_.files(""), {.verify_nobody = true});
  EXPECT_EQ(dial(), "");
}

TEST_F(TlsTest, a_server_of_another_authority_is_not_believed) {
  Certificates others(reactor_);
  serve(others.files("a", {"127.0.0.1"}));
  come_as(certificates_.files(""));
  EXPECT_NE(dial().find("is not accepted"), std::string::npos);
  run_until([&] { return !refused_.empty(); });
  EXPECT_NE(refused_.find("does not trust the authority"), std::string::npos) << refused_;
}

TEST_F(TlsTest, a_certificate_that_has_ended_is_not_believed) {
  auto issued = certificates_.authority().issue("old", {"127.0.0.1"},
                                                {Certificates::now() - 20 * 86'400, 10});
  ASSERT_TRUE(issued.has_value());
  serve({certificates_.path("old.crt"), certificates_.path("old.key"), "", ""});
  come_as(certificates_.files(""));
  EXPECT_NE(dial().find("certificate has expired"), std::string::npos);
}

TEST_F(TlsTest, clients_must_show_a_certificate_where_that_is_asked) {
  serve(certificates_.files("a", {"127.0.0.1"}), {.client_certificates = true});
  come_as(certificates_.files(""));
  ASSERT_EQ(dial(), "");  // TLS 1.3: the client learns it a moment later
  run_until([&] { return !dialled_->closed.empty(); });
  EXPECT_EQ(dialled_->closed, "the server asks for a certificate; give one with its key");
  EXPECT_NE(refused_.find("it showed no certificate"), std::string::npos) << refused_;
  EXPECT_EQ(accepted_.back()->received, "");

  come_as(certificates_.files("alice"));
  greeting_ = "welcome";
  ASSERT_EQ(dial(), "");
  run_until([&] { return dialled_->received == "welcome"; });
}

TEST_F(TlsTest, common_names_and_hosts_of_clients_can_be_asked_for) {
  struct Case {
    Rules rules;
    bool good;
  };
  const Files alice = certificates_.files("alice", {"alice.example"});
  const Files a = certificates_.files("a", {"127.0.0.1"});
  greeting_ = "welcome";
  for (const Case& one :
       {Case{{.client_certificates = true, .common_names = {"bob", "alice"}}, true},
        Case{{.client_certificates = true, .common_names = {"bob"}}, false},
        Case{{.client_certificates = true, .hosts = {"alice.example"}}, true},
        Case{{.client_certificates = true, .hosts = {"bob.example"}}, false}}) {
    accepted_.clear();
    serve(a, one.rules);
    come_as(alice);
    ASSERT_EQ(dial(), "");
    run_until([&] { return !dialled_->received.empty() || !dialled_->closed.empty(); });
    EXPECT_EQ(dialled_->received == "welcome", one.good);
    EXPECT_EQ(dialled_->closed.find("does not accept") != std::string::npos, !one.good);
  }
}

TEST_F(TlsTest, for_which_hosts_the_certificate_of_the_other_side_is_can_be_asked) {
  greeting_ = "welcome";
  serve(certificates_.files("a", {"127.0.0.1"}), {.client_certificates = true});
  come_as(certificates_.files("b", {"b.example", "10.0.0.2", "*.b.example"}));
  for (std::uint64_t resumed : {0u, 1u}) {  // a resumed connection is asked for none again
    ASSERT_EQ(dial(), "");
    run_until([&] { return dialled_->received == "welcome"; });
    EXPECT_EQ(server_->accepted().resumed, resumed);
    const io::Stream& accepted = *accepted_.back()->stream;
    EXPECT_EQ(accepted.certified_for("b.example"), true);
    EXPECT_EQ(accepted.certified_for("x.b.example"), true);
    EXPECT_EQ(accepted.certified_for("10.0.0.2"), true);
    EXPECT_EQ(accepted.certified_for("10.0.0.1"), false);
    EXPECT_EQ(accepted.certified_for("127.0.0.1"), false);
    EXPECT_EQ(dialled_->stream->certified_for("127.0.0.1"), true);
  }

  accepted_.clear();
  serve(certificates_.files("c", {"127.0.0.1"}));
  ASSERT_EQ(dial(), "");
  run_until([&] { return dialled_->received == "welcome"; });
  EXPECT_EQ(accepted_[0]->stream->certified_for("b.example"), std::nullopt);
}

TEST_F(TlsTest, a_revoked_client_is_refused_once_the_list_is_read_again_also_with_a_ticket) {
  Files files = certificates_.files("a", {"127.0.0.1"});
  files.revoked = certificates_.path("ca.crl");
  greeting_ = "welcome";
  serve(files, {.client_certificates = true});
  come_as(certificates_.files("alice"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(dial(), "");
    run_until([&] { return dialled_->received == "welcome"; });
  }
  EXPECT_EQ(server_->accepted().resumed, 1u);
  ASSERT_TRUE(certificates_.authority().revoke("alice", Certificates::now()).has_value());
  EXPECT_TRUE(server_credentials_->refresh().value());
  ASSERT_EQ(dial(), "");
  run_until([&] { return !dialled_->closed.empty(); });
  EXPECT_NE(refused_.find("certificate revoked"), std::string::npos) << refused_;
}

TEST_F(TlsTest, the_second_connection_is_resumed) {
  greeting_ = "welcome";
  serve(certificates_.files("a", {"127.0.0.1"}));
  come_as(certificates_.files(""));
  for (std::uint64_t resumed : {0u, 1u, 2u}) {
    ASSERT_EQ(dial(), "");
    run_until([&] { return dialled_->received == "welcome"; });
    EXPECT_EQ(client_->dialled().resumed, resumed);
    EXPECT_EQ(server_->accepted().resumed, resumed);
  }
}

TEST_F(TlsTest, new_files_are_taken_and_wrong_ones_are_not) {
  serve(certificates_.files("a", {"10.9.9.9"}));
  come_as(certificates_.files(""));
  EXPECT_NE(dial(), "");
  EXPECT_FALSE(server_credentials_->refresh().value());  // nothing has changed
  ASSERT_TRUE(certificates_.authority().revoke("a", Certificates::now()).has_value());
  const std::string key = io::read_file(certificates_.path("a.key")).value();
  certificates_.files("a", {"127.0.0.1"});
  const std::string new_key = io::read_file(certificates_.path("a.key")).value();
  ASSERT_TRUE(io::write_file_atomically(certificates_.path("a.key"), key).has_value());
  auto wrong = server_credentials_->refresh();  // in the middle of a replacement
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().text.find("do not belong together"), std::string::npos);
  EXPECT_NE(dial(), "");
  ASSERT_TRUE(io::write_file_atomically(certificates_.path("a.key"), new_key).has_value());
  EXPECT_TRUE(server_credentials_->refresh().value());
  EXPECT_EQ(dial(), "");
}

TEST_F(TlsTest, a_request_without_tls_is_told_so) {
  serve(certificates_.files("a", {"127.0.0.1"}));
  End plain;
  auto connecting =
      reactor_.network().connect({"127.0.0.1", listener_->port()}, 5s, [&](auto connected) {
        plain.stream = std::move(*connected);
        plain.to_write = "GET /version HTTP/1.1\r\nHost: a\r\n\r\n";
        plain.begin();
      });
  run_until([&] { return plain.received.find("write https://") != std::string::npos; });
  EXPECT_TRUE(plain.received.starts_with("HTTP/1.0 400 Bad Request\r\n"));
  EXPECT_NE(refused_.find("a request without TLS"), std::string::npos);
}

TEST_F(TlsTest, a_server_without_tls_is_told_apart_and_one_that_is_silent_is_given_up) {
  End plain;
  std::string answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  auto listener = reactor_.network().listen({"127.0.0.1", 0}, [&](auto stream) {
    plain.stream = std::move(stream);
    plain.to_write = answer;
    plain.begin();
  });
  ASSERT_TRUE(listener.has_value());
  listener_ = std::move(*listener);
  come_as(certificates_.files(""));
  EXPECT_NE(dial().find("does not speak TLS there; write http://"), std::string::npos);
  answer = "";
  std::string outcome;
  auto connecting = client_->connect(
      {"127.0.0.1", listener_->port(), "", true}, 50ms,
      [&](auto connected) { outcome = connected ? "up" : connected.error().text; });
  run_until([&] { return !outcome.empty(); });
  EXPECT_NE(outcome.find("timed out in the TLS handshake"), std::string::npos) << outcome;
}

TEST_F(TlsTest, wrong_files_are_named) {
  const Files good = certificates_.files("a", {"a"});
  const Files other = certificates_.files("b", {"b"});
  struct Case {
    Files files;
    Rules rules;
    const char* says;
  };
  for (const Case& one : {
           Case{{good.certificate, other.key, "", ""}, {}, "do not belong together"},
           Case{{good.certificate, "", "", ""}, {}, "needs its key"},
           Case{{good.key, good.key, "", ""}, {}, "can be read as a certificate"},
           Case{{good.certificate, good.certificate, "", ""}, {}, "no private key"},
           Case{{good.certificate, "/nowhere/key", "", ""}, {}, "/nowhere/key"},
           Case{{good.certificate, good.key, good.key, ""}, {}, "a.key"},
           Case{{good.certificate, good.key, good.trusted, good.trusted}, {}, "no revocation list"},
           Case{{good.certificate, good.key, "", ""}, {.client_certificates = true}, "authorities"},
       }) {
    auto loaded = Credentials::load(one.files, one.rules);
    ASSERT_FALSE(loaded.has_value()) << one.says;
    EXPECT_EQ(loaded.error().code, ErrorCode::kInvalid);
    EXPECT_NE(loaded.error().text.find(one.says), std::string::npos) << loaded.error().text;
  }
}

TEST_F(TlsTest, without_credentials_addresses_with_https_are_refused_and_others_are_not) {
  Network plain(reactor_, reactor_.network(), nullptr);
  auto refused = plain.listen({"127.0.0.1", 0, "", true}, [](auto) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().text.find("needs a certificate"), std::string::npos);
  EXPECT_TRUE(plain.listen({"127.0.0.1", 0}, [](auto) {}).has_value());
}

}  // namespace
}  // namespace polis::tls
