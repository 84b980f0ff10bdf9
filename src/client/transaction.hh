#pragma once

// Requests to a cell, as values: reads, writes, removals, and transactions of them.
//
//   Txn txn;
//   txn.when(absent("leader"))
//       .then(Write{.key = "leader", .value = "host 7", .lease = session.lease()})
//       .otherwise(Read{.keys = Keys::one("leader")});
//   kv.commit(txn, [](Outcome<Committed> outcome) { ... });
//
// A transaction is one change at one revision: one of its branches is carried out as a whole, and
// no other change comes between its conditions and its operations. The cell refuses
// (ErrorCode::kInvalid) a transaction with more operations than it allows (128), or that puts a key
// twice.
//
// Threads: plain values.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/types.hh"

namespace polis::client {

struct Read {
  enum class Content { kWhole, kKeysOnly, kCountOnly };
  enum class Order { kKey, kKeyDescending, kCreatedFirst, kCreatedLast };

  Keys keys;
  // Shows the keys as they were at this revision; nullopt: as they are now. kNotFound: the revision
  // was compacted. Must be nullopt in a transaction.
  std::optional<Revision> at = std::nullopt;
  std::int64_t limit = 0;  // at most this many keys; 0: all, as far as an answer may have (Kv::get)
  Content content = Content::kWhole;
  Order order = Order::kKey;
  // Shows only keys that were made at this revision or before. The cell must look at each key for
  // that.
  std::optional<CreateRevision> created_max = std::nullopt;
};

struct Write {
  std::string key;
  std::string value;
  // The key hangs on this lease: it is deleted when the lease ends. 0: on none. Each write sets
  // this anew: a write without a lease takes the key off its lease.
  LeaseId lease = LeaseId(0);
  Previous previous = Previous::kNo;
};

struct Removal {
  Keys keys;
  Previous previous = Previous::kNo;
};

// What a Read found.
struct Found {
  Revision at;  // the state of the cell at this revision
  std::vector<KeyValue> keys;
  std::int64_t count = 0;  // of all keys in the range, also of those beyond the limit
  bool more = false;       // the limit left some out
};

// What a Write did.
struct Written {
  Revision at;  // of this change
  std::optional<KeyValue> previous;
};

// What a Removal did. If there was no such key, it is done all the same.
struct Removed {
  Revision at;                     // of this change; if nothing was deleted, the cell's newest
  std::int64_t count = 0;          // keys that were deleted
  std::vector<KeyValue> previous;  // if they were asked for
};

// A condition of a transaction. Made by the functions below.
struct Condition {
  enum class Relation { kEqual, kGreater, kLess, kNotEqual };
  using Operand = std::variant<Version, CreateRevision, ModRevision, LeaseId, std::string>;

  std::string key;
  Relation relation = Relation::kEqual;
  Operand operand;  // its type says what of the key is compared; a string is the value
};

// One side of a comparison: a property of a key. The functions give the other side, and make the
// condition.
template <typename T>
class Compared {
 public:
  explicit Compared(std::string key) : key_(std::move(key)) {}
  Condition is(T operand) && { return make(Condition::Relation::kEqual, std::move(operand)); }
  Condition is_not(T operand) && {
    return make(Condition::Relation::kNotEqual, std::move(operand));
  }
  Condition is_less_than(T operand) && {
    return make(Condition::Relation::kLess, std::move(operand));
  }
  Condition is_greater_than(T operand) && {
    return make(Condition::Relation::kGreater, std::move(operand));
  }

 private:
  Condition make(Condition::Relation relation, T operand) {
    return {std::move(key_), relation, std::move(operand)};
  }
  std::string key_;
};

// A key that does not exist has 0 for version, created, changed and lease. A condition on the value
// of a key that does not exist is false.
inline Compared<Version> version(std::string key) { return Compared<Version>(std::move(key)); }
inline Compared<CreateRevision> created(std::string key) {
  return Compared<CreateRevision>(std::move(key));
}
inline Compared<ModRevision> changed(std::string key) {
  return Compared<ModRevision>(std::move(key));
}
inline Compared<LeaseId> lease(std::string key) { return Compared<LeaseId>(std::move(key)); }
inline Compared<std::string> value(std::string key) {
  return Compared<std::string>(std::move(key));
}
inline Condition absent(std::string key) { return created(std::move(key)).is(CreateRevision(0)); }
inline Condition present(std::string key) {
  return created(std::move(key)).is_greater_than(CreateRevision(0));
}

class Txn {
 public:
  using Operation = std::variant<Read, Write, Removal>;

  // All conditions must hold; a transaction without any takes the first branch.
  Txn& when(Condition condition) {
    conditions_.push_back(std::move(condition));
    return *this;
  }
  // What happens, in order, if they hold.
  Txn& then(Operation operation) {
    then_.push_back(std::move(operation));
    return *this;
  }
  // What happens, in order, if they do not.
  Txn& otherwise(Operation operation) {
    otherwise_.push_back(std::move(operation));
    return *this;
  }

  const std::vector<Condition>& conditions() const { return conditions_; }
  const std::vector<Operation>& then_operations() const { return then_; }
  const std::vector<Operation>& otherwise_operations() const { return otherwise_; }

 private:
  std::vector<Condition> conditions_;
  std::vector<Operation> then_, otherwise_;
};

// What a transaction did.
struct Committed {
  enum class Branch { kThen, kOtherwise };
  using Step = std::variant<Found, Written, Removed>;

  Revision at;  // of this change; if it changed nothing, that of the cell
  Branch branch = Branch::kThen;
  std::vector<Step> steps;  // of the branch that was taken: one for each operation, in order

  bool held() const { return branch == Branch::kThen; }  // the conditions
};

}  // namespace polis::client
