#pragma once

// A cell of real processes on loopback, for tests in C++, and what they need to wait for it.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/check.hh"
#include "base/random.hh"
#include "io/reactor.hh"
#include "io/testing/run_until.hh"

extern char** environ;

namespace polis::testing {

using io::run_until;

// A process and the file that its output goes to.
class Process {
 public:
  Process(std::vector<std::string> words, std::filesystem::path output)
      : output_(std::move(output)) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output_.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    CHECK(posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Process() {
    signal(SIGCONT);
    end(SIGKILL);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  // Sends the signal and waits for the end.
  void end(int number) {
    signal(number);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  bool running() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
    return pid_ > 0;
  }
  std::string output() const {
    std::ostringstream all;
    all << std::ifstream(output_).rdbuf();
    return all.str();
  }

 private:
  std::filesystem::path output_;
  pid_t pid_ = 0;
};

// Addresses for servers of this process, all different. No other test gets their ports while it
// lives, and the kernel gives them to nobody who connects (test/cell_process.py keeps the same
// rules): a port whose server is down at the moment stays free.
inline std::vector<io::Address> free_addresses(io::Reactor& reactor, std::size_t count) {
  constexpr int kFirst = 10000, kEnd = 32000, kTries = 1000;
  const auto locks = std::filesystem::temp_directory_path() / "polis-test-ports";
  std::filesystem::create_directories(locks);
  Random random(io::entropy());
  std::vector<io::Address> addresses;
  for (std::size_t i = 0; i < kTries * count && addresses.size() < count; ++i) {
    const auto port = static_cast<std::uint16_t>(kFirst + random.below(kEnd - kFirst));
    const int lock =
        ::open((locks / std::to_string(port)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0) continue;  // another user's
    // The lock lives as long as this process.
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0 &&
        reactor.network().listen({"127.0.0.1", port}, [](auto) {})) {
      addresses.push_back({"127.0.0.1", port, {}});
    } else {
      ::close(lock);
    }
  }
  CHECK(addresses.size() == count);
  return addresses;
}

// Three replicas.
class ProcessCell {
 public:
  static constexpr std::size_t kSize = 3;

  explicit ProcessCell(std::string polis)
      : polis_(std::move(polis)),
        directory_(std::filesystem::temp_directory_path() /
                   ("polis-cell-" + std::to_string(io::entropy()))) {
    std::filesystem::create_directory(directory_);
    io::Reactor reactor;
    clients_ = free_addresses(reactor, kSize);
    peers_ = free_addresses(reactor, kSize);
    for (std::size_t i = 0; i < kSize; ++i)
      initial_ += (i == 0 ? "" : ",") + name(i) + "=" + peers_[i].text();
    replicas_.resize(kSize);
    for (std::size_t i = 0; i < kSize; ++i) start(i);
  }
  ~ProcessCell() {
    replicas_.clear();
    std::filesystem::remove_all(directory_);
  }

  void start(std::size_t i) {
    std::vector<std::string> words{polis_,
                                   "cell",
                                   "run",
                                   "--name",
                                   name(i),
                                   "--data-dir",
                                   (directory_ / name(i)).string(),
                                   "--client",
                                   clients_[i].text(),
                                   "--peer",
                                   peers_[i].text(),
                                   "--initial",
                                   initial_,
                                   "--log-level",
                                   "warn"};
    if (const char* protocol = std::getenv("FOUNDED_WITH"); protocol && *protocol)
      words.insert(words.end(), {"--protocol", protocol});
    replicas_[i] = std::make_unique<Process>(words, directory_ / (name(i) + ".log"));
  }
  void kill(std::size_t i) { replicas_[i]->end(SIGKILL); }
  void pause(std::size_t i) { replicas_[i]->signal(SIGSTOP); }
  void resume(std::size_t i) { replicas_[i]->signal(SIGCONT); }
  // All run again.
  void mend() {
    for (std::size_t i = 0; i < kSize; ++i) {
      resume(i);
      if (!replicas_[i]->running()) start(i);
    }
  }

  const std::vector<io::Address>& clients() const { return clients_; }
  // With commas between.
  std::string endpoints() const {
    std::string all;
    for (const io::Address& one : clients_) all += (all.empty() ? "" : ",") + one.text();
    return all;
  }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  static std::string name(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }

  std::string polis_;
  std::filesystem::path directory_;
  std::vector<io::Address> clients_, peers_;
  std::string initial_;
  std::vector<std::unique_ptr<Process>> replicas_;
};

// Passes what comes to it on to an address, until it is cut; then it swallows everything, also new
// connections, and tells nobody.
class Forwarder {
 public:
  Forwarder(io::Reactor& reactor, io::Address to)
      : network_(reactor.network()), to_(std::move(to)) {
    listener_ = *network_.listen({"127.0.0.1", 0}, [this](std::unique_ptr<io::Stream> stream) {
      accept(std::move(stream));
    });
  }
  io::Address address() const { return {"127.0.0.1", listener_->port(), {}}; }
  void cut() { cut_ = true; }

 private:
  struct Pair {
    std::unique_ptr<io::Stream> outer, inner;
    std::unique_ptr<io::Connecting> connecting;
    std::string early;  // before the inner one stands
  };

  void accept(std::unique_ptr<io::Stream> stream) {
    Pair& pair = *pairs_.emplace_back(std::make_unique<Pair>());
    pair.outer = std::move(stream);
    pair.outer->start({.bytes =
                           [this, &pair](std::string_view bytes) {
                             if (cut_) return;
                             if (!pair.inner) {
                               pair.early += bytes;
                             } else {
                               pass(*pair.inner, bytes);
                             }
                           },
                       .closed = [](const std::string&) {},
                       .writable = [] {}});
    pair.connecting = network_.connect(
        to_, std::chrono::seconds(2), [this, &pair](Result<std::unique_ptr<io::Stream>> made) {
          if (!made) return;
          pair.inner = std::move(*made);
          pair.inner->start({.bytes =
                                 [this, &pair](std::string_view bytes) {
                                   if (!cut_) pass(*pair.outer, bytes);
                                 },
                             .closed = [](const std::string&) {},
                             .writable = [] {}});
          if (!cut_) pass(*pair.inner, pair.early);
        });
  }
  // Little passes here: it always fits.
  static void pass(io::Stream& stream, std::string_view bytes) {
    CHECK(stream.write(bytes) == bytes.size());
  }

  io::Network& network_;
  io::Address to_;
  bool cut_ = false;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::unique_ptr<io::Listener> listener_;
};

}  // namespace polis::testing
