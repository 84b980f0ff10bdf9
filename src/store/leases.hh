#pragma once

// The leases of clients, and the keys that hang on them. This is replicated state, equal on every
// replica. The time at which a lease ends is not part of it: only the master measures that
// (replica/lease_keeper.hh), and revokes the lease through the log.
//
// Threads: none of its own; the store owns it.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace polis::store {

struct Lease {
  std::int64_t ttl = 0;        // seconds, as granted
  std::set<std::string> keys;  // the keys that hang on it
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
  // Hangs `key` on the lease `id`, and takes it off the lease that it hung on. `id` 0: on no lease.
  // Precondition: `id` is 0 or granted.
  void attach(const std::string& key, std::int64_t id);
  // The lease that the key hangs on; 0: none.
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
