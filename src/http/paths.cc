#include "http/paths.hh"

#include <fmt/format.h>

#include <vector>

#include "http/grpc.hh"

namespace polis::http {
namespace {

// Calls use(part) for what stands between slashes, until it says false.
template <typename Use>
bool all_parts(std::string_view path, const Use& use) {
  while (true) {
    const std::size_t slash = path.find('/');
    if (!use(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~$&+,/:;=@").find(c) != std::string_view::npos;
}

}  // namespace

std::string decoded_path(std::string_view path) { return percent_decode(path); }

bool is_clean(std::string_view path) {
  if (path == "/") return true;
  if (!path.starts_with('/')) return false;
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  return all_parts(path, [](std::string_view p) { return !p.empty() && p != "." && p != ".."; });
}

std::string cleaned_path(std::string_view path) {
  std::vector<std::string_view> parts;
  all_parts(path, [&](std::string_view part) {
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    return true;
  });
  std::string out;
  for (std::string_view part : parts) {
    out += '/';
    out += part;
  }
  if (path.ends_with('/') || out.empty()) out += '/';
  return out;
}

std::string encoded_path(std::string_view path) {
  std::string out;
  for (char c : path) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace polis::http
