#include "model/check_parts.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "model/form.hh"
#include "model/schedule.hh"

namespace polis::model {
namespace {

constexpr std::int64_t kCriticalTier = 1;  // and more critical ones: what they need is reserved

// What only a shell understands.
bool is_shell_word(const std::string& word) {
  static constexpr const char* kWords[] = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1", "2>"};
  return std::ranges::find(kWords, word) != std::end(kWords);
}

void check_command(const Words& command, const std::string& path, const Report& report) {
  const auto found = std::ranges::find_if(command, is_shell_word);
  if (found == command.end() || command.front().ends_with("sh")) return;
  report.note(path, fmt::format("no shell reads this, so '{}' is an argument like the others; "
                                "write [sh, -c, \"...\"] if you want one",
                                *found));
}

void check_program(const Start& start, const std::optional<Artifact>& artifact,
                   const std::string& image, const std::string& path, const Report& report) {
  if (start.command.empty() && image.empty())
    report.error(path, "'start.command' is missing: what is to run?");
  check_command(start.command, path + ".start.command", report);
  if (artifact && !artifact->url.empty() && artifact->digest.empty())
    report.error(path + ".artifact", "'digest' is missing: what a URL gives may change");
  if (!image.empty() && image.find("@sha256:") == std::string::npos)
    report.note(path + ".image", "has no digest (@sha256:...), so it may change under its name");
}

void check_instances(const Service& service, const std::string& path, const Report& report) {
  const bool several = service.per_machine || service.instances > 1;
  if (service.exclusive && several)
    report.error(path + ".exclusive",
                 fmt::format("an exclusive service has one instance, and this one has {}",
                             service.per_machine ? "one on each machine"
                                                 : fmt::format("{}", service.instances)));
  if (service.per_machine && !service.volumes.empty())
    report.error(path + ".volumes",
                 "a volume belongs to an index, and with 'per_machine' there is none; use "
                 "'instances'");
}

void check_update(const Service& service, const std::string& path, const Report& report) {
  const Update& update = service.update;
  const char* why = service.exclusive          ? "is exclusive"
                    : service.per_machine      ? "runs once on each machine"
                    : !service.volumes.empty() ? "has volumes, which belong to an index"
                                               : nullptr;
  if (update.max_surge.value > 0 && why != nullptr)
    report.error(path + ".update.max_surge",
                 fmt::format("must be 0: the service {}, so no instance can run in addition", why));
  if (update.max_surge.value == 0 && update.max_unavailable.value == 0)
    report.error(path + ".update",
                 "max_unavailable and max_surge are both 0, so no instance could ever be replaced");
}

void check_ports(const Service& service, const std::string& path, const Report& report) {
  std::map<std::pair<std::int64_t, Protocol>, std::string> taken;
  for (const Port& port : service.ports) {
    if (port.port == 0) continue;
    const std::string at = path + ".ports." + port.name;
    const auto [first, fresh] = taken.emplace(std::pair(port.port, port.protocol), port.name);
    if (!fresh)
      report.error(at, fmt::format("port {} is also that of '{}'", port.port, first->second));
    if (service.instances > 1)
      report.note(at, fmt::format("with the fixed port {} each of the {} instances needs a machine "
                                  "of its own; 'dynamic' does not",
                                  port.port, service.instances));
  }
}

void check_volumes(const Service& service, const std::string& path, const Report& report) {
  std::map<std::string, std::string> taken;
  for (const Volume& volume : service.volumes) {
    if (volume.path.empty()) continue;
    const auto [first, fresh] = taken.emplace(volume.path, volume.name);
    if (!fresh)
      report.error(path + ".volumes." + volume.name,
                   fmt::format("'{}' is also the path of '{}'", volume.path, first->second));
  }
}

void check_health(const Service& service, const std::string& path, const Report& report) {
  if (!service.healthcheck) {
    report.note(path,
                "has no healthcheck: it counts as healthy as long as its process runs, and a "
                "release of it as good");
    return;
  }
  check_command(service.healthcheck->command, path + ".healthcheck.command", report);
}

void check_restart(const Service& service, const std::string& path, const Report& report) {
  if (service.restart.delay > service.restart.delay_max)
    report.error(path + ".restart", "'delay' is longer than 'delay_max'");
}

void check_resources(const Resources& resources, std::int64_t tier, const std::string& path,
                     const Report& report) {
  if (resources.memory_limit < resources.memory)
    report.error(path + ".resources.memory_limit", "is less than 'memory', which is reserved");
  if (resources.cpu_limit > 0 && resources.cpu_limit < resources.cpu)
    report.error(path + ".resources.cpu_limit", "is less than 'cpu', which is reserved");
  if (tier <= kCriticalTier && resources.memory == 0)
    report.note(path,
                fmt::format("reserves no memory (resources.memory), so nobody can tell whether all "
                            "of tier {} still fits when a machine is lost",
                            tier));
}

void check_places(const Places& places, const std::string& path, const Report& report) {
  for (const std::string& one : places.near) {
    if (std::ranges::find(places.apart_from, one) != places.apart_from.end())
      report.error(path + ".places", fmt::format("'{}' is to be near and apart", one));
  }
}

}  // namespace

void check_parts(const Service& service, const std::string& path, const Report& report) {
  check_program(service.start, service.artifact, service.image, path, report);
  check_command(service.stop.command, path + ".stop.command", report);
  check_command(service.appconfig.command, path + ".appconfig.command", report);
  check_instances(service, path, report);
  check_update(service, path, report);
  check_ports(service, path, report);
  check_volumes(service, path, report);
  check_health(service, path, report);
  check_restart(service, path, report);
  check_resources(service.resources, service.tier, path, report);
  check_places(service.places, path, report);
}

void check_parts(const Job& job, const std::string& path, const Report& report) {
  check_program(job.start, job.artifact, job.image, path, report);
  check_resources(job.resources, kCriticalTier + 1, path, report);
  check_places(job.places, path, report);
  if (job.schedule.empty()) return;
  const auto schedule = parse_schedule(job.schedule);
  const CivilMinute any = std::chrono::local_days(std::chrono::year(2000) / 1 / 1);
  if (schedule && !next_after(*schedule, any))
    report.error(path + ".schedule", fmt::format("'{}' never comes", job.schedule));
}

}  // namespace polis::model
