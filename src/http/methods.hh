#pragma once

// The methods that a server offers, and a call as their handlers see it: the same for gRPC and for
// every other way in.
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

// The bytes of one message that are made while they are sent.
using MessageSource = ByteSource;

// One call, as its handler sees it. The handler may keep it as long as it likes: after the client
// has gone, writing does nothing. Shared: by the connection, and by whoever will answer.
class ServerCall : public std::enable_shared_from_this<ServerCall> {
 public:
  virtual ~ServerCall() = default;
  // Sends one message. Unbounded: a streaming handler looks at queued() first.
  virtual void send(std::string_view message) = 0;
  // Sends one message that is made while it is sent. The only one of the call.
  virtual void send_from(std::unique_ptr<MessageSource> source) = 0;
  // Ends the call. Later calls do nothing.
  virtual void finish(const GrpcStatus& status) = 0;
  // send and finish with OK.
  void reply(std::string_view message) {
    send(message);
    finish({});
  }
  virtual bool open() const = 0;
  // Bytes that the client has not taken yet. While there are more than
  // ServerOptions::call_queue_bytes, no further message is delivered.
  virtual std::size_t queued() const = 0;
  virtual const std::string& peer() const = 0;

  // Set by the handler when the call begins; each may stay empty. They are dropped when the call
  // ends, and with them what they hold.
  std::function<void(std::string_view message)> on_message;  // streaming only
  // The client sends no more. It still reads: answers to what it sent must follow.
  std::function<void()> on_half_close;
  std::function<void()> on_close;    // the call is over, finished or not
  std::function<void()> on_drained;  // queued() has fallen below half of the limit
};

using CallPtr = std::shared_ptr<ServerCall>;
using UnaryHandler = std::function<void(CallPtr call, std::string_view request)>;
using StreamHandler = std::function<void(CallPtr call)>;

// Who sends more than one message.
enum class Streams { kNobody, kServer, kBoth };

// What the calls of a method have come to so far.
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

struct Method {
  std::string path;
  UnaryHandler unary;
  StreamHandler stream;
  Streams streams = Streams::kNobody;
  mutable MethodCounts counts;  // by whoever has the method called
};

// What a call's client said of it beside its messages.
using Metadata = Fields;
// Sees every call before its handler does; a status refuses it.
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
  // Null if there is none.
  const Method* find(std::string_view path) const {
    auto found = methods_.find(path);
    return found == methods_.end() ? nullptr : &found->second;
  }

  // Calls use(path, method) with each, in no order.
  template <typename Use>
  void for_each(const Use& use) const {
    for (const auto& [path, method] : methods_) use(path, method);
  }

  // Asked in the order in which they were added.
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
