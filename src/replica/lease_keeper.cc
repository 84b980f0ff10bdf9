#include "replica/lease_keeper.hh"

namespace polis::replica {
namespace {

constexpr Duration kRevokeRetryInterval = std::chrono::seconds(1);

}  // namespace

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

void LeaseKeeper::set(std::int64_t id, End end) {
  auto [entry, is_new] = ends_.try_emplace(id, end);
  if (!is_new) queue_.erase({entry->second.at, id});
  entry->second = end;
  queue_.insert({end.at, id});
}

void LeaseKeeper::on_granted(std::int64_t id, std::int64_t ttl, Instant now) {
  if (keeping_) set(id, {now + std::chrono::seconds(ttl)});
}

void LeaseKeeper::on_revoked(std::int64_t id) {
  auto found = ends_.find(id);
  if (found == ends_.end()) return;
  queue_.erase({found->second.at, id});
  ends_.erase(found);
}

bool LeaseKeeper::is_ending(std::int64_t id) const {
  auto found = ends_.find(id);
  return found != ends_.end() && !queue_.contains({found->second.at, id});
}

bool LeaseKeeper::renew(std::int64_t id, std::int64_t ttl, Instant since) {
  auto found = ends_.find(id);
  if (found == ends_.end() || is_ending(id)) return false;
  const Instant end = since + std::chrono::seconds(ttl);
  if (end > found->second.at) set(id, {end});
  return true;
}

std::optional<Duration> LeaseKeeper::remaining(std::int64_t id, Instant now) const {
  auto found = ends_.find(id);
  if (found == ends_.end()) return std::nullopt;
  return std::max(found->second.at - now, Duration::zero());
}

void LeaseKeeper::on_stall(Instant since, Instant now, Duration grace) {
  std::vector<std::int64_t> postponed;
  for (auto i = queue_.upper_bound({since, INT64_MAX}); i != queue_.end() && i->first <= now; ++i) {
    if (!ends_.at(i->second).postponed) postponed.push_back(i->second);
  }
  for (std::int64_t id : postponed) set(id, {now + grace, true});
}

bool LeaseKeeper::has_ended(Instant now) const {
  return !queue_.empty() && queue_.begin()->first <= now;
}

std::vector<std::int64_t> LeaseKeeper::take_ended(Instant noticed, std::size_t count_max) {
  std::vector<std::int64_t> ended;
  while (has_ended(noticed) && ended.size() < count_max) {
    ended.push_back(queue_.begin()->second);
    queue_.erase(queue_.begin());
  }
  return ended;
}

void LeaseKeeper::on_revoke_failed(std::int64_t id, Instant now) {
  if (is_ending(id)) set(id, {now + kRevokeRetryInterval, true});
}

}  // namespace polis::replica
