#include "agent/shims.hh"

#include <fmt/format.h>

#include "agent/shim_directory.hh"
#include "agent/texts.hh"
#include "host/version.hh"
#include "io/posix_disk.hh"
#include "shim/exit_codes.hh"

namespace polis::agent {
namespace {

constexpr const char* kLogFile = "shim.log";  // the shim's own standard error
constexpr Duration kConnectAgainMin = std::chrono::milliseconds(1);
constexpr Duration kConnectAgainMax = std::chrono::milliseconds(50);

// The last line of what the shim said, or what it ended with.
std::string last_words(const std::string& directory, const io::Ended& ended) {
  auto text = io::read_file(directory + "/" + kLogFile);
  if (text && !text->empty()) {
    if (text->back() == '\n') text->pop_back();
    return text->substr(text->rfind('\n') + 1);
  }
  return fmt::format("it ended with {} {}",
                     ended.how == io::Ended::How::kKilled ? "signal" : "status", ended.number);
}

}  // namespace

class Shims::Attempt final : public ShimAttempt {
 public:
  Attempt(Shims& shims, std::string directory, Done done)
      : loop_(shims.loop_),
        network_(shims.network_),
        directory_(std::move(directory)),
        done_(std::move(done)) {}

  void start(Shims& shims, const InstanceSpec& spec) {
    auto bytes = encode(spec);
    if (!bytes) return finish_later(bytes.error());
    auto served = io::is_locked(path(shim::kLockFile));
    if (!served) return finish_later(served.error());
    if (*served) return finish_later(served_already());
    // Nothing of it is there after a loss of power, so that it need not last longer.
    if (auto written = io::write_file_atomically(path(shim::kSpecFile), *bytes,
                                                 io::Readable::kByOwner, io::Durable::kNo);
        !written)
      return finish_later(written.error());
    auto process = shims.processes_.start({.words = {shims.program_, directory_},
                                           .environment = std::vector<std::string>{},
                                           .directory = directory_,
                                           .output = path(kLogFile)},
                                          [this](const io::Ended& ended) { on_end(ended); });
    if (!process) return finish_later(process.error());
    process_ = std::move(*process);
    until_ = loop_.now() + kStartPatience;
    connect();
  }

  void adopt() {
    until_ = loop_.now() + kGreetingPatience;
    connect();
  }

 private:
  std::string path(const char* name) const { return directory_ + "/" + name; }

  void connect() {
    connecting_ = network_.connect({.path = path(shim::kSocketFile)}, kGreetingPatience,
                                   [this](Result<std::unique_ptr<io::Stream>> stream) {
                                     if (!stream) return on_no_connection(stream.error());
                                     greet(std::move(*stream));
                                   });
    patience_ = loop_.after(kGreetingPatience, [this] { on_silence(); });
  }

  void on_no_connection(const Error& error) {
    connecting_.reset();
    patience_.reset();
    if (process_ && loop_.now() < until_) {
      again_ = loop_.after(pause_, [this] { connect(); });
      pause_ = std::min(pause_ * 2, kConnectAgainMax);
      return;
    }
    auto found = look(directory_);
    if (found && !found->served)
      return finish({ErrorCode::kNotFound, fmt::format("no shim serves {}", directory_)});
    finish({ErrorCode::kUnavailable,
            fmt::format("a shim serves {}, but does not listen: {}", directory_, error.text)});
  }

  void on_silence() {
    finish(
        {ErrorCode::kUnavailable,
         fmt::format("the shim of {} did not answer within {} s; it may be stopped (SIGSTOP)",
                     directory_,
                     std::chrono::duration_cast<std::chrono::seconds>(kGreetingPatience).count())});
  }

  void greet(std::unique_ptr<io::Stream> stream) {
    connecting_.reset();
    stream_ = std::move(stream);
    stream_->start({.bytes = [this](std::string_view bytes) { on_bytes(bytes); },
                    .closed =
                        [this](const std::string& reason) {
                          stream_.reset();
                          on_no_connection({ErrorCode::kUnavailable, reason});
                        },
                    .writable = nullptr});
    char frame[shim::kFrameBytesMax];
    const shim::Hello hello{shim::kProtocolNewest, shim::kProtocolOldest, shim::Purpose::kAgent,
                            host::kVersion, 0};
    stream_->write(encode(hello, frame, sizeof frame));
  }

  // The welcome and the first State, or a refusal.
  void on_bytes(std::string_view bytes) {
    in_ += bytes;
    shim::Frame frame;
    for (;;) {
      const shim::Framing framing = first_frame(in_, frame);
      if (framing == shim::Framing::kMore) return;
      if (framing == shim::Framing::kWrong)
        return finish(
            {ErrorCode::kInvalid, fmt::format("what listens in {} is no shim", directory_)});
      if (on_frame(frame)) return;
      in_.erase(0, frame.size);
    }
  }

  // True: the attempt has ended.
  bool on_frame(const shim::Frame& frame) {
    shim::Refusal refusal;
    shim::Welcome welcome;
    shim::State state;
    if (frame.type == shim::FrameType::kRefusal && decode(frame.body, refusal)) {
      finish(refused_connection(refusal, directory_));
      return true;
    }
    if (frame.type == shim::FrameType::kWelcome && decode(frame.body, welcome))
      release_ = welcome.release;
    if (frame.type != shim::FrameType::kState || !decode(frame.body, state)) return false;
    in_.erase(0, frame.size);
    // Somebody else's was faster, and the one that was started here ends of that.
    if (process_ && state.shim_pid != static_cast<std::uint64_t>(process_->id().number)) {
      finish(served_already());
      return true;
    }
    // The link takes the stream over when this call, which is the stream's, has ended.
    patience_.reset();
    process_.reset();
    stream_->pause_reading();
    loop_.post([this, state, alive = std::weak_ptr(alive_)] {
      if (!alive.lock() || !stream_) return;
      auto done = std::move(done_);
      done_ = nullptr;
      done(std::make_unique<ShimLink>(loop_, std::move(stream_), state, release_, in_));
    });
    return true;
  }

  void on_end(const io::Ended& ended) {
    process_.reset();
    if (!done_) return;
    const bool locked = ended.number == shim::kLocked && ended.how == io::Ended::How::kExited;
    if (locked) return finish(served_already());
    finish({ErrorCode::kIo, fmt::format("the shim of {} did not start: {}", directory_,
                                        last_words(directory_, ended))});
  }

  Error served_already() const {
    return {
        ErrorCode::kExists,
        fmt::format("a shim serves {} already; adopt it, or use another directory", directory_)};
  }

  void finish_later(const Error& error) {
    loop_.post([this, error, alive = std::weak_ptr(alive_)] {
      if (alive.lock()) finish(error);
    });
  }

  // `done` may destroy this object.
  void finish(const Error& error) {
    connecting_.reset();
    patience_.reset();
    again_.reset();
    stream_.reset();
    process_.reset();
    auto done = std::move(done_);
    done_ = nullptr;
    if (done) done(std::unexpected(error));
  }

  io::Loop& loop_;
  io::Network& network_;
  std::string directory_;
  Done done_;
  std::unique_ptr<io::Process> process_;  // of a start
  std::unique_ptr<io::Connecting> connecting_;
  std::unique_ptr<io::Stream> stream_;
  std::unique_ptr<io::Timer> patience_, again_;
  Duration pause_ = kConnectAgainMin;
  Instant until_;
  std::string in_;
  std::string release_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what was posted
};

std::unique_ptr<ShimAttempt> Shims::start(const std::string& directory, const InstanceSpec& spec,
                                          Done done) {
  auto attempt = std::make_unique<Attempt>(*this, directory, std::move(done));
  attempt->start(*this, spec);
  return attempt;
}

std::unique_ptr<ShimAttempt> Shims::adopt(const std::string& directory, Done done) {
  auto attempt = std::make_unique<Attempt>(*this, directory, std::move(done));
  attempt->adopt();
  return attempt;
}

}  // namespace polis::agent
