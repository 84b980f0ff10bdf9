#include "model/check.hh"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/nearest.hh"
#include "model/check_parts.hh"
#include "model/keys.hh"
#include "model/order.hh"
#include "model/reference_check.hh"
#include "model/references.hh"

namespace polis::model {
namespace {

constexpr std::size_t kWayShown = 12;  // names of a way in a message

// "a -> b -> c"; of a long way the middle is left out.
std::string way_text(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool middle = i >= kWayShown / 2 && i + kWayShown / 2 < names.size();
    if (middle && i > kWayShown / 2) continue;
    text += (i == 0 ? "" : " -> ") + (middle ? "..." : names[i]);
  }
  return text;
}

class Checker {
 public:
  Checker(const Application& application, const Positions& positions,
          const Surroundings& surroundings)
      : application_(application), positions_(positions), surroundings_(surroundings) {
    for (const Service& service : application.services) {
      services_.push_back(service.name);
      by_name_.emplace(service.name, &service);
      for (const Dependency& use : service.depends_on) {
        if (use.kind == DependencyKind::kRequired) needed_by_[use.name].push_back(&service);
      }
    }
  }

  std::vector<Problem> run() {
    if (application_.services.empty() && application_.jobs.empty())
      error("", "it has neither services nor jobs");
    for (const Service& service : application_.services) {
      const std::string path = "services." + service.name;
      uses(service.name, service.depends_on, path);
      names(service.places.near, path + ".places.near", service.name);
      names(service.places.apart_from, path + ".places.apart_from", service.name);
      check_parts(service, path, report_);
    }
    for (const Job& job : application_.jobs) {
      const std::string path = "jobs." + job.name;
      if (by_name_.contains(job.name)) error(path, "a service has this name, too");
      uses(job.name, job.depends_on, path);
      names(job.before_start, path + ".before_start", "");
      names(job.places.near, path + ".places.near", "");
      names(job.places.apart_from, path + ".places.apart_from", "");
      check_parts(job, path, report_);
    }
    tiers();
    cycles();
    fixed_ports();
    secrets();
    return problems_.take();
  }

 private:
  void error(const std::string& path, std::string text) {
    problems_.error(positions_.find(path), path, std::move(text));
  }
  void note(const std::string& path, std::string text) {
    problems_.note(positions_.find(path), path, std::move(text));
  }

  void names(const Words& words, const std::string& path, const std::string& own) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      if (words[i] == own) {
        error(at, "names the service itself");
      } else if (!by_name_.contains(words[i])) {
        error(at, fmt::format("there is no service '{}'{}", words[i],
                              did_you_mean(words[i], services_)));
      }
    }
  }

  void uses(const std::string& own, const std::vector<Dependency>& uses, const std::string& path) {
    for (const Dependency& use : uses) {
      const std::string at = path + ".depends_on." + use.name;
      const bool other = use.name.find('/') != std::string::npos;
      if (other && !surroundings_.tiers.contains(use.name)) {
        note(at, fmt::format("'{}' is of another application, and not known here", use.name));
      } else if (!other && !by_name_.contains(use.name)) {
        error(at, fmt::format("there is no service '{}'{}", use.name,
                              did_you_mean(use.name, services_)));
      }
      const bool optional = use.kind == DependencyKind::kOptional;
      if (optional && use.without.empty() && use.name != own)
        note(at, "say in 'without' what happens without it");
      if (!optional && !use.without.empty()) error(at, "'without' is only for what is optional");
    }
  }

  std::optional<std::int64_t> tier_of(const std::string& name) const {
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second->tier;
    const auto found = surroundings_.tiers.find(name);
    return found == surroundings_.tiers.end() ? std::nullopt : std::optional(found->second);
  }

  // From the most critical of those that need it, directly or through others.
  std::vector<const Service*> way_to(const Service& last) const {
    std::map<const Service*, const Service*> next{{&last, nullptr}};
    std::vector<const Service*> queue{&last};
    const Service* first = &last;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      if (queue[i]->tier < first->tier) first = queue[i];
      const auto needed_by = needed_by_.find(queue[i]->name);
      if (needed_by == needed_by_.end()) continue;
      for (const Service* service : needed_by->second) {
        if (next.emplace(service, queue[i]).second) queue.push_back(service);
      }
    }
    std::vector<const Service*> way;
    for (const Service* at = first; at != nullptr; at = next.at(at)) way.push_back(at);
    return way;
  }

  void tiers() {
    for (const Service& service : application_.services) {
      for (const Dependency& use : service.depends_on) {
        const auto tier = tier_of(use.name);
        if (use.kind != DependencyKind::kRequired || !tier || *tier <= service.tier) continue;
        std::vector<std::string> way;
        // Nobody sees more of them.
        const auto all = problems_.full() ? std::vector<const Service*>() : way_to(service);
        for (const Service* one : all)
          way.push_back(fmt::format("{} (tier {})", one->name, one->tier));
        way.push_back(fmt::format("{} (tier {})", use.name, *tier));
        error("services." + service.name + ".depends_on." + use.name,
              fmt::format("requires a service that is less critical: {}; make the "
                          "dependency optional, or give '{}' tier {}",
                          way_text(way), use.name, service.tier));
      }
    }
  }

  void cycles() {
    for (std::vector<std::string> cycle : start_order(application_).cycles) {
      cycle.push_back(cycle.front());
      const bool job = !by_name_.contains(cycle.front());
      error((job ? "jobs." : "services.") + cycle.front(),
            fmt::format("needs itself, so nothing of this can start: {}; make one of these "
                        "dependencies optional",
                        way_text(cycle)));
    }
  }

  // Two services with one fixed port can never share a machine.
  void fixed_ports() {
    std::map<std::pair<std::int64_t, Protocol>, const Service*> taken;
    for (const Service& service : application_.services) {
      for (const Port& port : service.ports) {
        if (port.port == 0) continue;
        const auto [first, fresh] = taken.emplace(std::pair(port.port, port.protocol), &service);
        if (fresh || first->second == &service) continue;
        note(fmt::format("services.{}.ports.{}", service.name, port.name),
             fmt::format("port {} is also one of '{}': the two never run on one machine", port.port,
                         first->second->name));
      }
    }
  }

  void secrets() {
    std::set<std::string> used;
    const VisitText visit = [&](const Key&, const std::string&, const std::string& text) {
      const auto found = references_in(text);
      if (!found) return;
      for (const Reference& reference : *found) {
        if (reference.name.starts_with("secret.")) used.insert(reference.name.substr(7));
      }
    };
    each_text(keys::kApplication, &application_, "", visit);
    for (const std::string& secret : application_.secrets) {
      if (!used.contains(secret)) note("secrets", fmt::format("nobody uses '{}'", secret));
    }
  }

  const Application& application_;
  const Positions& positions_;
  const Surroundings& surroundings_;
  std::vector<std::string> services_;
  std::map<std::string, const Service*, std::less<>> by_name_;
  std::map<std::string, std::vector<const Service*>, std::less<>> needed_by_;
  Problems problems_;
  const Report report_{
      [this](const std::string& path, std::string text) { error(path, std::move(text)); },
      [this](const std::string& path, std::string text) { note(path, std::move(text)); }};
};

}  // namespace

std::vector<Problem> check(const Application& application, const Positions& positions,
                           const Surroundings& surroundings) {
  return Checker(application, positions, surroundings).run();
}

}  // namespace polis::model
