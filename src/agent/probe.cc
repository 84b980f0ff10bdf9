#include "agent/probe.hh"

#include <fmt/format.h>

#include <charconv>
#include <csignal>

namespace polis::agent {
namespace {

// Of an answer, until its status line must have ended.
constexpr std::size_t kStatusLineMax = 1024;

std::string seconds(Duration time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

// What all probes share: the deadline, and that `done` is called once and never too early.
class Timed : public Probe {
 public:
  Timed(io::Loop& loop, Duration timeout, Prober::Done done) : loop_(loop), done_(std::move(done)) {
    timer_ = loop.after(timeout, [this, timeout] {
      finish(false, fmt::format("{}: no answer within {}", what(), seconds(timeout)));
    });
  }

 protected:
  // "GET http://127.0.0.1:80/health"
  virtual std::string what() const = 0;
  // The result, in the next turn: whoever holds this may destroy it then.
  void finish(bool passed, std::string text) {
    if (std::exchange(finished_, true)) return;
    loop_.post([done = done_, alive = std::weak_ptr(alive_),
                result = CheckResult{passed, std::move(text)}] {
      if (!alive.expired()) done(result);
    });
  }

 private:
  io::Loop& loop_;
  Prober::Done done_;
  std::unique_ptr<io::Timer> timer_;
  bool finished_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // shared with what was posted
};

class Connected : public Timed {
 public:
  Connected(io::Loop& loop, io::Network& network, const io::Address& address, Duration timeout,
            Prober::Done done)
      : Timed(loop, timeout, std::move(done)), address_(address) {
    connecting_ = network.connect(address, timeout, [this](auto stream) {
      if (!stream) return finish(false, stream.error().text);
      stream_ = std::move(*stream);
      on_connected(*stream_);
    });
  }

 protected:
  virtual void on_connected(io::Stream& stream) = 0;
  io::Address address_;

 private:
  std::unique_ptr<io::Stream> stream_;
  std::unique_ptr<io::Connecting> connecting_;
};

class Tcp final : public Connected {
 public:
  using Connected::Connected;

 private:
  std::string what() const override { return "connecting to " + address_.text(); }
  void on_connected(io::Stream&) override { finish(true, what() + ": accepted"); }
};

class Http final : public Connected {
 public:
  Http(io::Loop& loop, io::Network& network, HttpProbe probe, Duration timeout, Prober::Done done)
      : Connected(loop, network, probe.address, timeout, std::move(done)),
        probe_(std::move(probe)) {}

 private:
  std::string what() const override { return fmt::format("GET {}{}", address_.url(), probe_.path); }
  void on_connected(io::Stream& stream) override {
    stream.start({.bytes = [this](std::string_view bytes) { on_bytes(bytes); },
                  .closed =
                      [this](const std::string& why) {
                        finish(false, fmt::format("{}: no answer: {}", what(), why));
                      },
                  .writable = {}});
    const std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: polis-healthcheck\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n",
        probe_.path, probe_.host.empty() ? address_.authority() : probe_.host);
    if (stream.write(request) < request.size()) finish(false, what() + ": it takes no request");
  }
  void on_bytes(std::string_view bytes) {
    answer_ += bytes.substr(0, kStatusLineMax - answer_.size());
    const std::size_t end = answer_.find("\r\n");
    if (end == std::string::npos) {
      if (answer_.size() >= kStatusLineMax) finish(false, what() + ": the answer is not HTTP");
      return;
    }
    const std::string line = answer_.substr(0, end);
    int status = 0;
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ' ||
        std::from_chars(line.data() + 9, line.data() + 12, status).ptr != line.data() + 12)
      return finish(false, what() + ": the answer is not HTTP");
    const bool passed =
        probe_.status != 0 ? status == probe_.status : status >= 200 && status < 400;
    finish(passed, fmt::format("{}: {}", what(), line.substr(9)));
  }

  HttpProbe probe_;
  std::string answer_;  // its beginning
};

class Commanded final : public Timed {
 public:
  Commanded(io::Loop& loop, io::Processes& processes, const io::Command& command, Duration timeout,
            Prober::Done done)
      : Timed(loop, timeout, std::move(done)),
        name_(command.words.empty() ? "" : command.words.front()) {
    auto process = processes.start(command, [this](const io::Ended& ended) {
      const bool killed = ended.how == io::Ended::How::kKilled;
      finish(!killed && ended.number == 0,
             fmt::format("{}: {} {}", name_, killed ? "ended by signal" : "exit status",
                         ended.number));
    });
    if (process) {
      process_ = std::move(*process);
    } else {
      finish(false, process.error().text);
    }
  }
  ~Commanded() override {
    if (!process_ || !process_->running()) return;
    [[maybe_unused]] auto killed = process_->signal(SIGKILL);
  }

 private:
  std::string what() const override { return name_; }
  std::string name_;
  std::unique_ptr<io::Process> process_;
};

}  // namespace

std::unique_ptr<Probe> Prober::probe(const ProbeKind& kind, Duration timeout, Done done) {
  if (const auto* tcp = std::get_if<TcpProbe>(&kind))
    return std::make_unique<Tcp>(loop_, network_, tcp->address, timeout, std::move(done));
  if (const auto* http = std::get_if<HttpProbe>(&kind))
    return std::make_unique<Http>(loop_, network_, *http, timeout, std::move(done));
  return std::make_unique<Commanded>(loop_, processes_, std::get<CommandProbe>(kind).command,
                                     timeout, std::move(done));
}

}  // namespace polis::agent
