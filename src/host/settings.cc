#include "host/settings.hh"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>

namespace polis::host {

const char* to_string(Source source) {
  switch (source) {
    case Source::kDefault:
      return "default";
    case Source::kFile:
      return "file";
    case Source::kEnvironment:
      return "environment";
    case Source::kFlag:
      return "flag";
  }
  return "?";
}

namespace {

std::string environment_name(std::string name) {
  for (char& c : name)
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "POLIS_" + name;
}

Result<void> read_file(SettingTable table, const std::string& file, SettingValues& values) {
  try {
    YAML::Node root = YAML::LoadFile(file);
    if (root.IsNull()) return {};  // comments alone
    if (!root.IsMap())
      return fail(ErrorCode::kInvalid,
                  file + ": must be a map of settings, for example 'data-dir: /var/lib/polis'");
    for (auto entry : root) {
      auto key = entry.first.as<std::string>();
      auto info = std::find_if(table.begin(), table.end(),
                               [&](const SettingInfo& one) { return one.name == key; });
      auto found = values.find(key);
      if (info == table.end() || found == values.end()) {
        return fail(
            ErrorCode::kInvalid,
            fmt::format("{}: line {}: there is no setting '{}'; `polis config dump` lists them",
                        file, entry.first.Mark().line + 1, key));
      }
      if (entry.second.IsMap() && info->map) {
        std::string text;
        for (auto member : entry.second) {
          text += (text.empty() ? "" : ",") + member.first.as<std::string>() + "=" +
                  member.second.as<std::string>();
        }
        found->second = {text, Source::kFile};
      } else if (entry.second.IsScalar()) {
        found->second = {entry.second.as<std::string>(), Source::kFile};
      } else {
        return fail(ErrorCode::kInvalid, fmt::format("{}: line {}: '{}' must be a single value",
                                                     file, entry.second.Mark().line + 1, key));
      }
    }
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::kInvalid, fmt::format("{}: {}", file, error.what()));
  }
  return {};
}

}  // namespace

Result<SettingValues> collect_settings(SettingTable table, const std::string& file,
                                       const std::map<std::string, std::string>& flags,
                                       const std::map<std::string, std::string>& environment) {
  SettingValues values;
  for (const SettingInfo& info : table) values[info.name] = {info.standard, Source::kDefault};
  if (!file.empty()) {
    if (auto done = read_file(table, file, values); !done) return std::unexpected(done.error());
  }
  for (auto& [name, value] : values) {
    if (auto found = environment.find(environment_name(name)); found != environment.end())
      value = {found->second, Source::kEnvironment};
    if (auto found = flags.find(name); found != flags.end()) value = {found->second, Source::kFlag};
  }
  return values;
}

void SettingReader::wrong(const char* name, const std::string& remedy) {
  if (!error_.empty()) return;
  error_ = fmt::format("setting '{}' is '{}' (from {}): {}", name, text(name),
                       to_string(values_.at(name).source), remedy);
}

std::uint64_t SettingReader::number(const char* name, std::uint64_t min, std::uint64_t max) {
  const std::string& t = text(name);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
  if (error != std::errc() || end != t.data() + t.size() || value < min || value > max) {
    wrong(name, fmt::format("must be a whole number from {} to {}", min, max));
  }
  return value;
}

Duration SettingReader::duration(const char* name) {
  const std::string& t = text(name);
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
  std::string_view unit(end, static_cast<std::size_t>(t.data() + t.size() - end));
  if (error == std::errc() && value > 0 && unit == "ms") return std::chrono::milliseconds(value);
  if (error == std::errc() && value > 0 && unit == "s") return std::chrono::seconds(value);
  if (error == std::errc() && value > 0 && unit == "m") return std::chrono::minutes(value);
  if (error == std::errc() && value > 0 && unit == "h") return std::chrono::hours(value);
  wrong(name, "must be a time such as 50ms, 7s, 10m or 1h");
  return {};
}

io::Address SettingReader::address(const char* name, io::NoScheme no_scheme) {
  auto parsed = io::parse_address(text(name), no_scheme);
  if (!parsed) wrong(name, parsed.error().text);
  return parsed.value_or(io::Address{});
}

std::vector<io::Address> SettingReader::addresses(const char* name, io::NoScheme no_scheme) {
  auto parsed = io::parse_addresses(text(name), no_scheme);
  if (!parsed) wrong(name, parsed.error().text);
  return parsed.value_or(std::vector<io::Address>{});
}

bool SettingReader::truth(const char* name) {
  const std::string& given = text(name);
  if (given != "true" && given != "false") wrong(name, "must be true or false");
  return given == "true";
}

std::vector<std::string> SettingReader::words(const char* name) {
  std::vector<std::string> found;
  std::string_view rest = text(name);
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    if (!one.empty()) found.emplace_back(one);
  }
  return found;
}

}  // namespace polis::host
