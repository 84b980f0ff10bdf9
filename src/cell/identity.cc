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
  std::uint64_t id = 0;
  std::uint64_t cell = 0;
  bool removed = false;
  bool begun = false;
  consensus::Protocol protocol = consensus::Protocol::kRaft;
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
    if (key == "id") identity.id = std::strtoull(value.c_str(), nullptr, 16);
    if (key == "cell") identity.cell = std::strtoull(value.c_str(), nullptr, 16);
    if (key == "removed") identity.removed = value == "yes";
    if (key == "begun") identity.begun = value == "yes";
    if (key == "protocol")
      identity.protocol = consensus::protocol_of(value).value_or(consensus::Protocol::kRaft);
    if (key == "incarnation") identity.incarnation = std::strtoull(value.c_str(), nullptr, 10);
  }
  return identity;
}

}  // namespace

Result<std::optional<Owner>> owner_of(const std::string& data_dir) {
  const std::string path = data_dir + "/identity";
  auto text = io::read_file(path);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  Identity found = parse(*text);
  if (found.format == 0) {
    return fail(ErrorCode::kCorrupt,
                path +
                    " is damaged; if this directory is this replica's, restore the file from "
                    "another copy");
  }
  if (found.format > kFormat) {
    return fail(ErrorCode::kInvalid, fmt::format("{} was written by a newer polis (format {}, this "
                                                 "one reads {}); start the newer binary",
                                                 path, found.format, kFormat));
  }
  Owner owner{.cluster = found.cluster, .name = found.name, .known = {}, .removed = found.removed};
  owner.known = {
      .cell = found.cell != 0 ? found.cell : cell_id_by_name(found.cluster),
      .id = found.id != 0 ? consensus::ReplicaId(found.id) : replica_id(found.cluster, found.name),
      .protocol = found.protocol,
      .begun = found.begun};
  return owner;
}

Result<std::optional<Known>> identity_in(const Settings& settings) {
  auto owner = owner_of(settings.data_dir);
  if (!owner) return std::unexpected(owner.error());
  if (!*owner) return std::nullopt;
  if ((*owner)->cluster != settings.cluster || (*owner)->name != settings.name) {
    return fail(ErrorCode::kInvalid,
                fmt::format("data directory {} belongs to replica '{}' of cell '{}', this is "
                            "replica '{}' of cell '{}'; choose another --data-dir",
                            settings.data_dir, (*owner)->name, (*owner)->cluster, settings.name,
                            settings.cluster));
  }
  if ((*owner)->removed) {
    return fail(ErrorCode::kInvalid,
                fmt::format("replica '{}' was removed from cell '{}'; its data in {} is of no use "
                            "any more. To take part again, add it with a new data directory",
                            settings.name, settings.cluster, settings.data_dir));
  }
  return (*owner)->known;
}

namespace {

Result<void> add_line(const Settings& settings, const std::string& line) {
  const std::string path = settings.data_dir + "/identity";
  auto text = io::read_file(path);
  if (!text) return std::unexpected(text.error());
  return io::write_file_atomically(path, *text + line);
}

}  // namespace

Result<void> mark_removed(const Settings& settings) { return add_line(settings, "removed: yes\n"); }

Result<void> mark_begun(const Settings& settings) { return add_line(settings, "begun: yes\n"); }

Result<std::uint64_t> claim_directory(const Settings& settings,
                                      std::uint64_t wall_clock_nanoseconds) {
  const std::string path = settings.data_dir + "/identity";
  std::uint64_t incarnation = wall_clock_nanoseconds;
  bool begun = false;
  if (auto text = io::read_file(path)) {
    const Identity before = parse(*text);
    incarnation = std::max(incarnation, before.incarnation + 1);
    begun = before.begun;
  }
  auto written = io::write_file_atomically(
      path,
      fmt::format("format: {}\ncluster: {}\nname: {}\ncell: {:x}\nid: {:x}\nprotocol: {}\n"
                  "incarnation: {}\n{}",
                  kFormat, settings.cluster, settings.name, settings.cell_id, settings.id.value,
                  to_string(settings.protocol), incarnation, begun ? "begun: yes\n" : ""));
  if (!written) return std::unexpected(written.error());
  return incarnation;
}

}  // namespace polis::cell
