#include "agent/local_plan.hh"

#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include "base/sha256.hh"
#include "io/users.hh"
#include "model/references.hh"

namespace polis::agent {
namespace {

using model::Application;
using model::Service;

std::int64_t count_of(const Service& service) {
  return service.per_machine ? 1 : service.instances;
}

std::string key_of(const Service& service, std::int64_t index) {
  return fmt::format("{}.{}", service.name, index);
}

std::uint16_t number_of(const PortNumbers& ports, const std::string& key, const model::Port& port) {
  if (port.port != 0) return static_cast<std::uint16_t>(port.port);
  return ports.at(key).at(port.name);
}

std::unexpected<Error> absent(const std::string& what, const std::string& name) {
  return fail(ErrorCode::kInvalid, fmt::format("{}: {}", name, what));
}

Result<void> check(const Application& application) {
  if (!application.jobs.empty())
    return absent("jobs are not run without a cell",
                  application.name + "/" + application.jobs.front().name);
  for (const Service& service : application.services) {
    const std::string name = application.name + "/" + service.name;
    if (!service.image.empty()) return absent("images are not run yet", name);
    if (service.artifact && service.artifact->directory.empty())
      return absent("only an artifact that is a directory can be used without a cell", name);
    if (service.healthcheck && service.healthcheck->grpc)
      return absent("gRPC checks are not made yet; tcp, http, command and notify are", name);
  }
  return {};
}

// What ${...} stands for in the texts of one instance.
class Facts {
 public:
  Facts(const Application& application, const Service& service, std::int64_t index,
        const Places& places, const PortNumbers& ports, const std::string& directory) {
    const std::string key = key_of(service, index);
    for (const model::Port& port : service.ports)
      values_["port." + port.name] = std::to_string(number_of(ports, key, port));
    for (const auto& [name, value] : service.config.values) values_["config." + name] = value;
    for (const auto& file : service.config.files)
      values_["file." + file.name] = directory + "/config/" + file.name;
    for (const auto& volume : service.volumes)
      values_["volume." + volume.name] =
          fmt::format("{}/volumes/{}/{}", places.state, key, volume.name);
    for (const Service& other : application.services) add_endpoints(other, ports);
    values_["application.name"] = application.name;
    values_["instance.service"] = service.name;
    values_["instance.index"] = std::to_string(index);
    values_["instance.id"] = application.name + "." + key;
    values_["instance.directory"] = directory + "/work";
    values_["machine.name"] = places.machine;
    values_["machine.address"] = "127.0.0.1";
    values_["machine.place"] = "";
  }

  Result<std::string> operator()(const std::string& text) const {
    return model::render(text, values_);
  }
  std::string value(const std::string& name) const { return values_.find(name)->second; }

 private:
  void add_endpoints(const Service& other, const PortNumbers& ports) {
    for (const model::Port& port : other.ports) {
      std::string all;
      for (std::int64_t i = 0; i < count_of(other); ++i)
        all += fmt::format("{}127.0.0.1:{}", all.empty() ? "" : ",",
                           number_of(ports, key_of(other, i), port));
      const std::string name = "service." + other.name + ".endpoints";
      values_[name + "." + port.name] = all;
      if (other.ports.size() == 1) values_[name] = all;
    }
  }
  model::Values values_;
};

Result<std::vector<std::string>> rendered(const model::Words& words, const Facts& facts) {
  std::vector<std::string> all;
  for (const std::string& word : words) {
    auto text = facts(word);
    if (!text) return std::unexpected(text.error());
    all.push_back(std::move(*text));
  }
  return all;
}

int signal_of(const std::string& name) {
  for (int number = 1; number < 32; ++number) {
    const char* abbreviation = ::sigabbrev_np(number);
    if (abbreviation != nullptr && name == abbreviation) return number;
  }
  return 0;
}

InstanceOptions options_of(const Service& service) {
  InstanceOptions options;
  using Policy = model::RestartPolicy;
  using When = RestartOptions::When;
  options.restart = {.when = service.restart.policy == Policy::kAlways      ? When::kAlways
                             : service.restart.policy == Policy::kOnFailure ? When::kOnFailure
                                                                            : When::kNever,
                     .backoff_min = service.restart.delay,
                     .backoff_max = service.restart.delay_max,
                     .stable_after = service.restart.reset_after,
                     .loop_ends = static_cast<int>(service.restart.crash_loop_ends),
                     .loop_window = service.restart.crash_loop_window};
  options.stop_grace = service.stop.grace + std::chrono::seconds(1);  // the shim kills by itself
  if (const auto& check = service.healthcheck) {
    options.checked = !check->notify;
    options.says_ready = check->notify;
    options.ready_timeout = std::max(check->start_period, Duration(std::chrono::seconds(1)));
    options.health = {.healthy_after = static_cast<int>(check->healthy_threshold),
                      .unhealthy_after = static_cast<int>(check->unhealthy_threshold),
                      .start_period = check->start_period};
    options.unhealthy_restart_after = check->restart_after;
  }
  return options;
}

// A check's port by its name; the only one if it names none.
io::Address address_of(const Service& service, const std::string& port, const Facts& facts) {
  const std::string& name = port.empty() ? service.ports.front().name : port;
  return {"127.0.0.1", static_cast<std::uint16_t>(std::stoi(facts.value("port." + name))), {}};
}

Result<std::optional<ProbeKind>> probe_of(const Service& service, const InstanceSpec& spec,
                                          const Facts& facts) {
  if (!service.healthcheck || service.healthcheck->notify) return std::nullopt;
  const model::Healthcheck& check = *service.healthcheck;
  if (check.tcp) return TcpProbe{address_of(service, check.tcp->port, facts)};
  if (check.http)
    return HttpProbe{address_of(service, check.http->port, facts), check.http->host,
                     check.http->path, static_cast<int>(check.http->status)};
  auto words = rendered(check.command, facts);
  if (!words) return std::unexpected(words.error());
  if (words->front().find('/') != std::string::npos && !words->front().starts_with('/'))
    words->front() = spec.directory + "/" + words->front();
  return CommandProbe{
      {.words = *words, .environment = spec.environment, .directory = spec.directory}};
}

// In the environment, so that a changed file is another version, which restarts the instance.
std::string digest_of(const std::vector<PlannedFile>& files) {
  std::string all;
  for (const PlannedFile& file : files) all += file.path + '\0' + file.content + '\0';
  return sha256_hex(all);
}

Result<InstanceSpec> spec_of(const Application& application, const Service& service,
                             const Facts& facts, const Places& places, const std::string& id,
                             const std::string& directory, const std::vector<PlannedFile>& files) {
  InstanceSpec spec;
  spec.directory = directory + "/work";
  if (service.artifact) {
    const std::string& from = service.artifact->directory;
    spec.directory = from.starts_with('/') ? from : places.files + "/" + from;
  }
  if (!service.start.working_directory.empty()) {
    auto given = facts(service.start.working_directory);
    if (!given) return std::unexpected(given.error());
    spec.directory = given->starts_with('/') ? *given : spec.directory + "/" + *given;
  }
  model::Words command = service.start.command;
  command.insert(command.end(), service.start.args.begin(), service.start.args.end());
  auto words = rendered(command, facts);
  if (!words) return std::unexpected(words.error());
  spec.words = std::move(*words);
  if (spec.words.front().find('/') != std::string::npos && !spec.words.front().starts_with('/'))
    spec.words.front() = spec.directory + "/" + spec.words.front();
  std::map<std::string, std::string> environment = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"POLIS_APPLICATION", application.name},
      {"POLIS_SERVICE", service.name},
      {"POLIS_INSTANCE", id}};
  for (const auto& [name, value] : service.start.env) {
    auto text = facts(value);
    if (!text) return std::unexpected(text.error());
    environment[name] = *text;
  }
  if (!files.empty()) environment["POLIS_CONFIG"] = digest_of(files);
  for (const auto& [name, value] : environment) spec.environment.push_back(name + "=" + value);
  if (!service.start.user.empty()) {
    auto user = io::find_user(service.start.user);
    if (!user) return std::unexpected(user.error());
    spec.identity = Identity{user->id, user->group, user->groups};
    if (!service.start.group.empty()) {
      auto group = io::find_group(service.start.group);
      if (!group) return std::unexpected(group.error());
      spec.identity->group = *group;
    }
  }
  spec.umask = static_cast<std::uint32_t>(service.start.umask);
  spec.no_new_privileges = service.start.no_new_privileges;
  if (service.resources.open_files > 0) {
    const auto most = static_cast<std::uint64_t>(service.resources.open_files);
    spec.limits.push_back({RLIMIT_NOFILE, most, most});
  }
  spec.stop_signal = signal_of(service.stop.signal);
  spec.grace = service.stop.grace;
  auto stop_command = rendered(service.stop.command, facts);
  if (!stop_command) return std::unexpected(stop_command.error());
  spec.stop_command = std::move(*stop_command);
  spec.log_directory = directory + "/logs";
  spec.log_bytes_max = static_cast<std::uint64_t>(service.logs.file_size);
  spec.log_files_max = static_cast<std::uint64_t>(service.logs.files);
  if (service.healthcheck && service.healthcheck->notify) spec.notify = shim::NotifyFrom::kAll;
  return spec;
}

Result<PlannedInstance> plan_one(const Application& application, const Service& service,
                                 std::int64_t index, const Places& places,
                                 const PortNumbers& ports) {
  const std::string key = key_of(service, index);
  PlannedInstance planned{.name = application.name + "." + key,
                          .service = service.name,
                          .directory = places.state + "/instances/" + key,
                          .directories = {},
                          .files = {},
                          .plan = {}};
  const Facts facts(application, service, index, places, ports, planned.directory);
  planned.directories = {planned.directory + "/work", planned.directory + "/config"};
  for (const auto& volume : service.volumes)
    planned.directories.push_back(facts.value("volume." + volume.name));
  for (const auto& file : service.config.files) {
    auto content = file.render ? facts(file.content) : Result<std::string>(file.content);
    if (!content) return std::unexpected(content.error());
    planned.files.push_back(
        {facts.value("file." + file.name), *content, static_cast<std::uint32_t>(file.mode)});
  }
  auto spec =
      spec_of(application, service, facts, places, planned.name, planned.directory, planned.files);
  if (!spec) return std::unexpected(spec.error());
  auto probe = probe_of(service, *spec, facts);
  if (!probe) return std::unexpected(probe.error());
  planned.plan.spec = std::move(*spec);
  planned.plan.options = options_of(service);
  planned.plan.probe = std::move(*probe);
  if (service.healthcheck) {
    planned.plan.probe_interval = service.healthcheck->interval;
    planned.plan.probe_timeout = service.healthcheck->timeout;
  }
  return planned;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ports_needed(const Application& application) {
  std::vector<std::pair<std::string, std::string>> needed;
  for (const Service& service : application.services) {
    for (std::int64_t i = 0; i < count_of(service); ++i) {
      for (const model::Port& port : service.ports) {
        if (port.port == 0) needed.emplace_back(key_of(service, i), port.name);
      }
    }
  }
  return needed;
}

Result<std::vector<PlannedInstance>> plan_here(const Application& application, const Places& places,
                                               const PortNumbers& ports) {
  if (auto possible = check(application); !possible) return std::unexpected(possible.error());
  std::vector<PlannedInstance> all;
  for (const Service& service : application.services) {
    for (std::int64_t i = 0; i < count_of(service); ++i) {
      auto planned = plan_one(application, service, i, places, ports);
      if (!planned)
        return fail(planned.error().code,
                    fmt::format("{}/{}: {}", application.name, service.name, planned.error().text));
      all.push_back(std::move(*planned));
    }
  }
  return all;
}

}  // namespace polis::agent
