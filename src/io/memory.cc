#include "io/memory.hh"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>

// jemalloc's, where the binary has it.
extern "C" int mallctl(const char* name, void* old, std::size_t* old_length, void* fresh,
                       std::size_t fresh_length) __attribute__((weak));

namespace polis::io {
namespace {

std::optional<std::uint64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string text;
  if (!(in >> text)) return std::nullopt;
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;  // "max"
  return number;
}

// The group and all around it, from the inside out.
void lower(MemoryLimit& limit, const std::filesystem::path& mount, std::filesystem::path group,
           const char* file) {
  while (true) {
    const auto path = mount / group.relative_path() / file;
    if (auto bytes = number_in(path); bytes && *bytes < limit.bytes)
      limit = {*bytes, path.string()};
    if (!group.has_relative_path()) return;
    group = group.parent_path();
  }
}

}  // namespace

MemoryLimit memory_limit(const std::string& root, const std::string& self) {
  MemoryLimit limit{static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                    "the machine's memory"};
  std::ifstream in(self);
  for (std::string line; std::getline(in, line);) {  // NUMBER:CONTROLLERS:GROUP
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      lower(limit, root, group, "memory.max");
      lower(limit, root + "/unified", group, "memory.max");
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      lower(limit, root + "/memory", group, "memory.limit_in_bytes");
    }
  }
  return limit;
}

std::uint64_t memory_used() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t size = 0, resident = 0, shared = 0;
  if (!(in >> size >> resident >> shared) || resident < shared) return 0;
  return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void give_free_memory_back() {
  constexpr const char* kPurgeAll = "arena.4096.purge";  // MALLCTL_ARENAS_ALL
  if (mallctl != nullptr) mallctl(kPurgeAll, nullptr, nullptr, nullptr, 0);
}

}  // namespace polis::io
