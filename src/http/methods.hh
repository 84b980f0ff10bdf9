#pragma once

// The methods that a server offers, and a call as a method's handler sees it. They are the same for
// gRPC and JSON.
//
// Threads: the loop's.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/exchange.hh"
#include "http/grpc.hh"

namespace polis::http {

// The source of one message whose bytes are made while they are sent.
using MessageSource = ByteSource;

// One call, as its handler sees it. The handler may keep it as long as it likes: after the client
// has gone, its functions do nothing. Shared by the connection and by the code that will answer.
class ServerCall : public std::enable_shared_from_this<ServerCall> {
 public:
  virtual ~ServerCall() = default;
  // Sends one message. Messages are queued without a bound: a handler that streams must look at
  // queued() first.
  virtual void send(std::string_view message) = 0;
  // Sends one message whose bytes are made while they are sent. It must be the last message of the
  // call.
  virtual void send_from(std::unique_ptr<MessageSource> source) = 0;
  // Ends the call with this status. Afterwards the functions of this object do nothing.
  virtual void finish(const GrpcStatus& status) = 0;
  // send(message), then finish with OK.
  void reply(std::string_view message) {
    send(message);
    finish({});
  }
  // The client is there and finish() was not called.
  virtual bool open() const = 0;
  // Bytes of answers that the client has not taken yet. While they are
  // ServerOptions::call_queue_bytes or more, on_message is not called.
  virtual std::size_t queued() const = 0;
  virtual const std::string& peer() const = 0;  // "HOST:PORT", or "unix"

  // The handler sets these when the call begins; each may stay empty. They are destroyed, with
  // what they hold, when the call is over.
  std::function<void(std::string_view message)> on_message;  // streaming methods only
  // The client sends no more. It still reads, so answers to its messages must follow.
  std::function<void()> on_half_close;
  std::function<void()> on_close;    // the call is over, whether finish() was called or not
  std::function<void()> on_drained;  // queued() has fallen below half of the limit
};

// `request` is valid during the call.
using CallPtr = std::shared_ptr<ServerCall>;
using UnaryHandler = std::function<void(CallPtr call, std::string_view request)>;
using StreamHandler = std::function<void(CallPtr call)>;

// Which side of a method's calls may send more than one message.
enum class Streams { kNobody, kServer, kBoth };

// Counts of a method's calls since the process started.
struct MethodCounts {
  static constexpr std::size_t kCodes = 17;  // gRPC's, from OK on
  std::uint64_t started = 0;
  std::array<std::uint64_t, kCodes> ended{};  // by code
  std::uint64_t messages_received = 0, messages_sent = 0;

  void end(int code) {
    const bool known = code >= 0 && code < static_cast<int>(kCodes);
    ++ended[static_cast<std::size_t>(known ? code : 2)];  // 2: UNKNOWN
  }
};

// Either `unary` or `stream` is set.
struct Method {
  std::string path;
  UnaryHandler unary;
  StreamHandler stream;
  Streams streams = Streams::kNobody;
  mutable MethodCounts counts;  // raised by the code that calls the handlers
};

// The fields that a client sent with its call.
using Metadata = Fields;
// Called with every call before its handler. A status: the call is refused with it. nullopt: the
// call goes on.
using Interceptor =
    std::function<std::optional<GrpcStatus>(const CallPtr& call, const Metadata& metadata)>;

class MethodTable {
 public:
  // `path` is "/package.Service/Method".
  void add_unary(const std::string& path, UnaryHandler handler) {
    add(path).unary = std::move(handler);
  }
  void add_stream(const std::string& path, StreamHandler handler,
                  Streams streams = Streams::kBoth) {
    Method& method = add(path);
    method.stream = std::move(handler);
    method.streams = streams;
  }
  // nullptr: there is no such method. The pointer is valid as long as the table.
  const Method* find(std::string_view path) const {
    auto found = methods_.find(path);
    return found == methods_.end() ? nullptr : &found->second;
  }

  // Calls use(path, method) with each, in no order.
  template <typename Use>
  void for_each(const Use& use) const {
    for (const auto& [path, method] : methods_) use(path, method);
  }

  // Interceptors are asked in the order in which they were added; the first refusal counts.
  void add_interceptor(Interceptor interceptor) { interceptors_.push_back(std::move(interceptor)); }
  std::optional<GrpcStatus> intercept(const CallPtr& call, const Metadata& metadata) const {
    for (const Interceptor& interceptor : interceptors_) {
      if (auto refusal = interceptor(call, metadata)) return refusal;
    }
    return std::nullopt;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  Method& add(const std::string& path) {
    Method& method = methods_[path];
    method.path = path;
    return method;
  }
  std::unordered_map<std::string, Method, Hash, std::equal_to<>> methods_;
  std::vector<Interceptor> interceptors_;
};

}  // namespace polis::http
