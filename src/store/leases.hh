#pragma once

// Leases and the keys that hang on them: state, equal on every replica. When a lease ends is not
// state: the master alone measures it (replica/lease_keeper.hh) and says so through the log.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace polis::store {

struct Lease {
  std::int64_t ttl = 0;        // seconds, as granted
  std::set<std::string> keys;  // attached
};

class Leases {
 public:
  bool contains(std::int64_t id) const { return leases_.contains(id); }
  const Lease* find(std::int64_t id) const {
    auto found = leases_.find(id);
    return found == leases_.end() ? nullptr : &found->second;
  }
  const std::map<std::int64_t, Lease>& all() const { return leases_; }

  void grant(std::int64_t id, std::int64_t ttl) { leases_[id].ttl = ttl; }
  // Precondition: no key is attached.
  void revoke(std::int64_t id) { leases_.erase(id); }
  // Moves `key` to `id`; 0 detaches. Precondition: id is 0 or granted.
  void attach(const std::string& key, std::int64_t id);
  std::int64_t lease_of(const std::string& key) const {
    auto found = by_key_.find(key);
    return found == by_key_.end() ? 0 : found->second;
  }
  void clear() {
    leases_.clear();
    by_key_.clear();
  }

 private:
  std::map<std::int64_t, Lease> leases_;
  std::unordered_map<std::string, std::int64_t> by_key_;
};

}  // namespace polis::store
