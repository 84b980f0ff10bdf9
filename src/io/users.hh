#pragma once

// Users and groups of this machine, as its name service knows them.
//
// Threads: any. May take long where the name service asks another machine.

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hh"

namespace polis::io {

struct User {
  std::string name;
  std::uint32_t id = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;  // all that it is a member of
  std::string home;
  std::string shell;
};

// By name, or by number. kNotFound: there is none.
Result<User> find_user(const std::string& name);
// The number of a group, by name or by number. kNotFound: there is none.
Result<std::uint32_t> find_group(const std::string& name);
// Of this process.
std::uint32_t own_user();

}  // namespace polis::io
