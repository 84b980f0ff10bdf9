#include "agent/shim_link.hh"

#include <fmt/format.h>

#include "agent/texts.hh"
#include "base/check.hh"

namespace polis::agent {

ShimLink::ShimLink(io::Loop& loop, std::unique_ptr<io::Stream> stream, const shim::State& state,
                   std::string release, std::string rest)
    : loop_(loop),
      stream_(std::move(stream)),
      state_(state),
      release_(std::move(release)),
      in_(std::move(rest)) {
  stream_->start({.bytes = [this](std::string_view bytes) { on_bytes(bytes); },
                  .closed = [this](const std::string& reason) { end(reason); },
                  .writable = [this] { send(); }});
  stream_->resume_reading();
  if (in_.empty()) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) on_bytes({});
  });
}

ShimLink::~ShimLink() = default;

void ShimLink::ask(shim::Request request, Answered done) {
  const auto refuse = [&](ErrorCode code, const char* text) {
    loop_.post([code, text, done = std::move(done)] { done(fail(code, text)); });
  };
  if (!stream_) return refuse(ErrorCode::kUnavailable, "the connection to the shim has ended");
  if (waiting_.size() >= kRequestsMax)
    return refuse(ErrorCode::kUnavailable, "too many requests wait for the shim's answers");
  request.id = ++last_id_;
  char frame[shim::kFrameBytesMax];
  const std::string_view bytes = encode(request, frame, sizeof frame);
  CHECK(!bytes.empty());
  out_ += bytes;
  waiting_.push_back({request.id, loop_.now() + kAnswerPatience, std::move(done)});
  send();
  if (!patience_) watch_patience();
}

void ShimLink::send() {
  if (stream_ && !out_.empty()) out_.erase(0, stream_->write(out_));
}

void ShimLink::watch_patience() {
  if (waiting_.empty()) return patience_.reset();
  patience_ = loop_.after(waiting_.front().until - loop_.now(), [this] {
    if (!waiting_.empty() && waiting_.front().until <= loop_.now())
      return end("it did not answer in time");
    watch_patience();
  });
}

void ShimLink::on_bytes(std::string_view bytes) {
  in_ += bytes;
  // A handler may destroy this object.
  const std::weak_ptr<bool> alive = alive_;
  std::size_t used = 0;
  shim::Frame frame;
  shim::Framing framing;
  while ((framing = first_frame(std::string_view(in_).substr(used), frame)) ==
         shim::Framing::kFrame) {
    used += frame.size;
    on_frame(frame);
    if (!alive.lock() || !stream_) return;
  }
  in_.erase(0, used);
  if (framing == shim::Framing::kWrong) end("it sent what is no frame");
}

void ShimLink::on_frame(const shim::Frame& frame) {
  shim::Answer answer;
  shim::State state;
  if (frame.type == shim::FrameType::kAnswer && decode(frame.body, answer)) on_answer(answer);
  if (frame.type != shim::FrameType::kState || !decode(frame.body, state)) return;
  state_ = state;
  if (auto changed = handlers_.changed) changed(state_);
}

void ShimLink::on_answer(const shim::Answer& answer) {
  if (waiting_.empty() || waiting_.front().id != answer.id) return;
  Answered done = std::move(waiting_.front().done);
  waiting_.pop_front();
  if (!done) return;
  if (answer.verdict == shim::Verdict::kDone) return done({});
  done(std::unexpected(refused_request(answer)));
}

void ShimLink::end(const std::string& reason) {
  stream_.reset();
  patience_.reset();
  const std::weak_ptr<bool> alive = alive_;
  auto waiting = std::move(waiting_);
  waiting_.clear();
  auto lost = std::move(handlers_.lost);
  handlers_ = {};
  const Error error{ErrorCode::kUnknown,
                    fmt::format("the connection to the shim ended: {}", reason)};
  for (Waiting& one : waiting) {
    if (one.done) one.done(std::unexpected(error));
    if (!alive.lock()) return;
  }
  if (lost) lost(error);
}

void ShimLink::stop(int signal, Duration grace, Answered done) {
  ask({.ask = shim::Ask::kStop,
       .signal = static_cast<std::uint64_t>(signal),
       .grace = static_cast<std::uint64_t>(grace.count())},
      std::move(done));
}
void ShimLink::kill(Answered done) { ask({.ask = shim::Ask::kKill}, std::move(done)); }
void ShimLink::signal(int number, Answered done) {
  ask({.ask = shim::Ask::kSignal, .signal = static_cast<std::uint64_t>(number)}, std::move(done));
}

namespace {
std::uint64_t nanoseconds(Instant at) {
  return static_cast<std::uint64_t>(at.time_since_epoch().count());
}
}  // namespace

void ShimLink::extend(std::uint64_t lease, Instant deadline, Answered done) {
  ask({.ask = shim::Ask::kExtend, .lease = lease, .deadline = nanoseconds(deadline)},
      std::move(done));
}
void ShimLink::bind(std::uint64_t lease, Instant deadline, Answered done) {
  ask({.ask = shim::Ask::kBind, .lease = lease, .deadline = nanoseconds(deadline)},
      std::move(done));
}
void ShimLink::rotate(Answered done) { ask({.ask = shim::Ask::kRotate}, std::move(done)); }
void ShimLink::forget(Answered done) { ask({.ask = shim::Ask::kForget}, std::move(done)); }
void ShimLink::refresh(Answered done) { ask({.ask = shim::Ask::kState}, std::move(done)); }

}  // namespace polis::agent
