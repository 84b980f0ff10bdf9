#pragma once

// How a change of the cell's state ended: done, failed, or unknown.
//
// Unknown is not a kind of failure. The request may have reached a replica, but no answer came: the
// change may have been made, may still be made a moment later, or may never be made. If you send it
// again, it may be made twice; if you give up, it may have been made. What helps:
//   - read the present state, and decide by that;
//   - make the change conditional (Txn), so that making it twice is the same as once;
//   - for locks and leases: wait for the end of the lease.
// Reads change nothing, so they end with a Result.
//
// Threads: plain values.

#include <expected>
#include <utility>

#include "base/check.hh"
#include "base/error.hh"

namespace polis::client {

// The value of a change that has no result other than that it was made.
struct Nothing {
  bool operator==(const Nothing&) const = default;
};

template <typename T>
class [[nodiscard]] Outcome {
 public:
  // kDone: the change was made, durably at a quorum. kFailed: it was not made and will not be.
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

  // Precondition: done() (CHECK).
  T& value() {
    CHECK(result_.has_value());
    return *result_;
  }
  const T& value() const {
    CHECK(result_.has_value());
    return *result_;
  }
  // What went wrong, or why the outcome is unknown. Precondition: !done() (CHECK).
  const Error& error() const {
    CHECK(!result_.has_value());
    return result_.error();
  }

  // Converts the value, if there is one: `f` makes a Result of the new value. Else the error is
  // passed on.
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
