#include "agent/local_agent.hh"

#include <fmt/format.h>

#include <sstream>

#include "io/posix_disk.hh"
#include "io/reactor.hh"

namespace polis::agent {
namespace {

// Below the range from which the kernel gives ports to whoever connects, so that the port of an
// instance that is down stays free for it.
constexpr std::uint16_t kPortFirst = 20'000, kPortEnd = 32'000;

PortNumbers read_ports(const std::string& path) {
  PortNumbers ports;
  std::istringstream in(io::read_file(path).value_or(""));
  std::string instance, port;
  std::uint16_t number = 0;
  while (in >> instance >> port >> number) ports[instance][port] = number;
  return ports;
}

std::string text_of(const PortNumbers& ports) {
  std::string text;
  for (const auto& [instance, numbers] : ports) {
    for (const auto& [port, number] : numbers)
      text += fmt::format("{} {} {}\n", instance, port, number);
  }
  return text;
}

}  // namespace

LocalAgent::LocalAgent(const Runner::Surroundings& surroundings, io::Network& network,
                       Places places, std::function<void(const std::string& line)> said)
    : around_(surroundings),
      network_(network),
      places_(std::move(places)),
      said_(std::move(said)) {}

Result<std::uint16_t> LocalAgent::free_port(const std::set<std::uint16_t>& taken) {
  const auto count = static_cast<std::uint64_t>(kPortEnd - kPortFirst);
  const std::uint64_t first = io::entropy() % count;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(kPortFirst + (first + i) % count);
    if (!taken.contains(port) && network_.listen({"127.0.0.1", port, {}}, [](auto) {})) return port;
  }
  return fail(ErrorCode::kUnavailable,
              fmt::format("no port between {} and {} is free", kPortFirst, kPortEnd));
}

// Numbers that were given once stay.
Result<PortNumbers> LocalAgent::allot(const model::Application& application) {
  const std::string path = places_.state + "/ports";
  PortNumbers ports = read_ports(path);
  std::set<std::uint16_t> taken;
  for (const auto& [instance, numbers] : ports) {
    for (const auto& [port, number] : numbers) taken.insert(number);
  }
  for (const auto& [instance, port] : ports_needed(application)) {
    if (ports[instance].contains(port)) continue;
    auto number = free_port(taken);
    if (!number) return std::unexpected(number.error());
    taken.insert(*number);
    ports[instance][port] = *number;
  }
  if (auto made = around_.disk.make_directory(places_.state); !made)
    return std::unexpected(made.error());
  if (auto written = io::write_file_atomically(path, text_of(ports)); !written)
    return std::unexpected(written.error());
  return ports;
}

Result<void> LocalAgent::apply(const model::Application& application) {
  auto ports = allot(application);
  if (!ports) return std::unexpected(ports.error());
  auto plans = plan_here(application, places_, *ports);
  if (!plans) return std::unexpected(plans.error());
  requires_.clear();
  for (const model::Service& service : application.services) {
    for (const model::Dependency& dependency : service.depends_on) {
      if (dependency.kind == model::DependencyKind::kRequired)
        requires_[service.name].push_back(dependency.name);
    }
  }
  auto before = std::exchange(instances_, {});
  for (PlannedInstance& planned : *plans) {
    auto old = before.find(planned.name);
    if (old == before.end()) {
      // One that was to go may still be on its way.
      old = leaving_.find(planned.name);
      if (old != leaving_.end()) before.insert(leaving_.extract(old));
      old = before.find(planned.name);
    }
    Kept kept{.planned = std::move(planned), .runner = {}, .wanted = false, .said = {}};
    const std::string name = kept.planned.name;
    if (old != before.end()) {
      kept.runner = std::move(old->second.runner);
      before.erase(old);
    } else {
      kept.runner = std::make_unique<Runner>(around_, name, kept.planned.directory,
                                             [this, name] { on_changed(name); });
    }
    instances_.emplace(name, std::move(kept));
  }
  for (auto& [name, kept] : before) {
    kept.runner->want_nothing("it is not in the application any more");
    leaving_.insert_or_assign(name, std::move(kept));
  }
  advance();
  return {};
}

void LocalAgent::stop(std::function<void()> done) {
  stopped_ = std::move(done);
  advance();
}

bool LocalAgent::may_start(const std::string& service) const {
  auto needed = requires_.find(service);
  if (needed == requires_.end()) return true;
  return std::all_of(needed->second.begin(), needed->second.end(), [&](const std::string& name) {
    return std::any_of(instances_.begin(), instances_.end(), [&](const auto& one) {
      const Kept& kept = one.second;
      return kept.planned.service == name && kept.wanted && kept.runner->instance().serves();
    });
  });
}

// Nobody that requires it is left.
bool LocalAgent::may_stop(const std::string& service) const {
  return std::none_of(instances_.begin(), instances_.end(), [&](const auto& one) {
    auto needed = requires_.find(one.second.planned.service);
    return !one.second.runner->gone() && needed != requires_.end() &&
           std::find(needed->second.begin(), needed->second.end(), service) != needed->second.end();
  });
}

void LocalAgent::want(Kept& kept) {
  kept.wanted = true;
  for (const std::string& directory : kept.planned.directories) {
    if (auto made = around_.disk.make_directory(directory); !made)
      said_(fmt::format("{}: {}", kept.planned.name, made.error().text));
  }
  for (const PlannedFile& file : kept.planned.files) {
    auto written = io::write_file_atomically(
        file.path, file.content,
        (file.mode & 044) != 0 ? io::Readable::kByAll : io::Readable::kByOwner);
    if (!written) said_(fmt::format("{}: {}", kept.planned.name, written.error().text));
  }
  kept.runner->want(kept.planned.plan);
}

void LocalAgent::advance() {
  if (stopped_) {
    for (auto& [name, kept] : instances_) {
      if (may_stop(kept.planned.service)) kept.runner->want_nothing("everything is to stop");
    }
  } else {
    // What one of them waits for may stand behind it.
    for (bool more = true; more;) {
      more = false;
      for (auto& [name, kept] : instances_) {
        if (kept.wanted || !may_start(kept.planned.service)) continue;
        want(kept);
        more = true;
      }
    }
  }
  std::erase_if(leaving_, [](const auto& one) { return one.second.runner->gone(); });
  if (!stopped_ || !leaving_.empty()) return;
  if (std::all_of(instances_.begin(), instances_.end(),
                  [](const auto& one) { return one.second.runner->gone(); }))
    around_.loop.post(std::exchange(stopped_, [] {}));
}

void LocalAgent::on_changed(const std::string& name) {
  auto& group = instances_.contains(name) ? instances_ : leaving_;
  auto found = group.find(name);
  if (found == group.end()) return;  // it has been taken out meanwhile
  const Runner& runner = *found->second.runner;
  const Instance& instance = runner.instance();
  std::string line = fmt::format("{} {}", name, to_string(instance.phase()));
  if (instance.phase() == Phase::kRunning)
    line += fmt::format(", {}", to_string(instance.health()));
  if (runner.process() != 0) line += fmt::format(" (process {})", runner.process());
  line += ": " + instance.why();
  if (std::exchange(found->second.said, line) != line) said_(line);
  advance();
}

bool LocalAgent::all_serve() const {
  return std::all_of(instances_.begin(), instances_.end(),
                     [](const auto& one) { return one.second.runner->instance().serves(); });
}

}  // namespace polis::agent
