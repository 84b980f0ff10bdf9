#include "model/reader.hh"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hh"
#include "base/nearest.hh"

namespace polis::model {
namespace {

std::vector<std::string> names_of(const Section& section) {
  std::vector<std::string> names;
  for (const Key& key : section.keys) names.emplace_back(key.name);
  return names;
}

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

// "tcp, http or grpc": the keys of a group.
std::string keys_of(const Section& section, std::string_view group) {
  std::vector<std::string_view> names;
  for (const Key& key : section.keys) {
    if (key.group != nullptr && key.group == group) names.emplace_back(key.name);
  }
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

// `group: yes` of a bool that chooses nothing: `restart: false` is as if it were not there.
bool chooses(const Key& key, const yaml::Node& node) {
  return key.form == nullptr || key.form->kind != Form::Kind::kBool || node.text != "false";
}

// The node as if it were written out: {kind: required} for required, {a: {}} for [a].
yaml::Node as_map(std::string_view key, const yaml::Node& value) {
  yaml::Node map{.kind = yaml::Node::Kind::kMap, .mark = value.mark};
  map.entries.push_back({std::string(key), value.mark, value});
  return map;
}

}  // namespace

void fill(const Section& section, void* object) {
  for (const Key& key : section.keys) {
    if (key.member == nullptr) continue;
    void* member = key.member(object);
    if (key.shape() == Shape::kSection) {
      fill(*key.section, member);
    } else if (*key.standard != '\0' && key.shape() == Shape::kNumber) {
      const auto value = read_number(*key.form, key.standard);
      CHECK_MSG(value.has_value(), key.name);
      key.access->set_number(member, *value);
    } else if (*key.standard != '\0') {
      CHECK(key.shape() == Shape::kText);
      *static_cast<std::string*>(member) = key.standard;
    }
  }
}

Reader::Reader(std::string file, Positions& positions, Problems& problems)
    : file_(std::move(file)),
      file_number_(positions.add_file(file_)),
      positions_(positions),
      problems_(problems) {}

void Reader::error(const yaml::Mark& mark, std::string path, std::string text) {
  problems_.error({file_, mark.line, mark.column}, std::move(path), std::move(text));
}

void Reader::note_position(const yaml::Mark& mark, const std::string& path) {
  positions_.set(path, {file_number_, mark.line, mark.column});
}

void Reader::wrong(const yaml::Node& node, const std::string& path, const std::string& expected,
                   const std::string& meant) {
  error(node.mark, path,
        fmt::format("found {}, expected {}{}", yaml::found(node), expected, meant));
}

bool Reader::repeated(const yaml::Node::Entry& entry, Seen& seen, const std::string& path) {
  const auto [first, fresh] = seen.emplace(entry.key, entry.mark.line);
  if (fresh) return false;
  error(entry.mark, path,
        fmt::format("'{}' stands here twice; first in line {}", entry.key, first->second));
  return true;
}

void Reader::begin_with(const Section& section, const void* standard, Copy copy) {
  standard_of_ = &section;
  standard_ = standard;
  copy_ = copy;
}

void Reader::unknown(const yaml::Node::Entry& entry, const Section& section,
                     const std::string& path) {
  // Comparing costs something, and nobody would see it.
  const std::string meant = problems_.full() ? "" : did_you_mean(entry.key, names_of(section));
  const bool merge = entry.key == "<<";
  error(entry.mark, path,
        merge ? "maps are not merged by '<<' here; what services share goes into 'defaults'"
              : fmt::format("unknown key '{}'{}", entry.key, meant));
}

void Reader::read(const yaml::Node& node, const Section& section, void* object,
                  const std::string& path) {
  if (node.kind != yaml::Node::Kind::kMap) {
    if (section.shorthand != nullptr && node.kind != yaml::Node::Kind::kNull)
      return read(as_map(section.shorthand, node), section, object, path);
    return wrong(node, path, fmt::format("a map with keys such as '{}'", section.keys[0].name));
  }
  check_groups(node, section, object, path);
  Seen seen;
  for (const yaml::Node::Entry& entry : node.entries) {
    const Key* key = find_key(section, entry.key);
    if (repeated(entry, seen, path)) continue;
    if (key == nullptr) {
      unknown(entry, section, path);
    } else if (key->member != nullptr) {
      read_key(entry, *key, object, joined(path, entry.key));
    }
  }
  check_required(node, section, object, path);
}

void Reader::check_required(const yaml::Node& node, const Section& section, void* object,
                            const std::string& path) {
  const auto given = [&](const Key& key) {
    return std::ranges::any_of(node.entries, [&](const auto& entry) {
      return entry.key == key.name && chooses(key, entry.value);
    });
  };
  bool chosen = section.group_required == nullptr;
  for (const Key& key : section.keys) {
    if (key.required && !given(key))
      error(node.mark, path, fmt::format("'{}' is missing: {}", key.name, key.doc));
    if (!chosen && key.group != nullptr && std::string_view(key.group) == section.group_required)
      chosen = given(key) || is_set(key, object);
  }
  if (!chosen)
    error(node.mark, path,
          fmt::format("one of {} is missing", keys_of(section, section.group_required)));
}

// Of each group at most one key; what was chosen before, by `defaults`, makes room for it.
void Reader::check_groups(const yaml::Node& node, const Section& section, void* object,
                          const std::string& path) {
  std::map<std::string_view, const yaml::Node::Entry*> chosen;
  for (const yaml::Node::Entry& entry : node.entries) {
    const Key* key = find_key(section, entry.key);
    if (key == nullptr || key->group == nullptr || !chooses(*key, entry.value)) continue;
    const auto [other, first] = chosen.emplace(key->group, &entry);
    if (!first && other->second->key != entry.key)
      error(entry.mark, path,
            fmt::format("'{}' and '{}' exclude each other; '{}' stands in line {}", entry.key,
                        other->second->key, other->second->key, other->second->mark.line));
  }
  for (const Key& key : section.keys) {
    if (key.group == nullptr || !chosen.contains(key.group)) continue;
    if (chosen.at(key.group)->key != key.name) key.access->clear(key.member(object));
  }
}

void Reader::read_key(const yaml::Node::Entry& entry, const Key& key, void* object,
                      const std::string& path) {
  void* member = key.member(object);
  const bool value = key.shape() == Shape::kNumber || key.shape() == Shape::kText;
  note_position(
      value && entry.value.kind == yaml::Node::Kind::kScalar ? entry.value.mark : entry.mark, path);
  // Where nothing was written, yaml-cpp's mark is that of what comes next.
  if (entry.value.kind == yaml::Node::Kind::kNull) {
    const bool map = key.section != nullptr || key.shape() == Shape::kPairs;
    const bool list = key.shape() == Shape::kWords;
    return error(
        entry.mark, path,
        fmt::format("found nothing, expected {}",
                    map    ? "a map; an empty one is {}"
                    : list ? "a list; an empty one is []"
                           : expectation(*key.form) +
                                 (key.shape() == Shape::kText ? "; an empty one is \"\"" : "")));
  }
  switch (key.shape()) {
    case Shape::kNumber:
      return read_number(entry.value, key, member, path);
    case Shape::kText:
      return read_text(entry.value, key, member, path);
    case Shape::kWords:
      return read_words(entry.value, key, member, path);
    case Shape::kPairs:
      return read_pairs(entry.value, key, member, path);
    case Shape::kNamed:
      return read_named(entry.value, key, object, path);
    case Shape::kSection:
      return read(entry.value, *key.section, member, path);
    case Shape::kOptional: {
      const bool fresh = key.access->inside(member) == nullptr;
      void* inside = key.access->make(member);
      if (fresh) fill(*key.section, inside);
      return read(entry.value, *key.section, inside, path);
    }
  }
}

void Reader::read_number(const yaml::Node& node, const Key& key, void* member,
                         const std::string& path) {
  if (node.kind != yaml::Node::Kind::kScalar) return wrong(node, path, expectation(*key.form));
  const auto value = model::read_number(*key.form, node.text);
  if (!value) return wrong(node, path, value.error().expected, value.error().meant);
  key.access->set_number(member, *value);
}

bool Reader::is_text(const yaml::Node& node, const Form& form, bool references,
                     const std::string& path) {
  if (node.kind != yaml::Node::Kind::kScalar) {
    wrong(node, path, form.expected);
    return false;
  }
  // What stands for a reference is only known on the machine.
  const bool open = references && node.text.find("${") != std::string::npos;
  const Form any{.expected = form.expected, .bytes_max = form.bytes_max};
  if (const auto bad = check_text(open ? any : form, node.text)) {
    wrong(node, path, bad->expected, bad->meant);
    return false;
  }
  return true;
}

void Reader::read_text(const yaml::Node& node, const Key& key, void* member,
                       const std::string& path) {
  if (is_text(node, *key.form, key.references, path))
    *static_cast<std::string*>(member) = node.text;
}

void Reader::read_words(const yaml::Node& node, const Key& key, void* member,
                        const std::string& path) {
  Words words;
  if (node.kind == yaml::Node::Kind::kScalar) {
    if (!is_text(node, *key.form, key.references, path)) return;
    if (!key.form->split) {
      words.push_back(node.text);
    } else if (auto cut = split_command(node.text)) {
      words = *cut;
    } else {
      return wrong(node, path, "a command whose quotes are closed");
    }
  } else if (node.kind != yaml::Node::Kind::kList) {
    return wrong(node, path, fmt::format("a list of which each is {}", key.form->expected));
  }
  if (node.items.size() > kWordsMax)
    return wrong(node, path, fmt::format("at most {} values", kWordsMax));
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    note_position(node.items[i].mark, at);
    if (is_text(node.items[i], *key.form, key.references, at)) words.push_back(node.items[i].text);
  }
  *static_cast<Words*>(member) = std::move(words);
}

bool Reader::is_name(const yaml::Node::Entry& entry, const Form& form, const std::string& path) {
  const auto bad = check_text(form, entry.key);
  if (bad)
    error(entry.mark, path,
          fmt::format("found '{}', expected {}{}", entry.key, bad->expected, bad->meant));
  return !bad;
}

void Reader::read_pairs(const yaml::Node& node, const Key& key, void* member,
                        const std::string& path) {
  if (node.kind != yaml::Node::Kind::kMap) return wrong(node, path, "a map of texts");
  if (node.entries.size() > kPairsMax)
    return wrong(node, path, fmt::format("at most {} values", kPairsMax));
  Pairs& pairs = *static_cast<Pairs*>(member);
  const Form& form = key.pair_form != nullptr ? *key.pair_form : forms::kConfigName;
  Seen seen;
  for (const yaml::Node::Entry& entry : node.entries) {
    const std::string at = joined(path, entry.key);
    if (repeated(entry, seen, path) || !is_name(entry, form, path)) continue;
    if (entry.value.kind == yaml::Node::Kind::kNull) {
      error(entry.mark, at, "found nothing, expected a text; an empty one is \"\"");
    } else {
      note_position(entry.value.mark, at);
      if (is_text(entry.value, *key.form, key.references, at)) pairs[entry.key] = entry.value.text;
    }
  }
}

void Reader::read_named(const yaml::Node& node, const Key& key, void* object,
                        const std::string& path) {
  const Section& section = *key.section;
  yaml::Node named{.kind = yaml::Node::Kind::kMap, .mark = node.mark};
  const bool list = node.kind == yaml::Node::Kind::kList && section.list_of_names;
  for (const yaml::Node& item : list ? node.items : std::vector<yaml::Node>()) {
    if (item.kind != yaml::Node::Kind::kScalar)
      return wrong(item, path, section.label_form->expected);
    named.entries.push_back(
        {item.text, item.mark, {.kind = yaml::Node::Kind::kMap, .mark = item.mark}});
  }
  const yaml::Node& map = list ? named : node;
  if (map.kind != yaml::Node::Kind::kMap) return wrong(node, path, "a map by name");
  if (map.entries.size() > kNamedMax)
    return wrong(node, path, fmt::format("at most {} of them", kNamedMax));
  void* member = key.member(object);
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < key.access->size(member); ++i)
    known.emplace(*section.label(key.access->element(member, i)), i);
  Seen seen;
  for (const yaml::Node::Entry& entry : map.entries) {
    if (!repeated(entry, seen, path) && is_name(entry, *section.label_form, path))
      read_element(entry, key, member, known, joined(path, entry.key));
  }
}

void Reader::read_element(const yaml::Node::Entry& entry, const Key& key, void* member,
                          std::map<std::string, std::size_t>& known, const std::string& path) {
  const Section& section = *key.section;
  note_position(entry.mark, path);
  if (entry.value.kind == yaml::Node::Kind::kNull)
    return error(entry.mark, path, "found nothing, expected a map; an empty one is {}");
  const auto old = known.find(entry.key);
  void* element =
      old != known.end() ? key.access->element(member, old->second) : key.access->add(member);
  if (old == known.end() && &section == standard_of_) {
    copy_(element, standard_);
  } else if (old == known.end()) {
    fill(section, element);
  }
  *section.label(element) = entry.key;
  read(entry.value, section, element, path);
}

}  // namespace polis::model
