#include "cell/identity.hh"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "io/posix_disk.hh"

namespace polis::cell {
namespace {

constexpr int kFormat = 1;

struct Identity {
  int format = 0;
  std::string cluster, name;
  std::uint64_t incarnation = 0;
};

Identity parse(const std::string& text) {
  Identity identity;
  std::istringstream in(text);
  std::string line;
  while (std::getline(in, line)) {
    std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string key = line.substr(0, colon), value = line.substr(colon + 2);
    if (key == "format") identity.format = std::atoi(value.c_str());
    if (key == "cluster") identity.cluster = value;
    if (key == "name") identity.name = value;
    if (key == "incarnation") identity.incarnation = std::strtoull(value.c_str(), nullptr, 10);
  }
  return identity;
}

}  // namespace

Result<std::uint64_t> claim_directory(const Settings& settings,
                                      std::uint64_t wall_clock_nanoseconds) {
  const std::string path = settings.data_dir + "/identity";
  std::uint64_t incarnation = wall_clock_nanoseconds;
  auto text = io::read_file(path);
  if (text) {
    Identity found = parse(*text);
    if (found.format == 0)
      return fail(ErrorCode::kCorrupt, path +
                                           " is damaged; if this directory is this replica's, "
                                           "restore the file from another copy");
    if (found.format > kFormat) {
      return fail(ErrorCode::kInvalid, fmt::format("{} was written by a newer polis (format {}, "
                                                   "this one reads {}); start the newer binary",
                                                   path, found.format, kFormat));
    }
    if (found.cluster != settings.cluster || found.name != settings.name) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("data directory {} belongs to replica '{}' of cell '{}', this is "
                              "replica '{}' of cell '{}'; choose another --data-dir",
                              settings.data_dir, found.name, found.cluster, settings.name,
                              settings.cluster));
    }
    incarnation = std::max(incarnation, found.incarnation + 1);
  } else if (text.error().code != ErrorCode::kNotFound) {
    return std::unexpected(text.error());
  }
  auto written = io::write_file_atomically(
      path, fmt::format("format: {}\ncluster: {}\nname: {}\nincarnation: {}\n", kFormat,
                        settings.cluster, settings.name, incarnation));
  if (!written) return std::unexpected(written.error());
  return incarnation;
}

}  // namespace polis::cell
