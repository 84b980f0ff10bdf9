#include "io/descriptors.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/tcp.hh"

namespace polis::io {
namespace {

using namespace std::chrono_literals;

rlimit limit_now() {
  rlimit limit{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  return limit;
}

void set_soft(rlim_t soft) {
  rlimit limit = limit_now();
  limit.rlim_cur = soft;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

class DescriptorsTest : public testing::Test {
 protected:
  void TearDown() override {
    for (int fd : fillers_) ::close(fd);
    for (int fd : clients_) ::close(fd);
    set_soft(before_.rlim_cur);
  }

  int new_client() {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_GE(fd, 0);
    clients_.push_back(fd);
    return fd;
  }

  static void connect(int fd, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  // Opens files until no descriptor is free.
  void use_all() {
    set_soft(256);
    for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY))
      fillers_.push_back(fd);
    ASSERT_EQ(errno, EMFILE);
  }

  rlimit before_ = limit_now();
  std::vector<int> fillers_, clients_;
};

TEST_F(DescriptorsTest, the_soft_limit_is_raised_as_far_as_wanted_and_allowed) {
  set_soft(200);
  DescriptorLimit limit = raise_descriptor_limit(300);
  EXPECT_EQ(limit.before, 200u);
  EXPECT_EQ(limit.in_effect, 300u);
  EXPECT_EQ(limit_now().rlim_cur, 300u);
  limit = raise_descriptor_limit(250);
  EXPECT_EQ(limit.in_effect, 300u);
  if (before_.rlim_max == RLIM_INFINITY) return;
  EXPECT_EQ(raise_descriptor_limit(before_.rlim_max + 1).in_effect, before_.rlim_max);
}

TEST_F(DescriptorsTest, without_a_free_descriptor_clients_are_refused_and_later_ones_are_served) {
  Reactor reactor;
  std::vector<std::unique_ptr<Stream>> accepted;
  auto listener = reactor.network().listen(
      {"127.0.0.1", 0}, [&](auto stream) { accepted.push_back(std::move(stream)); });
  ASSERT_TRUE(listener.has_value());
  for (int i = 0; i < 40; ++i) new_client();
  const int late = new_client();
  use_all();
  std::size_t turns = 0;
  reactor.at_turn_end([&] { ++turns; });
  for (int fd : clients_) {
    if (fd != late) connect(fd, (*listener)->port());
  }
  auto closed = [&] {
    return std::ranges::count_if(clients_, [&](int fd) {
      pollfd look{fd, POLLIN, 0};
      return fd != late && ::poll(&look, 1, 0) == 1;
    });
  };
  const Instant start = reactor.now();
  std::unique_ptr<Timer> look;
  std::function<void()> again = [&] {
    const bool refused = closed() == 40 && reactor.now() - start > 200ms;
    if (refused || reactor.now() - start > 10s) return reactor.stop();
    look = reactor.after(10ms, again);
  };
  again();
  reactor.run();
  EXPECT_EQ(closed(), 40);
  EXPECT_TRUE(accepted.empty());
  EXPECT_LT(turns, 2000u) << "the listener must not spin";

  for (int i = 0; i < 10; ++i) {
    ::close(fillers_.back());
    fillers_.pop_back();
  }
  connect(late, (*listener)->port());
  std::function<void()> until_served = [&] {
    if (!accepted.empty() || reactor.now() - start > 20s) return reactor.stop();
    look = reactor.after(10ms, until_served);
  };
  until_served();
  reactor.run();
  EXPECT_EQ(accepted.size(), 1u);
}

}  // namespace
}  // namespace polis::io
