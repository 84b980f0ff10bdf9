#include "model/parse.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "model/keys.hh"
#include "model/normalise.hh"
#include "model/reader.hh"
#include "model/reference_check.hh"
#include "model/text_position.hh"
#include "model/yaml.hh"

namespace polis::model {
namespace {

constexpr std::size_t kPartSearched = 2 * kContentMax;  // bytes behind a value's beginning

using One = Parsed::One;

const yaml::Node::Entry* entry_of(const yaml::Node& map, std::string_view name) {
  for (const yaml::Node::Entry& entry : map.entries) {
    if (entry.key == name) return &entry;
  }
  return nullptr;
}

One read_document(const yaml::Node& root, const std::string& file, Problems& problems) {
  One one;
  Reader reader(file, one.positions, problems);
  one.positions.set("", {0, root.mark.line, root.mark.column});
  if (root.kind != yaml::Node::Kind::kMap) {
    reader.error(root.mark, "",
                 fmt::format("found {}, expected a map that begins with "
                             "'application: NAME'",
                             yaml::found(root)));
    return one;
  }
  Service standard;
  fill(keys::kService, &standard);
  if (const auto* defaults = entry_of(root, "defaults"))
    reader.read(defaults->value, keys::kService, &standard, "defaults");
  reader.begin_with(keys::kService, &standard, [](void* to, const void* from) {
    *static_cast<Service*>(to) = *static_cast<const Service*>(from);
  });
  fill(keys::kApplication, &one.application);
  reader.read(root, keys::kApplication, &one.application, "");
  return one;
}

// Who describes the same thing of the application twice.
template <typename Named>
void add_named(std::vector<Named>& to, std::vector<Named>& from, const char* what, const One& known,
               const One& more, Problems& problems) {
  std::map<std::string_view, bool> names;
  for (const Named& one : to) names.emplace(one.name, true);
  std::vector<Named> fresh;
  for (Named& one : from) {
    if (!names.contains(one.name)) {
      fresh.push_back(std::move(one));
      continue;
    }
    const std::string path = fmt::format("{}.{}", what, one.name);
    const Position first = known.positions.find(path);
    problems.error(more.positions.find(path), path,
                   fmt::format("is described twice; first in {}:{}", first.file, first.line));
  }
  std::ranges::move(fresh, std::back_inserter(to));
}

void add_text(std::string Application::* member, const char* name, One& to, const One& from,
              Problems& problems) {
  std::string& text = to.application.*member;
  const std::string& other = from.application.*member;
  if (text.empty()) text = other;
  if (other.empty() || other == text) return;
  const Position first = to.positions.find(name);
  problems.error(
      from.positions.find(name), name,
      fmt::format("found '{}', but {}:{} has '{}'", other, first.file, first.line, text));
}

void add_document(One& to, One from, Problems& problems) {
  add_text(&Application::description, "description", to, from, problems);
  add_text(&Application::version, "version", to, from, problems);
  add_named(to.application.services, from.application.services, "services", to, from, problems);
  add_named(to.application.jobs, from.application.jobs, "jobs", to, from, problems);
  for (std::string& secret : from.application.secrets) {
    if (std::ranges::find(to.application.secrets, secret) == to.application.secrets.end())
      to.application.secrets.push_back(std::move(secret));
  }
  to.positions.merge(from.positions);
}

// All texts that were read, to find a part of a value again.
class Sources {
 public:
  void add(std::string name, std::string text) {
    texts_.insert_or_assign(std::move(name), std::move(text));
  }
  // `at` is where the value begins. If the part does not stand there as it is, `at` itself.
  Position find(const Position& at, std::string_view part) const {
    const auto text = texts_.find(at.file);
    if (text == texts_.end() || at.line == 0) return at;
    const std::string_view rest =
        std::string_view(text->second).substr(offset_of(text->second, at)).substr(0, kPartSearched);
    const std::size_t found = rest.find(part);
    return found == std::string_view::npos ? at : moved(at, rest.substr(0, found));
  }

 private:
  std::map<std::string, std::string> texts_;
};

void include_one(ConfigFile& file, const std::string& path, One& one, const Include& include,
                 Sources& sources, Problems& problems) {
  if (file.from.empty()) return;
  const Position at = one.positions.find(path + ".from");
  auto included = include(file.from, at.file);
  if (!included) return problems.error(at, path + ".from", included.error().text);
  if (const auto wrong = check_text(forms::kContent, included->content))
    return problems.error(at, path + ".from",
                          fmt::format("what '{}' holds: expected {}", file.from, wrong->expected));
  file.content = included->content;
  file.from.clear();
  // Errors in it are said where they are.
  one.positions.set(path + ".content", {one.positions.add_file(included->name), 1, 1});
  sources.add(included->name, std::move(included->content));
}

void include_files(One& one, const Include& include, Sources& sources, Problems& problems) {
  for (Service& service : one.application.services) {
    for (ConfigFile& file : service.config.files)
      include_one(file, fmt::format("services.{}.config.files.{}", service.name, file.name), one,
                  include, sources, problems);
  }
  for (Job& job : one.application.jobs) {
    for (ConfigFile& file : job.config.files)
      include_one(file, fmt::format("jobs.{}.config.files.{}", job.name, file.name), one, include,
                  sources, problems);
  }
}

void finish(One& one, const Include& include, Sources& sources, Problems& problems) {
  normalise(one.application, one.positions, problems);
  if (include) include_files(one, include, sources, problems);
  check_references(
      one.application,
      [&](const std::string& path, std::string_view part) {
        const Position at = one.positions.find(path);
        return problems.full() ? at : sources.find(at, part);
      },
      problems);
}

}  // namespace

Parsed parse(std::span<const File> files, const Include& include) {
  Problems problems;
  Sources sources;
  std::map<std::string, One> known;
  for (const File& file : files) {
    const auto documents = yaml::read(file.text, file.name, problems);
    if (documents.empty() && !problems.errors())
      problems.error({file.name, 0, 0}, "", "describes nothing; begin with 'application: NAME'");
    for (const yaml::Node& document : documents) {
      One one = read_document(document, file.name, problems);
      const std::string name = one.application.name;
      if (name.empty()) continue;  // and that has been said
      const auto [first, fresh] = known.try_emplace(name);
      if (fresh) {
        first->second = std::move(one);
      } else {
        add_document(first->second, std::move(one), problems);
      }
    }
    sources.add(file.name, file.text);
  }
  Parsed parsed;
  for (auto& [name, one] : known) {
    finish(one, include, sources, problems);
    parsed.applications.push_back(std::move(one));
  }
  if (problems.errors()) parsed.applications.clear();
  parsed.problems = problems.take();
  return parsed;
}

Parsed parse(std::string_view text, const std::string& file_name) {
  const File file{file_name, std::string(text)};
  return parse({&file, 1});
}

}  // namespace polis::model
