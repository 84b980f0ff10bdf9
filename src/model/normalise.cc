#include "model/normalise.hh"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.hh"

namespace polis::model {
namespace {

template <typename Named>
void sort_by_name(std::vector<Named>& all) {
  std::ranges::sort(all, {}, &Named::name);
}

// The only TCP port, if none is named; one that is named must be there.
void choose_port(std::string& port, const Service& service, const std::string& path,
                 const Positions& positions, Problems& problems) {
  std::vector<std::string> all, tcp;
  for (const Port& one : service.ports) {
    all.push_back(one.name);
    if (one.protocol == Protocol::kTcp) tcp.push_back(one.name);
  }
  if (port.empty() && tcp.size() == 1) {
    port = tcp.front();
  } else if (port.empty()) {
    problems.error(positions.find(path), path,
                   fmt::format("'port' is missing: the service has {} TCP ports", tcp.size()));
  } else if (std::ranges::find(all, port) == all.end()) {
    problems.error(positions.find(path + ".port"), path,
                   fmt::format("the service has no port '{}'{}", port, did_you_mean(port, all)));
  } else if (std::ranges::find(tcp, port) == tcp.end()) {
    problems.error(positions.find(path + ".port"), path,
                   fmt::format("port '{}' is UDP; this needs TCP", port));
  }
}

void choose_ports(Service& service, const std::string& path, const Positions& positions,
                  Problems& problems) {
  if (service.healthcheck) {
    Healthcheck& check = *service.healthcheck;
    if (check.tcp)
      choose_port(check.tcp->port, service, path + ".healthcheck.tcp", positions, problems);
    if (check.http)
      choose_port(check.http->port, service, path + ".healthcheck.http", positions, problems);
    if (check.grpc)
      choose_port(check.grpc->port, service, path + ".healthcheck.grpc", positions, problems);
  }
  if (service.appconfig.http)
    choose_port(service.appconfig.http->port, service, path + ".appconfig.http", positions,
                problems);
}

// One more instance could not run beside the others, or only on a machine that may not be there.
bool cannot_surge(const Service& service) {
  const bool fixed_port =
      std::ranges::any_of(service.ports, [](const Port& one) { return one.port != 0; });
  return service.exclusive || service.per_machine || !service.volumes.empty() || fixed_port;
}

void choose_update(Service& service) {
  Update& update = service.update;
  const bool by_itself = update.max_surge.value == Share::kByItself;
  if (by_itself) update.max_surge = {cannot_surge(service) ? 0 : 1, false};
  if (update.max_unavailable.value == Share::kByItself)
    update.max_unavailable = {update.max_surge.value == 0 ? 1 : 0, false};
}

void choose_limit(Resources& resources) {
  if (resources.memory_limit == 0) resources.memory_limit = resources.memory;
}

void choose_appconfig(AppConfig& appconfig) {
  if (!appconfig.file && appconfig.signal.empty() && appconfig.command.empty() && !appconfig.http)
    appconfig.restart = true;
}

void sort_parts(Config& config, std::vector<Dependency>& uses) {
  sort_by_name(config.files);
  sort_by_name(uses);
}

}  // namespace

void normalise(Application& application, const Positions& positions, Problems& problems) {
  sort_by_name(application.services);
  sort_by_name(application.jobs);
  std::ranges::sort(application.secrets);
  for (Service& service : application.services) {
    if (service.version.empty()) service.version = application.version;
    sort_parts(service.config, service.depends_on);
    sort_by_name(service.ports);
    sort_by_name(service.volumes);
    choose_limit(service.resources);
    choose_appconfig(service.appconfig);
    choose_update(service);
    choose_ports(service, "services." + service.name, positions, problems);
  }
  for (Job& job : application.jobs) {
    sort_parts(job.config, job.depends_on);
    choose_limit(job.resources);
  }
}

}  // namespace polis::model
