#include "agent/probe.hh"

#include <gtest/gtest.h>

#include "io/reactor.hh"
#include "io/system_processes.hh"

namespace polis::agent {
namespace {

using namespace std::chrono_literals;

class ProbeTest : public ::testing::Test {
 protected:
  // A server that answers each connection with this text, and keeps what it was asked.
  void serve(const std::string& answer) {
    listener_ = *reactor_.network().listen(
        {"127.0.0.1", 0}, [this, answer](std::unique_ptr<io::Stream> stream) {
          io::Stream& kept = *streams_.emplace_back(std::move(stream));
          kept.start({.bytes = [this](std::string_view bytes) { asked_ += bytes; },
                      .closed = [](const std::string&) {},
                      .writable = {}});
          kept.write(answer);
        });
  }
  io::Address address() const { return {"127.0.0.1", listener_->port(), {}}; }
  CheckResult look(const ProbeKind& kind, Duration timeout = 10s) {
    std::optional<CheckResult> result;
    auto probe = prober_.probe(kind, timeout, [&](const CheckResult& said) {
      result = said;
      reactor_.stop();
    });
    EXPECT_FALSE(result) << "told from within the call";
    reactor_.run();
    return *result;
  }
  CheckResult run(const std::string& script, Duration timeout = 10s) {
    return look(CommandProbe{{.words = {"sh", "-c", script}}}, timeout);
  }

  io::Reactor reactor_;
  io::SystemProcesses processes_{reactor_};
  Prober prober_{reactor_, reactor_.network(), processes_};
  std::unique_ptr<io::Listener> listener_;
  std::vector<std::unique_ptr<io::Stream>> streams_;
  std::string asked_;
};

TEST_F(ProbeTest, a_port_that_accepts_is_well) {
  serve("");
  EXPECT_TRUE(look(TcpProbe{address()}).passed);
  const io::Address gone = address();
  listener_.reset();
  auto result = look(TcpProbe{gone});
  EXPECT_FALSE(result.passed);
  EXPECT_NE(result.text.find(gone.text()), std::string::npos) << result.text;
}

TEST_F(ProbeTest, the_status_of_an_answer_decides) {
  for (auto [line, passed] : std::initializer_list<std::pair<const char*, bool>>{
           {"200 OK", true}, {"302 Found", true}, {"404 Not Found", false}, {"503 Busy", false}}) {
    serve(std::string("HTTP/1.1 ") + line + "\r\n\r\n");
    auto result = look(HttpProbe{.address = address(), .path = "/health"});
    EXPECT_EQ(result.passed, passed);
    EXPECT_EQ(result.text, "GET " + address().url() + "/health: " + line);
  }
  EXPECT_TRUE(asked_.starts_with("GET /health HTTP/1.1\r\nHost: 127.0.0.1:"));
  serve("HTTP/1.1 503 Busy\r\n\r\n");
  EXPECT_TRUE(look(HttpProbe{.address = address(), .status = 503}).passed);
}

TEST_F(ProbeTest, what_is_no_http_is_said) {
  for (const std::string& answer : {std::string("SSH-2.0-x\r\n"), std::string(2000, 'x'),
                                    std::string("HTTP/1.1 2x0 OK\r\n"), std::string("\r\n")}) {
    serve(answer);
    auto result = look(HttpProbe{.address = address()});
    EXPECT_FALSE(result.passed);
    EXPECT_NE(result.text.find("the answer is not HTTP"), std::string::npos) << result.text;
  }
}

TEST_F(ProbeTest, one_that_accepts_and_says_nothing_fails_in_time) {
  serve("");
  auto result = look(HttpProbe{.address = address()}, 50ms);
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.text, "GET " + address().url() + "/: no answer within 0.05 s");
}

TEST_F(ProbeTest, the_exit_status_of_a_command_decides) {
  EXPECT_TRUE(run("exit 0").passed);
  EXPECT_EQ(run("exit 3").text, "sh: exit status 3");
  EXPECT_EQ(run("kill -9 $$").text, "sh: ended by signal 9");
  auto missing = look(CommandProbe{{.words = {"/nowhere/check"}}});
  EXPECT_FALSE(missing.passed);
  EXPECT_NE(missing.text.find("cannot start /nowhere/check"), std::string::npos);
}

TEST_F(ProbeTest, a_command_that_hangs_is_ended) {
  EXPECT_EQ(run("exec sleep 1000", 50ms).text, "sh: no answer within 0.05 s");
}

}  // namespace
}  // namespace polis::agent
