#include "io/notify_socket.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "io/reactor.hh"

namespace polis::io {
namespace {

// Listens as a service manager does; what it has got.
class Manager {
 public:
  explicit Manager(const std::string& address) : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    std::copy(address.begin(), address.end(), own.sun_path);
    if (address[0] == '@') own.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&own), length), 0);
  }
  ~Manager() { ::close(fd_); }
  std::string next() {
    std::string bytes(4096, '\0');
    const auto n = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return bytes;
  }

 private:
  int fd_;
};

TEST(NotifySocket, a_path_and_an_abstract_name_are_reached) {
  const auto path = std::filesystem::temp_directory_path() / ("polis-" + std::to_string(entropy()));
  for (const std::string& address : {path.string(), "@polis-" + std::to_string(entropy())}) {
    Manager manager(address);
    auto socket = NotifySocket::open(address);
    ASSERT_TRUE(socket.has_value());
    EXPECT_TRUE((*socket)->send("READY=1").has_value());
    EXPECT_EQ(manager.next(), "READY=1");
  }
  std::filesystem::remove(path);
}

TEST(NotifySocket, nobody_there_and_no_address_are_errors) {
  auto socket = NotifySocket::open("/nonexistent/socket");
  ASSERT_TRUE(socket.has_value());
  auto sent = (*socket)->send("READY=1");
  ASSERT_FALSE(sent.has_value());
  EXPECT_NE(sent.error().text.find("/nonexistent/socket"), std::string::npos);
  for (const std::string& address :
       {std::string(), std::string("@"), std::string("vsock:1"), "/" + std::string(200, 'x')})
    EXPECT_FALSE(NotifySocket::open(address).has_value()) << address;
}

TEST(NotifySocket, the_watchdog_is_that_of_this_process_or_none) {
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::unsetenv("WATCHDOG_PID");
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(3));
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(3));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(watchdog_interval().has_value());
  ::unsetenv("WATCHDOG_PID");
  for (const char* wrong : {"", "0", "soon", "-1"}) {
    ::setenv("WATCHDOG_USEC", wrong, 1);
    EXPECT_FALSE(watchdog_interval().has_value()) << wrong;
  }
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_FALSE(watchdog_interval().has_value());
}

}  // namespace
}  // namespace polis::io
