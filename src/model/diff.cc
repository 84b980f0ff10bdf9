#include "model/diff.hh"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/canonical.hh"
#include "model/keys.hh"
#include "model/reference_check.hh"
#include "model/references.hh"

namespace polis::model {
namespace {

constexpr std::size_t kShownMax = 120;  // bytes of a value in a text

std::string words_text(const Words& words) {
  std::string text = "[";
  for (const std::string& word : words) text += (text.size() > 1 ? ", " : "") + yaml_text(word);
  return text + "]";
}

class Comparer {
 public:
  std::vector<Change> take() { return std::move(changes_); }

  void section(const Section& section, const void* before, const void* after,
               const std::string& path) {
    for (const Key& key : section.keys) {
      if (key.member == nullptr) continue;
      this->key(key, before, after, path.empty() ? key.name : path + "." + key.name);
    }
    const std::string& old = *section.unknown(const_cast<void*>(before));
    const std::string& now = *section.unknown(const_cast<void*>(after));
    if (old != now)
      add(Change::Kind::kChanged, path.empty() ? "?" : path + ".?",
          fmt::format("{} bytes of a later release", old.size()),
          fmt::format("{} bytes of a later release", now.size()), Effect::kNone);
  }

 private:
  void add(Change::Kind kind, std::string path, std::string before, std::string after,
           Effect effect) {
    changes_.push_back({kind, std::move(path), std::move(before), std::move(after), effect});
  }

  void key(const Key& key, const void* before, const void* after, const std::string& path) {
    switch (key.shape()) {
      case Shape::kNumber: {
        const std::int64_t old = number_of(key, before), now = number_of(key, after);
        if (old == now) return;
        return add(Change::Kind::kChanged, path, write_number(*key.form, old),
                   write_number(*key.form, now), key.effect);
      }
      case Shape::kText:
        return text(value_of<std::string>(key, before), value_of<std::string>(key, after), path,
                    key.effect);
      case Shape::kWords: {
        const Words &old = value_of<Words>(key, before), &now = value_of<Words>(key, after);
        if (old == now) return;
        return add(Change::Kind::kChanged, path, words_text(old), words_text(now), key.effect);
      }
      case Shape::kPairs:
        return pairs(value_of<Pairs>(key, before), value_of<Pairs>(key, after), path, key.effect);
      case Shape::kSection:
      case Shape::kOptional:
        return inner(key, inside_of(key, before), inside_of(key, after), path);
      case Shape::kNamed:
        return named(key, before, after, path);
    }
  }

  void text(const std::string& before, const std::string& after, const std::string& path,
            Effect effect) {
    if (before == after) return;
    const auto kind = before.empty()  ? Change::Kind::kAdded
                      : after.empty() ? Change::Kind::kRemoved
                                      : Change::Kind::kChanged;
    add(kind, path, before.empty() ? "" : yaml_text(before), after.empty() ? "" : yaml_text(after),
        effect);
  }

  void pairs(const Pairs& before, const Pairs& after, const std::string& path, Effect effect) {
    std::set<std::string> names;
    for (const auto& [name, value] : before) names.insert(name);
    for (const auto& [name, value] : after) names.insert(name);
    for (const std::string& name : names) {
      const auto old = before.find(name), now = after.find(name);
      if (old != before.end() && now != after.end() && old->second == now->second) continue;
      const auto kind = old == before.end()  ? Change::Kind::kAdded
                        : now == after.end() ? Change::Kind::kRemoved
                                             : Change::Kind::kChanged;
      add(kind, path + "." + name, old == before.end() ? "" : yaml_text(old->second),
          now == after.end() ? "" : yaml_text(now->second), effect);
    }
  }

  void inner(const Key& key, const void* before, const void* after, const std::string& path) {
    if (before != nullptr && after != nullptr) return section(*key.section, before, after, path);
    if (before == after) return;
    add(after != nullptr ? Change::Kind::kAdded : Change::Kind::kRemoved, path, "", "", key.effect);
  }

  void named(const Key& key, const void* before, const void* after, const std::string& path) {
    const Section& section = *key.section;
    std::map<std::string, std::pair<const void*, const void*>> all;
    for (std::size_t i = 0; i < size_of(key, before); ++i) {
      const void* element = element_of(key, before, i);
      all[label_of(section, element)].first = element;
    }
    for (std::size_t i = 0; i < size_of(key, after); ++i) {
      const void* element = element_of(key, after, i);
      all[label_of(section, element)].second = element;
    }
    for (const auto& [name, both] : all) inner(key, both.first, both.second, path + "." + name);
  }

  std::vector<Change> changes_;
};

// ${config.KEY} of what only a start takes in.
std::set<std::string> config_of_start(const Start& start) {
  std::set<std::string> keys;
  each_text(keys::kStart, &start, "", [&](const Key&, const std::string&, const std::string& text) {
    const auto found = references_in(text);
    if (!found) return;
    for (const Reference& reference : *found) {
      if (reference.name.starts_with("config.")) keys.insert(reference.name.substr(7));
    }
  });
  return keys;
}

const Service* find(const Application& application, std::string_view name) {
  const auto found = std::ranges::find(application.services, name, &Service::name);
  return found == application.services.end() ? nullptr : &*found;
}

std::string service_of(const std::string& path) {
  constexpr std::string_view kPrefix = "services.";
  if (!path.starts_with(kPrefix)) return "";
  return path.substr(kPrefix.size(), path.find('.', kPrefix.size()) - kPrefix.size());
}

// How instances learn of the configuration decides what a change of it asks of them.
void settle(Change& change, const Application& after) {
  if (change.path.starts_with("jobs.")) change.effect = Effect::kNone;
  if (change.effect != Effect::kReconfigure) return;
  const Service* service = find(after, service_of(change.path));
  if (service == nullptr) return;
  const std::string values = "services." + service->name + ".config.values.";
  const bool named = change.path.starts_with(values) &&
                     config_of_start(service->start).contains(change.path.substr(values.size()));
  if (service->appconfig.restart || named) change.effect = Effect::kRestart;
}

std::string shortened(const std::string& text) {
  if (text.size() <= kShownMax) return text;
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

std::vector<Change> diff(const Application& before, const Application& after) {
  Comparer comparer;
  comparer.section(keys::kApplication, &before, &after, "");
  std::vector<Change> changes = comparer.take();
  for (Change& change : changes) settle(change, after);
  return changes;
}

std::map<std::string, Effect> effects(const std::vector<Change>& changes) {
  std::map<std::string, Effect> all;
  for (const Change& change : changes) {
    const std::string service = service_of(change.path);
    if (service.empty()) continue;
    Effect& effect = all[service];
    effect = std::max(effect, change.effect);
  }
  return all;
}

std::string to_text(const Change& change) {
  std::string text = change.kind == Change::Kind::kAdded     ? "+ "
                     : change.kind == Change::Kind::kRemoved ? "- "
                                                             : "~ ";
  text += change.path;
  const std::string before = shortened(change.before), after = shortened(change.after);
  if (!before.empty() && !after.empty()) {
    text += fmt::format(": {} -> {}", before, after);
  } else if (!before.empty() || !after.empty()) {
    text += ": " + before + after;
  }
  if (change.effect != Effect::kNone) text += fmt::format(" ({})", to_string(change.effect));
  return text;
}

std::string to_text(const std::vector<Change>& changes) {
  std::string text;
  for (const Change& change : changes) text += to_text(change) + "\n";
  return text;
}

}  // namespace polis::model
