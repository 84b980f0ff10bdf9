#include <gtest/gtest.h>

#include "io/posix_disk.hh"
#include "io/tcp.hh"
#include "io/testing/temporary_directory.hh"

namespace polis::io {
namespace {

using namespace std::chrono_literals;

TEST(Address, good_ones_parse_and_bad_ones_say_what_to_write) {
  EXPECT_EQ(parse_address("127.0.0.1:2379")->port, 2379);
  EXPECT_EQ(parse_address("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_address("http://localhost:1")->host, "localhost");
  EXPECT_EQ(parse_address(":2379")->host, "");
  for (auto bad : {"", "localhost", "localhost:", "localhost:99999", "localhost:12x"}) {
    auto parsed = parse_address(bad);
    ASSERT_FALSE(parsed.has_value()) << bad;
    EXPECT_NE(parsed.error().text.find("HOST:PORT"), std::string::npos);
  }
}

TEST(Reactor, timers_fire_in_order_and_destroyed_ones_never) {
  Reactor reactor;
  std::string order;
  auto a = reactor.after(20ms, [&] {
    order += "a";
    reactor.stop();
  });
  auto b = reactor.after(1ms, [&] { order += "b"; });
  auto c = reactor.after(2ms, [&] { order += "c"; });
  c.reset();
  reactor.run();
  EXPECT_EQ(order, "ba");
}

TEST(Reactor, a_long_timer_is_never_early_and_may_end_itself_and_others) {
  Reactor reactor;
  const Instant start = reactor.now();
  std::unique_ptr<Timer> first, second;
  bool fired = false;
  second = reactor.after(12ms, [&] { FAIL() << "its timer is gone"; });
  first = reactor.after(10ms, [&] {
    fired = true;
    first.reset();
    second.reset();
    second = reactor.after(Loop::kCoarseMin, [&] { reactor.stop(); });
  });
  reactor.run();
  EXPECT_TRUE(fired);
  EXPECT_GE(reactor.now() - start, 10ms + Loop::kCoarseMin);
}

TEST(Reactor, a_long_timer_fires_although_the_loop_is_never_idle) {
  Reactor reactor;
  std::function<void()> again = [&] { reactor.post(again); };
  again();
  auto timer = reactor.after(5ms, [&] { reactor.stop(); });
  reactor.run();
}

TEST(Reactor, the_end_of_a_turn_comes_after_all_that_was_ready) {
  Reactor reactor;
  int handled = 0, seen_at_end = 0;
  reactor.at_turn_end([&] { seen_at_end = std::max(seen_at_end, handled); });
  for (int i = 0; i < 100; ++i) reactor.post([&] { ++handled; });
  reactor.stop();
  reactor.run();
  EXPECT_EQ(seen_at_end, 100);
}

// Sends as fast as the socket takes it, until it is destroyed.
class Flood {
 public:
  Flood(Reactor& reactor, std::uint16_t port)
      : connecting_(reactor.network().connect({"127.0.0.1", port}, 1s, [this](auto stream) {
          stream_ = std::move(*stream);
          stream_->start({[](std::string_view) {}, [](const std::string&) {}, [this] { push(); }});
          push();
        })) {}

 private:
  void push() {
    while (stream_->write(bytes_) == bytes_.size()) {
    }
  }
  const std::string bytes_ = std::string(1 << 20, 'f');
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Connecting> connecting_;
};

TEST(Tcp, a_stream_that_never_ends_delivers_a_bounded_number_of_bytes_in_a_turn) {
  Reactor reactor, other;
  std::unique_ptr<Stream> server;
  std::size_t in_turn = 0, most = 0, total = 0;
  auto listener = reactor.network().listen({"127.0.0.1", 0}, [&](std::unique_ptr<Stream> s) {
    server = std::move(s);
    server->start({[&](std::string_view bytes) {
                     in_turn += bytes.size();
                     total += bytes.size();
                     // More arrives while this turn lasts.
                     for (int i = 0; i < 4; ++i) other.post([&] { other.stop(); });
                     other.run();
                     if (total > 16 << 20) reactor.stop();
                   },
                   [](const std::string&) {}, [] {}});
  });
  ASSERT_TRUE(listener.has_value());
  Flood flood(other, (*listener)->port());
  auto pump = [&] {
    other.post([&] { other.stop(); });
    other.run();
  };
  reactor.at_turn_end([&] {
    most = std::max(most, std::exchange(in_turn, 0));
    if (!server) pump();
  });
  auto again = std::make_shared<std::function<void()>>();
  *again = [&, weak = std::weak_ptr(again)] {
    if (auto self = weak.lock()) reactor.post(*self);
  };
  (*again)();
  auto patience = reactor.after(10s, [&] {
    ADD_FAILURE() << "timed out";
    reactor.stop();
  });
  pump();
  reactor.run();
  EXPECT_GT(total, 16u << 20);
  EXPECT_LE(most, 64u << 10);
}

TEST(Tcp, bytes_go_both_ways_and_a_full_socket_pushes_back) {
  Reactor reactor;
  std::unique_ptr<Stream> server, client;
  std::string sent(8 << 20, 'x'), received;
  std::size_t at = 0;
  bool pushed_back = false;
  auto listener = reactor.network().listen({"127.0.0.1", 0}, [&](std::unique_ptr<Stream> s) {
    server = std::move(s);
    server->start({[&](std::string_view bytes) {
                     received += bytes;
                     if (received.size() == sent.size()) server->write("done");
                   },
                   [](const std::string&) {}, [] {}});
  });
  ASSERT_TRUE(listener.has_value());
  auto connecting =
      reactor.network().connect({"127.0.0.1", (*listener)->port()}, 1s, [&](auto stream) {
        ASSERT_TRUE(stream.has_value());
        client = std::move(*stream);
        auto push = [&] {
          while (at < sent.size()) {
            std::size_t n = client->write(std::string_view(sent).substr(at));
            at += n;
            if (at < sent.size()) {
              pushed_back = true;
              return;
            }
          }
        };
        client->start({[&](std::string_view bytes) {
                         EXPECT_EQ(bytes, "done");
                         reactor.stop();
                       },
                       [](const std::string&) {}, push});
        push();
      });
  reactor.run();
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(pushed_back);
}

TEST(Tcp, what_was_said_before_the_end_arrives_though_a_write_finds_the_end_first) {
  Reactor reactor;
  const std::string path = "/tmp/polis-io-test-" + std::to_string(entropy());
  std::unique_ptr<Stream> client;
  std::string heard, ended;
  auto listener = reactor.network().listen({"", 0, path}, [&](std::unique_ptr<Stream> server) {
    server->write("no");
    server.reset();
    client->write("a question");
  });
  ASSERT_TRUE(listener.has_value()) << listener.error().text;
  auto connecting = reactor.network().connect({"", 0, path}, 1s, [&](auto stream) {
    ASSERT_TRUE(stream.has_value());
    client = std::move(*stream);
    client->start({[&](std::string_view bytes) { heard += bytes; },
                   [&](const std::string& reason) {
                     ended = reason;
                     reactor.stop();
                   },
                   [] {}});
  });
  auto patience = reactor.after(10s, [&] { reactor.stop(); });
  reactor.run();
  EXPECT_EQ(heard, "no");
  EXPECT_EQ(ended, "Broken pipe");
}

TEST(Tcp, an_address_in_use_is_named) {
  Reactor reactor;
  auto first = reactor.network().listen({"127.0.0.1", 0}, [](auto) {});
  ASSERT_TRUE(first.has_value());
  auto second = reactor.network().listen({"127.0.0.1", (*first)->port()}, [](auto) {});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().text.find("in use"), std::string::npos);
}

TEST(Tcp, a_refused_connection_is_an_error_with_the_address) {
  Reactor reactor;
  std::uint16_t port;
  {
    auto listener = reactor.network().listen({"127.0.0.1", 0}, [](auto) {});
    port = (*listener)->port();
  }
  std::string text;
  auto connecting = reactor.network().connect({"127.0.0.1", port}, 1s, [&](auto stream) {
    text = stream.error().text;
    reactor.stop();
  });
  reactor.run();
  EXPECT_NE(text.find("127.0.0.1:" + std::to_string(port)), std::string::npos);
}

TEST(PosixDisk, files_keep_what_was_written_and_syncs_report) {
  TemporaryDirectory directory;
  Reactor reactor;
  PosixDisk disk(reactor);
  ASSERT_TRUE(disk.create_zeroed(directory.path() + "/a", 100'000).has_value());
  auto file = disk.open(directory.path() + "/a");
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ((*file)->size().value(), 100'000u);
  ASSERT_TRUE((*file)->write(10, "hello").has_value());
  bool synced = false;
  (*file)->sync_later([&](Result<void> r) {
    synced = r.has_value();
    reactor.stop();
  });
  reactor.run();
  EXPECT_TRUE(synced);
  EXPECT_EQ((*file)->read(9, 7).value(), std::string("\0hello\0", 7));
  EXPECT_EQ((*file)->read(99'999, 10).value().size(), 1u);
  EXPECT_EQ(disk.open(directory.path() + "/none").error().code, ErrorCode::kNotFound);
}

TEST(PosixDisk, no_sync_is_waited_for_while_much_is_expected) {
  TemporaryDirectory directory;
  Reactor reactor;
  PosixDisk disk(reactor);
  auto file = disk.create(directory.path() + "/file");
  ASSERT_TRUE(file.has_value());
  auto synced_at_once = [&] {
    EXPECT_TRUE((*file)->write(0, "x").has_value());
    bool synced = false;
    (*file)->sync_later([&](Result<void> r) {
      synced = r.has_value();
      reactor.stop();
    });
    const bool at_once = synced;
    reactor.run();
    EXPECT_TRUE(synced);
    return at_once;
  };
  EXPECT_TRUE(synced_at_once());  // a disk that has not been slow yet
  auto much = disk.expect_much();
  auto more = disk.expect_much();
  much.reset();
  EXPECT_FALSE(synced_at_once());
}

TEST(PosixDisk, a_large_file_is_gone_at_once) {
  TemporaryDirectory directory;
  Reactor reactor;
  PosixDisk disk(reactor);
  const std::string path = directory.path() + "/file";
  ASSERT_TRUE(disk.create_zeroed(path, 8 << 20).has_value());
  EXPECT_TRUE(disk.remove(path).has_value());
  EXPECT_EQ(disk.open(path).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(disk.remove(path).has_value());
}

TEST(PosixDisk, a_directory_is_taken_once) {
  TemporaryDirectory directory;
  auto first = lock_directory(directory.path());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(lock_directory(directory.path()).error().code, ErrorCode::kUnavailable);
  first->reset();
  EXPECT_TRUE(lock_directory(directory.path()).has_value());
}

}  // namespace
}  // namespace polis::io
