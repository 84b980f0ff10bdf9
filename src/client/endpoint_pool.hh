#pragma once

// Decides which endpoint of a cell to use next. A pure object that remembers the endpoints and
// which of them answered.
//
// Endpoints come from two sources. *Given* endpoints come from the user and are always kept.
// *Member* endpoints are the addresses that the members of the cell have; they follow changes of
// members. Member endpoints are used first, because a given address may belong to a replica that
// has left long ago. While no members are known, the given endpoints are all there is.
//
// One endpoint is the current one. It stays until on_failure says that it does not answer. Then the
// next one is an endpoint that has not failed, or else the one that failed longest ago.
//
// Threads: one.   Life: construct -> current / on_failure / on_answer / set_members, in any order.

#include <optional>
#include <vector>

#include "base/time.hh"
#include "io/address.hh"

namespace polis::client {

// With this many endpoints, further member endpoints are left out.
inline constexpr std::size_t kEndpointsMax = 100;

class EndpointPool {
 public:
  // `given`: at least one, in the order in which they are to be tried.
  explicit EndpointPool(std::vector<io::Address> given);

  const io::Address& current() const { return endpoints_[current_].address; }
  std::size_t size() const { return endpoints_.size(); }

  // The current endpoint did not answer: another one becomes current, if there is another one.
  void on_failure(Instant now);
  // The current endpoint answered: its earlier failures are forgotten.
  void on_answer() { endpoints_[current_].failed_at.reset(); }
  // Sets all member endpoints; empty: the members are not known. True: the current endpoint has
  // changed, because the old one is neither a member endpoint nor given.
  bool set_members(const std::vector<io::Address>& members);

 private:
  struct Endpoint {
    io::Address address;
    bool given = false;
    bool member = false;
    std::optional<Instant> failed_at;  // nullopt: it has not failed since it last answered
  };
  Endpoint* find(const io::Address& address);
  void choose_from(std::size_t first);

  std::vector<Endpoint> endpoints_;
  std::size_t current_ = 0;
};

}  // namespace polis::client
