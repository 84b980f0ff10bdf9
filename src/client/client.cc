#include "client/client.hh"

#include <fmt/format.h>

namespace polis::client {

Result<std::vector<io::Address>> parse_endpoints(const std::string& text,
                                                 io::NoScheme no_scheme) {
  if (text.empty())
    return fail(ErrorCode::kInvalid, "no endpoints; give --endpoints HOST:PORT[,HOST:PORT...]");
  return io::parse_addresses(text, no_scheme);
}

Client::Client(io::Loop& loop, io::Network& network, Options options)
    : loop_(loop), network_(network), options_(std::move(options)) {}

Client::~Client() = default;

void Client::bury() {
  old_.push_back(std::move(connection_));
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) old_.clear();
  });
}

http::ClientConnection& Client::connection() {
  if (connection_ && connection_->failed()) bury();
  if (!connection_) {
    connection_ = std::make_unique<http::ClientConnection>(
        loop_, network_, options_.endpoints[current_],
        http::ClientOptions{.connect_timeout = options_.connect_timeout});
  }
  return *connection_;
}

void Client::move_on() {
  current_ = (current_ + 1) % options_.endpoints.size();
  if (connection_) bury();
}

void Client::call(const std::string& path, std::string request, Duration timeout, Done done) {
  attempt(path, request, loop_.now() + timeout, options_.endpoints.size(), std::move(done));
}

void Client::attempt(const std::string& path, const std::string& request, Instant deadline,
                     std::size_t tries, Done done) {
  http::ClientConnection& used = connection();
  Duration left = std::max<Duration>(deadline - loop_.now(), std::chrono::milliseconds(1));
  used.unary(path, request, left,
             [this, path, request, deadline, tries, done, &used](const http::GrpcStatus& status,
                                                                 std::string_view response) {
               const bool reached = used.connected();
               if (status.code != static_cast<int>(http::GrpcCode::kUnavailable) || reached ||
                   tries <= 1) {
                 if (!status.ok() && !reached && options_.endpoints.size() > 1) {
                   return done({status.code, "none of the endpoints can be reached; the last: " +
                                                 status.message},
                               response);
                 }
                 return done(status, response);
               }
               // It never left this process: the next endpoint may have it.
               move_on();
               attempt(path, request, deadline, tries - 1, done);
             });
}

std::unique_ptr<http::ClientCall> Client::stream(
    const std::string& path, std::function<void(std::string_view)> on_message,
    std::function<void(const http::GrpcStatus&)> closed) {
  return connection().stream(path, std::move(on_message), std::move(closed));
}

}  // namespace polis::client
