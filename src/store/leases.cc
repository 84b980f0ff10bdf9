#include "store/leases.hh"

#include "base/check.hh"

namespace polis::store {

void Leases::attach(const std::string& key, std::int64_t id) {
  if (auto old = by_key_.find(key); old != by_key_.end()) {
    if (old->second == id) return;
    leases_.at(old->second).keys.erase(key);
    by_key_.erase(old);
  }
  if (id == 0) return;
  CHECK(leases_.contains(id));
  leases_[id].keys.insert(key);
  by_key_[key] = id;
}

}  // namespace polis::store
