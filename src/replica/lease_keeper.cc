#include "replica/lease_keeper.hh"

namespace polis::replica {

void LeaseKeeper::start(const store::Leases& leases, Instant now) {
  stop();
  keeping_ = true;
  for (const auto& [id, lease] : leases.all()) on_granted(id, lease.ttl, now);
}

void LeaseKeeper::stop() {
  keeping_ = false;
  ends_.clear();
  queue_.clear();
}

void LeaseKeeper::set(std::int64_t id, Instant end) {
  auto [entry, is_new] = ends_.try_emplace(id, end);
  if (!is_new) queue_.erase({entry->second, id});
  entry->second = end;
  queue_.insert({end, id});
}

void LeaseKeeper::on_granted(std::int64_t id, std::int64_t ttl, Instant now) {
  if (keeping_) set(id, now + std::chrono::seconds(ttl));
}

void LeaseKeeper::on_revoked(std::int64_t id) {
  auto found = ends_.find(id);
  if (found == ends_.end()) return;
  queue_.erase({found->second, id});
  ends_.erase(found);
}

bool LeaseKeeper::renew(std::int64_t id, std::int64_t ttl, Instant since) {
  auto found = ends_.find(id);
  if (found == ends_.end() || !queue_.contains({found->second, id})) return false;
  Instant end = since + std::chrono::seconds(ttl);
  if (end > found->second) set(id, end);
  return true;
}

std::optional<Duration> LeaseKeeper::remaining(std::int64_t id, Instant now) const {
  auto found = ends_.find(id);
  if (found == ends_.end()) return std::nullopt;
  return std::max(found->second - now, Duration::zero());
}

std::vector<std::int64_t> LeaseKeeper::take_expired(Instant now, std::size_t count_max) {
  std::vector<std::int64_t> expired;
  while (!queue_.empty() && queue_.begin()->first <= now && expired.size() < count_max) {
    expired.push_back(queue_.begin()->second);
    queue_.erase(queue_.begin());
  }
  return expired;
}

void LeaseKeeper::on_revoke_failed(std::int64_t id, Instant now) {
  if (auto found = ends_.find(id); found != ends_.end()) set(id, now + std::chrono::seconds(1));
}

}  // namespace polis::replica
