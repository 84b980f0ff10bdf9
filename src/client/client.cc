#include "client/client.hh"

#include <fmt/format.h>

namespace polis::client {
namespace {

// How often connections that were left are looked at, whether their last call has ended.
constexpr Duration kPruneInterval = std::chrono::seconds(1);

}  // namespace

Result<std::vector<io::Address>> parse_endpoints(const std::string& text, io::NoScheme no_scheme) {
  if (text.empty())
    return fail(ErrorCode::kInvalid, "no endpoints; give --endpoints HOST:PORT[,HOST:PORT...]");
  return io::parse_addresses(text, no_scheme);
}

Client::Client(io::Loop& loop, io::Network& network, Options options)
    : loop_(loop), network_(network), options_(std::move(options)), pool_(options_.endpoints) {}

Client::~Client() = default;

http::ClientConnection& Client::connection() {
  if (connection_ && connection_->failed()) bury();
  if (!connection_) {
    connection_ = std::make_unique<http::ClientConnection>(
        loop_, network_, pool_.current(),
        http::ClientOptions{.connect_timeout = options_.connect_timeout});
  }
  return *connection_;
}

void Client::bury() {
  if (!connection_) return;
  old_.push_back(std::move(connection_));
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) prune();
  });
}

void Client::prune() {
  std::erase_if(old_, [](const auto& one) { return one->idle(); });
  prune_timer_.reset();
  if (old_.empty()) return;
  prune_timer_ = loop_.after(kPruneInterval, [this] {
    auto keep = std::move(prune_timer_);
    prune();
  });
}

void Client::move_on() {
  pool_.on_failure(loop_.now());
  bury();
  if (moved_) moved_();
}

void Client::use_members(const std::vector<io::Address>& members) {
  if (pool_.set_members(members)) bury();
}

void Client::call(const std::string& path, std::string request, Duration timeout, Done done) {
  ask(path, std::move(request), timeout,
      [done = std::move(done)](const http::GrpcStatus& status, Sent, std::string_view response) {
        done(status, response);
      });
}

void Client::ask(const std::string& path, std::string request, Duration timeout, Ended ended) {
  attempt(path, request, loop_.now() + timeout, pool_.size(), std::move(ended));
}

void Client::attempt(const std::string& path, const std::string& request, Instant deadline,
                     std::size_t tries, Ended ended) {
  http::ClientConnection& used = connection();
  Duration left = std::max<Duration>(deadline - loop_.now(), std::chrono::milliseconds(1));
  used.unary(path, request, left,
             [this, path, request, deadline, tries, ended, &used](const http::GrpcStatus& status,
                                                                  std::string_view response) {
               const bool began = used.connected() && !status.refused;
               const Sent sent = began ? Sent::kPerhaps : Sent::kNo;
               on_attempt_ended(used, status);
               if (status.code == static_cast<int>(http::GrpcCode::kUnavailable) &&
                   sent == Sent::kNo && tries > 1) {
                 // No replica has begun with it: the next endpoint may have it.
                 return attempt(path, request, deadline, tries - 1, ended);
               }
               if (!status.ok() && sent == Sent::kNo && pool_.size() > 1) {
                 return ended({status.code,
                               "none of the endpoints can be reached; the last: " + status.message,
                               status.refused},
                              sent, response);
               }
               ended(status, sent, response);
             });
}

// An endpoint that has no answer is left, unless somebody else has left it meanwhile.
void Client::on_attempt_ended(const http::ClientConnection& used, const http::GrpcStatus& status) {
  if (&used != connection_.get()) return;
  if (status.code == static_cast<int>(http::GrpcCode::kUnavailable) ||
      status.code == static_cast<int>(http::GrpcCode::kDeadlineExceeded)) {
    move_on();
  } else {
    pool_.on_answer();
  }
}

std::unique_ptr<http::ClientCall> Client::stream(
    const std::string& path, std::function<void(std::string_view)> on_message,
    std::function<void(const http::GrpcStatus&)> closed, const http::Fields& metadata) {
  return connection().stream(path, std::move(on_message), std::move(closed), metadata);
}

}  // namespace polis::client
