#include "agent/instance_spec.hh"

#include <fmt/format.h>

#include "io/programs.hh"
#include "shim/fields.hh"

namespace polis::agent {
namespace {

constexpr std::size_t kNestedBytesMax = 16 << 10;  // of a control group or a listener

std::string_view with_zero(const std::string& text) { return {text.c_str(), text.size() + 1}; }

bool has_zero(const std::string& text) { return text.find('\0') != std::string::npos; }

std::uint64_t nanoseconds(Duration duration) {
  return duration.count() > 0 ? static_cast<std::uint64_t>(duration.count()) : 0;
}

void put_path(shim::FieldWriter& out, std::uint32_t field, const std::string& path) {
  if (!path.empty()) out.text(field, with_zero(path));
}

template <typename F>
bool put_nested(shim::FieldWriter& out, std::uint32_t field, F fill) {
  std::vector<char> buffer(kNestedBytesMax);
  shim::FieldWriter nested(buffer.data(), buffer.size());
  fill(nested);
  out.element(field, nested.bytes());
  return nested.ok();
}

bool put_identity(shim::FieldWriter& out, const Identity& identity) {
  out.number(shim::kUser, std::uint64_t{identity.user} + 1);
  out.number(shim::kGroup, std::uint64_t{identity.group} + 1);
  for (std::uint32_t group : identity.groups)
    out.number(shim::kUserGroup, std::uint64_t{group} + 1);
  return true;
}

bool put_limit(shim::FieldWriter& out, const ResourceLimit& limit) {
  return put_nested(out, shim::kRlimit, [&](shim::FieldWriter& nested) {
    nested.number(1, static_cast<std::uint64_t>(limit.resource));
    nested.number(2, limit.soft);
    nested.number(3, limit.hard);
  });
}

bool put_group(shim::FieldWriter& out, const ControlGroup& group) {
  return put_nested(out, shim::kControlGroup, [&](shim::FieldWriter& nested) {
    nested.text(shim::kGroupPath, with_zero(group.path));
    nested.number(shim::kGroupKind, static_cast<std::uint64_t>(group.kind));
    for (const ControlGroup::Setting& setting : group.settings) {
      put_nested(nested, shim::kSetting, [&](shim::FieldWriter& inner) {
        inner.text(1, with_zero(setting.file));
        inner.element(2, setting.value);
        inner.number(3, setting.optional);
      });
    }
  });
}

bool put_listener(shim::FieldWriter& out, const ListeningSocket& listener) {
  return put_nested(out, shim::kListener, [&](shim::FieldWriter& nested) {
    nested.text(shim::kListenerName, with_zero(listener.name));
    nested.text(shim::kListenerAddress, with_zero(listener.address));
    nested.number(shim::kListenerBacklog, listener.backlog);
    nested.number(shim::kListenerReusePort, listener.reuse_port);
  });
}

// What a shim would refuse.
Result<void> check(const InstanceSpec& spec) {
  const auto wrong = [](std::string text) { return fail(ErrorCode::kInvalid, std::move(text)); };
  if (spec.words.empty() || !spec.words.front().starts_with('/'))
    return wrong("the command needs a program with an absolute path");
  if (!spec.stop_command.empty() && !spec.stop_command.front().starts_with('/'))
    return wrong("the stop command needs a program with an absolute path");
  for (const auto* list : {&spec.words, &spec.environment, &spec.stop_command})
    for (const std::string& text : *list)
      if (has_zero(text)) return wrong(fmt::format("'{}' contains a zero byte", text.c_str()));
  for (const std::string* path :
       {&spec.directory, &spec.log_directory, &spec.inherit_from, &spec.private_tmp})
    if (!path->empty() && (!path->starts_with('/') || has_zero(*path)))
      return wrong(fmt::format("{} must be an absolute path", path->c_str()));
  const auto bounded = [](const char* what, std::size_t count, std::size_t most) -> Result<void> {
    if (count <= most) return {};
    return fail(ErrorCode::kInvalid,
                fmt::format("{} {} are too many; at most {}", count, what, most));
  };
  for (auto bound : {bounded("words of a command", spec.words.size(), shim::kWordsMax),
                     bounded("words of a stop command", spec.stop_command.size(), shim::kWordsMax),
                     bounded("variables", spec.environment.size(), shim::kEnvironmentMax),
                     bounded("control groups", spec.control_groups.size(), shim::kControlGroupsMax),
                     bounded("listeners", spec.listeners.size(), shim::kListenersMax),
                     bounded("groups of a user", spec.identity ? spec.identity->groups.size() : 0,
                             shim::kUserGroupsMax)})
    if (!bound) return bound;
  for (const ListeningSocket& listener : spec.listeners)
    if (listener.name.empty() || listener.name.find(':') != std::string::npos)
      return wrong(
          fmt::format("'{}' is no name of a listener: it has a letter and no ':'", listener.name));
  if (spec.oom_score && (*spec.oom_score < -1000 || *spec.oom_score > 1000))
    return wrong(fmt::format("{} is no OOM score: -1000 to 1000", *spec.oom_score));
  return {};
}

void put_scalars(shim::FieldWriter& out, const InstanceSpec& spec) {
  out.number(shim::kNeeds, 1);
  put_path(out, shim::kDirectory, spec.directory);
  if (spec.umask) out.number(shim::kUmask, std::uint64_t{*spec.umask} + 1);
  out.number(shim::kNoNewPrivileges, spec.no_new_privileges);
  out.number(shim::kStopSignal, static_cast<std::uint64_t>(spec.stop_signal));
  out.number(shim::kGrace, nanoseconds(spec.grace));
  if (spec.exclusive) {
    out.number(shim::kExclusive, 1);
    out.number(shim::kLease, spec.exclusive->lease);
    out.number(shim::kDeadline, nanoseconds(spec.exclusive->deadline.time_since_epoch()));
  }
  put_path(out, shim::kLogDirectory, spec.log_directory);
  out.number(shim::kLogBytesMax, spec.log_bytes_max);
  out.number(shim::kLogFilesMax, spec.log_files_max);
  out.number(shim::kLogRate, spec.log_rate);
  out.number(shim::kLogBurst, spec.log_burst);
  out.number(shim::kNotify, static_cast<std::uint64_t>(spec.notify));
  put_path(out, shim::kInheritFrom, spec.inherit_from);
  put_path(out, shim::kPrivateTmp, spec.private_tmp);
  out.number(shim::kLinger, nanoseconds(spec.linger));
  if (spec.oom_score)
    out.number(shim::kOomScore, static_cast<std::uint64_t>(*spec.oom_score + 1001));
}

// What PATH says in the environment; empty: nothing.
std::string_view search_path(const std::vector<std::string>& environment) {
  for (const std::string& variable : environment)
    if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
  return {};
}

}  // namespace

Result<std::string> encode(const InstanceSpec& spec) {
  if (auto good = check(spec); !good) return std::unexpected(good.error());
  std::string file(shim::kSpecBytesMax, '\0');
  shim::FieldWriter out(file.data() + shim::kSpecHeader, file.size() - shim::kSpecHeader);
  bool fits = true;
  put_scalars(out, spec);
  for (const std::string& word : spec.words) out.element(shim::kWord, with_zero(word));
  for (const std::string& word : spec.stop_command) out.element(shim::kStopWord, with_zero(word));
  for (const std::string& variable : spec.environment)
    out.element(shim::kEnvironment, with_zero(variable));
  if (spec.identity) put_identity(out, *spec.identity);
  for (const ResourceLimit& limit : spec.limits) fits &= put_limit(out, limit);
  for (const ControlGroup& group : spec.control_groups) fits &= put_group(out, group);
  for (const ListeningSocket& listener : spec.listeners) fits &= put_listener(out, listener);
  if (!fits || !out.ok()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the command and its environment need more than {} bytes; put what is "
                            "large into a file",
                            shim::kSpecBytesMax));
  }
  file.resize(shim::kSpecHeader + out.bytes().size());
  shim::seal_spec(file.data(), file.size());
  return file;
}

Result<InstanceSpec> checked(InstanceSpec spec) {
  if (!spec.directory.empty())
    if (auto there = io::check_directory(spec.directory); !there)
      return std::unexpected(there.error());
  if (!spec.log_directory.empty())
    if (auto there = io::check_directory(spec.log_directory); !there)
      return std::unexpected(there.error());
  for (std::vector<std::string>* command : {&spec.words, &spec.stop_command}) {
    if (command == &spec.stop_command && command->empty()) continue;
    if (command->empty()) return fail(ErrorCode::kInvalid, "the command is empty");
    auto found = io::find_program(command->front(), search_path(spec.environment),
                                  spec.directory.empty() ? "/" : spec.directory);
    if (!found) return std::unexpected(found.error());
    command->front() = *found;
  }
  return spec;
}

}  // namespace polis::agent
