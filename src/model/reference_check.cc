#include "model/reference_check.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/nearest.hh"
#include "model/keys.hh"
#include "model/references.hh"

namespace polis::model {
namespace {

using Services = std::map<std::string_view, const Service*>;

// What a service or a job may name.
class Names {
 public:
  Names(const Application& application, const Services& services, const Config& config,
        const std::vector<Dependency>& uses)
      : services_(services) {
    for (const Fact& fact : kFacts) names_.insert(fact.name);
    for (const auto& [key, value] : config.values) names_.insert("config." + key);
    for (const ConfigFile& file : config.files) names_.insert("file." + file.name);
    for (const std::string& secret : application.secrets) names_.insert("secret." + secret);
    for (const Dependency& use : uses) add_service(use.name);
  }

  void add(const Service& own) {
    for (const Port& port : own.ports) names_.insert("port." + port.name);
    for (const Volume& volume : own.volumes) names_.insert("volume." + volume.name);
    add_service(own.name);
  }

  // What is wrong with the name; empty: nothing.
  std::string wrong(const std::string& name) const {
    if (names_.contains(name) || is_of_other_application(name)) return "";
    if (name.starts_with("env."))
      return fmt::format(
          "${{{}}} would differ from machine to machine; put the value into 'config' or 'secrets'",
          name);
    if (const std::string text = wrong_service(name); !text.empty()) return text;
    std::vector<std::string> all;
    for (const std::string& known : names_) all.push_back("${" + known + "}");
    const std::string written = "${" + name + "}";
    const std::string meant = did_you_mean(written, all);
    return fmt::format("unknown reference {}{}", written,
                       meant.empty() ? "; there are " + kinds() : meant);
  }

 private:
  static std::string kinds() {
    return "${port.NAME}, ${config.KEY}, ${file.NAME}, ${volume.NAME}, ${secret.NAME}, "
           "${service.NAME.endpoints}, ${instance.index}, ${machine.name} and others";
  }

  const Service* find(std::string_view name) const {
    const auto found = services_.find(name);
    return found == services_.end() ? nullptr : found->second;
  }

  void add_service(const std::string& name) {
    used_.insert(name);
    const Service* service = find(name);
    if (service == nullptr) {
      others_.insert(name);
      return;
    }
    for (const Port& port : service->ports)
      names_.insert(fmt::format("service.{}.endpoints.{}", name, port.name));
    if (service->ports.size() == 1) names_.insert(fmt::format("service.{}.endpoints", name));
  }

  // ${service.NAME...}: a service that is not used, or one that has not just one port.
  std::string wrong_service(const std::string& name) const {
    constexpr std::string_view kPrefix = "service.";
    if (!name.starts_with(kPrefix)) return "";
    const std::string service(
        name.substr(kPrefix.size(), name.find('.', kPrefix.size()) - kPrefix.size()));
    const Service* known = find(service);
    if (known != nullptr && !used_.contains(service))
      return fmt::format("${{{}}}: 'depends_on' does not name service '{}'", name, service);
    if (known != nullptr && name == fmt::format("service.{}.endpoints", service)) {
      if (known->ports.empty())
        return fmt::format("${{{}}}: service '{}' has no ports", name, service);
      return fmt::format("${{{}}}: service '{}' has {} ports; name one, such as ${{{}.{}}}", name,
                         service, known->ports.size(), name, known->ports.front().name);
    }
    return "";
  }

  // Of another application's service only the form is known.
  bool is_of_other_application(std::string_view name) const {
    return std::ranges::any_of(others_, [&](const std::string& other) {
      const std::string endpoints = fmt::format("service.{}.endpoints", other);
      if (!name.starts_with(endpoints)) return false;
      const std::string_view rest = name.substr(endpoints.size());
      return rest.empty() || (rest.front() == '.' && is_label(rest.substr(1)));
    });
  }

  const Services& services_;
  std::set<std::string> names_;
  std::set<std::string> used_;    // by depends_on, and itself
  std::set<std::string> others_;  // of them, those of other applications
};

void check_text(const Names& names, const Key& key, const std::string& path,
                const std::string& text, const Locate& locate, Problems& problems) {
  if (text.find("${") == std::string::npos) return;
  const auto references = references_in(text);
  if (!references) {
    problems.error(locate(path, "${"), path, references.error().text);
    return;
  }
  for (const Reference& reference : *references) {
    std::string wrong = names.wrong(reference.name);
    const bool in_values = key.name == std::string_view("values");
    if (in_values && reference.name.starts_with("config."))
      wrong = fmt::format("${{{}}}: a value of the configuration cannot name another one",
                          reference.name);
    if (!wrong.empty()) problems.error(locate(path, "${" + reference.name + "}"), path, wrong);
  }
}

}  // namespace

void each_text(const Section& section, const void* object, const std::string& path,
               const VisitText& visit) {
  if (&section == &keys::kConfigFile && !static_cast<const ConfigFile*>(object)->render) return;
  for (const Key& key : section.keys) {
    if (key.member == nullptr) continue;
    const std::string at = path.empty() ? key.name : path + "." + key.name;
    if (key.shape() == Shape::kSection || key.shape() == Shape::kOptional) {
      if (const void* inside = inside_of(key, object)) each_text(*key.section, inside, at, visit);
    } else if (key.shape() == Shape::kNamed) {
      for (std::size_t i = 0; i < size_of(key, object); ++i) {
        const void* element = element_of(key, object, i);
        each_text(*key.section, element, at + "." + label_of(*key.section, element), visit);
      }
    } else if (!key.references) {
      continue;
    } else if (key.shape() == Shape::kText) {
      visit(key, at, value_of<std::string>(key, object));
    } else if (key.shape() == Shape::kWords) {
      const Words& words = value_of<Words>(key, object);
      for (std::size_t i = 0; i < words.size(); ++i)
        visit(key, fmt::format("{}[{}]", at, i), words[i]);
    } else {
      for (const auto& [name, value] : value_of<Pairs>(key, object))
        visit(key, at + "." + name, value);
    }
  }
}

void check_references(const Application& application, const Locate& locate, Problems& problems) {
  Services services;
  for (const Service& service : application.services) services.emplace(service.name, &service);
  for (const Service& service : application.services) {
    Names names(application, services, service.config, service.depends_on);
    names.add(service);
    each_text(keys::kService, &service, "services." + service.name,
              [&](const Key& key, const std::string& path, const std::string& text) {
                check_text(names, key, path, text, locate, problems);
              });
  }
  for (const Job& job : application.jobs) {
    const Names names(application, services, job.config, job.depends_on);
    each_text(keys::kJob, &job, "jobs." + job.name,
              [&](const Key& key, const std::string& path, const std::string& text) {
                check_text(names, key, path, text, locate, problems);
              });
  }
}

}  // namespace polis::model
