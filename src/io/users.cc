#include "io/users.hh"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <optional>

namespace polis::io {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;  // of one entry of the name service
constexpr int kGroupsMax = 256;

std::optional<std::uint32_t> number_in(const std::string& text) {
  std::uint32_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

}  // namespace

Result<User> find_user(const std::string& name) {
  std::vector<char> buffer(kBufferBytes);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (auto number = number_in(name); found == nullptr && number)
    ::getpwuid_r(*number, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return fail(ErrorCode::kNotFound,
                fmt::format("this machine has no user {}; make it (adduser --system {}), or name "
                            "another one",
                            name, name));
  }
  User user{found->pw_name, found->pw_uid, found->pw_gid, {}, found->pw_dir, found->pw_shell};
  std::vector<gid_t> groups(kGroupsMax);
  int count = kGroupsMax;
  if (::getgrouplist(found->pw_name, found->pw_gid, groups.data(), &count) < 0) count = kGroupsMax;
  user.groups.assign(groups.begin(), groups.begin() + count);
  return user;
}

Result<std::uint32_t> find_group(const std::string& name) {
  std::vector<char> buffer(kBufferBytes);
  group entry{};
  group* found = nullptr;
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return found->gr_gid;
  if (auto number = number_in(name)) return *number;
  return fail(ErrorCode::kNotFound,
              fmt::format("this machine has no group {}; make it (addgroup --system {}), or name "
                          "another one",
                          name, name));
}

std::uint32_t own_user() { return ::geteuid(); }

}  // namespace polis::io
