#pragma once

// What can be asked of a cell, as values: reads, writes, removals, and transactions of them.
//
//   Txn txn;
//   txn.when(absent("leader"))
//       .then(Write{.key = "leader", .value = "host 7", .lease = session.lease()})
//       .otherwise(Read{.keys = Keys::one("leader")});
//   kv.commit(txn, [](Outcome<Committed> outcome) { ... });
//
// A transaction is one change at one revision: either branch happens whole, and nothing happens
// between its conditions and its operations. The cell refuses (ErrorCode::kInvalid) one that has
// more operations than its setting allows, 128 by default, or that puts a key twice.
//
// Threads: values; any.

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
  // The keys as they were at this revision; nothing: as they are now. A revision that was compacted
  // fails with kNotFound. In a transaction: leave it out.
  std::optional<Revision> at = std::nullopt;
  std::int64_t limit = 0;  // this many keys at most, 0 for all; Kv::get says how many a call bears
  Content content = Content::kWhole;
  Order order = Order::kKey;
  // Only keys that were made at this revision or before. The cell must look at each key for that.
  std::optional<CreateRevision> created_max = std::nullopt;
};

struct Write {
  std::string key;
  std::string value;
  // The key is deleted when this lease ends. Each write says it anew: a write without a lease takes
  // the key off the one that it hung on.
  LeaseId lease = LeaseId(0);
  Previous previous = Previous::kNo;
};

struct Removal {
  Keys keys;
  Previous previous = Previous::kNo;
};

// What a Read found.
struct Found {
  Revision at;  // the moment that it shows
  std::vector<KeyValue> keys;
  std::int64_t count = 0;  // of all keys in the range, also of those beyond the limit
  bool more = false;       // the limit left some out
};

// What a Write did.
struct Written {
  Revision at;  // of this change
  std::optional<KeyValue> previous;
};

// What a Removal did. None deleted is no failure: it is done, and the revision is that of the cell.
struct Removed {
  Revision at;
  std::int64_t count = 0;
  std::vector<KeyValue> previous;
};

// A condition of a transaction. Made by the functions below.
struct Condition {
  enum class Relation { kEqual, kGreater, kLess, kNotEqual };
  using Operand = std::variant<Version, CreateRevision, ModRevision, LeaseId, std::string>;

  std::string key;
  Relation relation = Relation::kEqual;
  Operand operand;  // its type says what of the key is compared; a string is the value
};

// What of a key is compared, until it is said with what.
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

// A key that is not there has 0 for all of these but its value, and a condition on the value of a
// key that is not there does not hold.
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
