#include "client/endpoint_pool.hh"

#include "base/check.hh"

namespace polis::client {

EndpointPool::EndpointPool(std::vector<io::Address> given) {
  CHECK(!given.empty());
  for (io::Address& address : given) {
    if (!find(address)) endpoints_.push_back({.address = std::move(address), .given = true});
  }
}

EndpointPool::Endpoint* EndpointPool::find(const io::Address& address) {
  for (Endpoint& one : endpoints_) {
    if (one.address == address) return &one;
  }
  return nullptr;
}

void EndpointPool::on_failure(Instant now) {
  endpoints_[current_].failed_at = now;
  choose_from(current_ + 1);
}

// Best is what has not failed, or failed longest ago; then what a member tells; then what comes
// first, beginning with `first`.
void EndpointPool::choose_from(std::size_t first) {
  bool members_known = false;
  for (const Endpoint& one : endpoints_) members_known |= one.member;
  auto rank = [&](std::size_t at) {
    const Endpoint& one = endpoints_[at % endpoints_.size()];
    return std::pair(one.failed_at.value_or(Instant::min()), members_known && !one.member);
  };
  std::size_t best = first;
  for (std::size_t at = first + 1; at < first + endpoints_.size(); ++at) {
    if (rank(at) < rank(best)) best = at;
  }
  current_ = best % endpoints_.size();
}

bool EndpointPool::set_members(const std::vector<io::Address>& members) {
  const io::Address before = current();
  for (Endpoint& one : endpoints_) one.member = false;
  for (const io::Address& address : members) {
    if (Endpoint* known = find(address)) {
      known->member = true;
    } else if (endpoints_.size() < kEndpointsMax) {
      endpoints_.push_back({.address = address, .member = true});
    }
  }
  std::erase_if(endpoints_, [](const Endpoint& one) { return !one.given && !one.member; });
  for (current_ = 0; current_ < endpoints_.size(); ++current_) {
    if (endpoints_[current_].address == before) return false;
  }
  choose_from(0);
  return true;
}

}  // namespace polis::client
