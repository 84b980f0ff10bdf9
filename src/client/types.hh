#pragma once

// The types of the typed client: keys, values, and the numbers that a cell gives out. Each kind of
// number has a type of its own, so that none can be passed where another is meant.
//
// Threads: plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong.hh"

namespace polis::client {

// A moment in the history of a cell. The cell counts its changes from 1; one change, such as a
// transaction, may touch many keys. Reads name a revision to see the keys as they were then;
// watches name one to begin with.
using Revision = Strong<struct RevisionTag, std::int64_t>;
// The revision that made a key. 0: there is no such key. A key that is deleted and put again has
// another one.
using CreateRevision = Strong<struct CreateRevisionTag, std::int64_t>;
// The revision that changed a key last. 0: there is no such key.
using ModRevision = Strong<struct ModRevisionTag, std::int64_t>;
// How many times a key was put since it was made: 1 after it was made. 0: there is no such key.
using Version = Strong<struct VersionTag, std::int64_t>;
// A lease. Keys that hang on it are deleted when it ends. 0: none.
using LeaseId = Strong<struct LeaseIdTag, std::int64_t>;

// The moments at which a key was made and changed, as points in the history.
constexpr Revision moment_of(CreateRevision created) { return Revision(created.value); }
constexpr Revision moment_of(ModRevision changed) { return Revision(changed.value); }

// A number that identifies the holder of a lock or an office. Each holder has a greater token than
// all holders before it. It is the create revision of the holder's key.
//
// A lock alone protects nothing: its holder may be stopped at any instruction, and go on after the
// lock has passed to another holder. So the thing that a lock protects must get the token with each
// request, must remember the greatest token that it has seen, and must refuse smaller ones. For
// keys of the same cell, use Lock::still_held as a condition of a transaction instead.
//
// Only tokens of the same name in the same cell can be compared. A restored cell may give out
// smaller tokens than before, unless it was restored with a higher revision (--bump-revision).
using FencingToken = Strong<struct FencingTokenTag, std::int64_t>;

// A key and what it holds, at the revision of the answer that it came with.
struct KeyValue {
  std::string key;
  std::string value;  // empty if only keys were asked for
  CreateRevision created;
  ModRevision changed;
  Version version;
  LeaseId lease;

  bool operator==(const KeyValue&) const = default;
};

// A set of keys: one key, or all keys from a first one up to an end. Keys have the order of their
// bytes.
class Keys {
 public:
  // Exactly this key. An empty key is refused by the cell (ErrorCode::kInvalid).
  static Keys one(std::string key) { return {std::move(key), {}}; }
  // All keys that begin with `prefix`; all keys if it is empty.
  static Keys with_prefix(std::string prefix);
  // All keys from `first` on, up to `end`, which is not part of it. If the range is empty, reads
  // find nothing, and the cell refuses a watch.
  static Keys between(std::string first, std::string end) {
    // An empty end would mean one key to the cell; and nothing lies before the first possible one.
    if (end.empty()) end = first;
    return {std::move(first), std::move(end)};
  }
  // `first` and everything behind it.
  static Keys from(std::string first);
  static Keys all() { return from({}); }
  // In the form of etcd's API: see first() and end().
  static Keys as_etcd(std::string first, std::string end) {
    return {std::move(first), std::move(end)};
  }

  // The form of etcd's API: an empty end means one key; "\0" means all keys from first() on.
  const std::string& first() const { return first_; }
  const std::string& end() const { return end_; }
  bool contains(std::string_view key) const;
  // The part of these keys that lies behind `key`. Precondition: contains(key).
  Keys behind(const std::string& key) const;

  bool operator==(const Keys&) const = default;

 private:
  Keys(std::string first, std::string end) : first_(std::move(first)), end_(std::move(end)) {}

  std::string first_, end_;
};

// Whether an answer or an event has the key as it was before the change.
enum class Previous { kNo, kYes };

// One change of one key.
struct Event {
  enum class Kind { kPut, kDelete };
  Kind kind = Kind::kPut;
  // The key after the change. kDelete: only `key` and `changed` (the revision of the deletion) have
  // a meaning.
  KeyValue now;
  // The key before the change. Set only if it was asked for, if the key existed, and if that
  // revision is not compacted yet.
  std::optional<KeyValue> before;
};

}  // namespace polis::client
