#pragma once

// Which endpoint of a cell to use next: a pure object that remembers where the cell is and what
// answered.
//
// Endpoints come from two sources. Those that the user gave are kept for ever. Those that the
// members tell of themselves follow the membership; they are preferred to given ones that no member
// tells, because a given name may belong to a replica that has left long ago. While no members are
// known, the given ones are all there is.
//
// One endpoint is the current one. It stays until somebody says that it does not answer; then the
// next is the one that has not failed, or that failed longest ago.
//
// Threads: one.   Life: construct -> current / on_failure / on_answer / set_members, in any order.

#include <optional>
#include <vector>

#include "base/time.hh"
#include "io/address.hh"

namespace polis::client {

// Members tell a few addresses each; what goes beyond this is left out.
inline constexpr std::size_t kEndpointsMax = 100;

class EndpointPool {
 public:
  // `given`: at least one, in the order in which they are to be tried.
  explicit EndpointPool(std::vector<io::Address> given);

  const io::Address& current() const { return endpoints_[current_].address; }
  std::size_t size() const { return endpoints_.size(); }

  // The current one did not answer: another becomes current, if there is another.
  void on_failure(Instant now);
  // The current one answered: what it failed before is forgotten.
  void on_answer() { endpoints_[current_].failed_at.reset(); }
  // What the members tell of themselves, all of it; nothing: the members are not known. True: the
  // current endpoint has changed, since the old one is neither a member's nor given.
  bool set_members(const std::vector<io::Address>& members);

 private:
  struct Endpoint {
    io::Address address;
    bool given = false;
    bool member = false;
    std::optional<Instant> failed_at;  // nothing: not since it last answered
  };
  Endpoint* find(const io::Address& address);
  void choose_from(std::size_t first);

  std::vector<Endpoint> endpoints_;
  std::size_t current_ = 0;
};

}  // namespace polis::client
