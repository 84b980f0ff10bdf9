#include "client/calls.hh"

namespace polis::client {
namespace {

using http::GrpcCode;

// gRPC's codes that http/grpc.hh has no use for.
constexpr int kNotFoundCode = 5, kAlreadyExists = 6, kPermissionDenied = 7, kFailedPrecondition = 9,
              kAborted = 10, kOutOfRange = 11, kUnauthenticated = 16;

// Between two attempts, each longer than the one before.
constexpr Duration kRetryMin = std::chrono::milliseconds(20);
constexpr Duration kRetryMax = std::chrono::milliseconds(500);
// With less than this left, an attempt gets all of it.
constexpr Duration kSliceMin = std::chrono::milliseconds(500);

}  // namespace

Error error_of(const http::GrpcStatus& status, Client::Sent sent) {
  switch (status.code) {
    case static_cast<int>(GrpcCode::kInvalidArgument):
    case static_cast<int>(GrpcCode::kUnimplemented):
    case kAlreadyExists:
    case kPermissionDenied:
    case kUnauthenticated:
    case kFailedPrecondition:
      return {ErrorCode::kInvalid, status.message};
    case kNotFoundCode:
    case kOutOfRange:
      return {ErrorCode::kNotFound, status.message};
    case static_cast<int>(GrpcCode::kResourceExhausted):
      return {ErrorCode::kNoSpace, status.message};
    case kAborted:
      return {ErrorCode::kUnavailable, status.message};
    default:
      break;
  }
  if (sent == Client::Sent::kNo) return {ErrorCode::kUnavailable, status.message};
  return {ErrorCode::kUnknown, status.message};
}

struct Calls::Call {
  std::string path, request;
  Instant deadline;
  Repeat repeat;
  Done done;
  Duration retry = kRetryMin;
  bool unknown = false;  // some attempt may have done it
  std::unique_ptr<io::Timer> timer;
};

Calls::Calls(Client& client, io::Loop& loop) : client_(client), loop_(loop) {}
Calls::~Calls() = default;

void Calls::call(std::string path, std::string request, Duration timeout, Repeat repeat,
                 Done done) {
  // Shared by the callbacks of its attempts, one at a time.
  auto call = std::make_shared<Call>();
  call->path = std::move(path);
  call->request = std::move(request);
  call->deadline = loop_.now() + timeout;
  call->repeat = repeat;
  call->done = std::move(done);
  attempt(call);
}

void Calls::attempt(const std::shared_ptr<Call>& call) {
  const Duration left = call->deadline - loop_.now();
  const bool whole = call->repeat == Repeat::kNever || left < kSliceMin;
  client_.ask(call->path, call->request, whole ? left : left / 2,
              [this, call, alive = std::weak_ptr(alive_)](
                  const http::GrpcStatus& status, Client::Sent sent, std::string_view response) {
                if (!alive.expired()) on_ended(call, status, sent, response);
              });
}

void Calls::on_ended(const std::shared_ptr<Call>& call, const http::GrpcStatus& status,
                     Client::Sent sent, std::string_view response) {
  if (status.ok()) return end(*call, std::string(response));
  Error error = error_of(status, sent);
  const bool refused = error.code != ErrorCode::kUnknown && error.code != ErrorCode::kUnavailable;
  call->unknown |= error.code == ErrorCode::kUnknown;
  if (call->repeat == Repeat::kRead) {
    if (error.code == ErrorCode::kUnknown) error.code = ErrorCode::kUnavailable;
  } else if (call->unknown) {
    // This attempt came to nothing, but one before may have done it.
    error.code = ErrorCode::kUnknown;
  }
  const bool harmless = !call->unknown || call->repeat != Repeat::kNever;
  if (refused || !harmless || loop_.now() + call->retry >= call->deadline)
    return end(*call, std::unexpected(std::move(error)));
  retry(call);
}

void Calls::retry(const std::shared_ptr<Call>& call) {
  waiting_.insert(call);
  call->timer = loop_.after(call->retry, [this, call = call.get()] {
    auto keep = std::move(call->timer);
    auto own = std::find_if(waiting_.begin(), waiting_.end(),
                            [&](const auto& one) { return one.get() == call; });
    auto waited = *own;
    waiting_.erase(own);
    attempt(waited);
  });
  call->retry = std::min(call->retry * 2, kRetryMax);
}

// Not within the callback of a connection: whoever is told may end streams of the same one.
void Calls::end(Call& call, Outcome<std::string> outcome) {
  loop_.post([done = std::move(call.done), outcome = std::move(outcome),
              alive = std::weak_ptr(alive_)]() mutable {
    if (!alive.expired()) done(std::move(outcome));
  });
}

}  // namespace polis::client
