#include "client/types.hh"

namespace polis::client {
namespace {

const std::string kEverythingBehind(1, '\0');

}  // namespace

Keys Keys::with_prefix(std::string prefix) {
  std::string end = prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return from(std::move(prefix));
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::move(prefix), std::move(end)};
}

Keys Keys::from(std::string first) {
  // The first possible key is one zero byte: an empty one would mean "no key" to the cell.
  if (first.empty()) first.push_back('\0');
  return {std::move(first), kEverythingBehind};
}

bool Keys::contains(std::string_view key) const {
  if (end_.empty()) return key == first_;
  return key >= first_ && (end_ == kEverythingBehind || key < end_);
}

Keys Keys::behind(const std::string& key) const {
  // No key lies between a key and the same one with a zero byte behind it.
  std::string next = key + '\0';
  // One key has nothing behind it: an empty range, which reads understand.
  if (end_.empty()) return {next, next};
  return {std::move(next), end_};
}

}  // namespace polis::client
