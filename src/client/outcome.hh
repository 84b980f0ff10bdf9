#pragma once

// How a change of the cell's state ended: done, failed, or unknown.
//
// Unknown is no kind of failure. The request may have reached a replica, and no answer came: the
// change may have been made, may still be made a moment later, or may never be. Whoever sends it
// again may make it twice, and whoever gives up may have made it. What helps:
//   - read what is there now, and decide by that;
//   - make the change conditional (Txn), so that doing it twice does it once;
//   - for locks and leases: wait for the end of the lease.
// Reads change nothing, so they end with a Result: an answer, or none.
//
// Threads: values; any.

#include <expected>
#include <utility>

#include "base/check.hh"
#include "base/error.hh"

namespace polis::client {

// What a change gives that says nothing but that it was made.
struct Nothing {
  bool operator==(const Nothing&) const = default;
};

template <typename T>
class [[nodiscard]] Outcome {
 public:
  // kDone: a quorum has it, and it is there to stay. kFailed: it was not made and will not be.
  enum class Kind { kDone, kFailed, kUnknown };

  Outcome(T value) : result_(std::move(value)) {}
  // ErrorCode::kUnknown makes it unknown; every other code means that nothing was done.
  Outcome(std::unexpected<Error> error) : result_(std::move(error)) {}

  Kind kind() const {
    if (result_) return Kind::kDone;
    return result_.error().code == ErrorCode::kUnknown ? Kind::kUnknown : Kind::kFailed;
  }
  bool done() const { return kind() == Kind::kDone; }
  bool failed() const { return kind() == Kind::kFailed; }
  bool unknown() const { return kind() == Kind::kUnknown; }

  // Only if it is done.
  T& value() {
    CHECK(result_.has_value());
    return *result_;
  }
  const T& value() const {
    CHECK(result_.has_value());
    return *result_;
  }
  // Only if it is not done: what went wrong, or why it is not known.
  const Error& error() const {
    CHECK(!result_.has_value());
    return result_.error();
  }

  // The same outcome of something else: `f` makes the value if there is one, as a Result.
  template <typename F>
  auto then(F&& f) && -> Outcome<typename decltype(f(std::declval<T>()))::value_type> {
    if (!result_) return std::unexpected(std::move(result_).error());
    auto made = f(std::move(*result_));
    if (!made) return std::unexpected(std::move(made).error());
    return std::move(*made);
  }

 private:
  Result<T> result_;
};

}  // namespace polis::client
