#include "model/canonical.hh"

#include <fmt/format.h>

#include <algorithm>

#include "model/keys.hh"
#include "model/reader.hh"

namespace polis::model {
namespace {

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("_./@+-").find(c) != std::string_view::npos;
}

// Other readers of YAML take these for something else than a text.
bool is_ambiguous(std::string_view text) {
  static constexpr const char* kWords[] = {"true", "false", "yes", "no", "on",
                                           "off",  "null",  "y",   "n"};
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (std::ranges::find(kWords, lower) != std::end(kWords)) return true;
  const char first = text.front();
  const bool letter = std::isalpha(static_cast<unsigned char>(first)) != 0;
  return !letter && first != '_' && !text.starts_with("./") && first != '/';
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    const std::string_view three = text.substr(at, 3);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < ' ' || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (byte == 0xc2 && at + 1 < text.size() &&
               static_cast<unsigned char>(text[at + 1]) < 0xa0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++at]));  // controls, NEL
    } else if (three == "\u2028" || three == "\u2029" || three == "\ufeff") {
      out += three == "\u2028" ? "\\u2028" : three == "\u2029" ? "\\u2029" : "\\ufeff";
      at += 2;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Several lines that a block with '|' keeps as they are.
bool fits_block(std::string_view text) {
  if (text.size() < 2 || text.front() == ' ' || text.front() == '\n' || !text.ends_with('\n'))
    return false;
  if (text.ends_with("\n\n")) return false;
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\n' || (byte >= ' ' && byte < 0x7f);
  });
}

std::string list_text(const Words& words) {
  std::string text = "[";
  for (const std::string& word : words) text += (text.size() > 1 ? ", " : "") + yaml_text(word);
  return text + "]";
}

class YamlWriter {
 public:
  explicit YamlWriter(Detail detail) : detail_(detail) {}
  std::string take() { return std::move(out_); }

  void section(const Section& section, const void* object, const void* standard, int depth) {
    const Key* chosen = chosen_by_default(section, object);
    for (const Key& key : section.keys) {
      if (key.member == nullptr) continue;
      const bool absent = key.group != nullptr && &key != chosen && !is_set(key, object);
      if (!absent) this->key(key, object, standard, depth);
    }
  }

 private:
  // Of a group of which one must be given: none says so by its value, as an empty content.
  static const Key* chosen_by_default(const Section& section, const void* object) {
    const Key* first = nullptr;
    for (const Key& key : section.keys) {
      if (section.group_required == nullptr || key.group == nullptr ||
          std::string_view(key.group) != section.group_required)
        continue;
      if (is_set(key, object)) return nullptr;
      if (first == nullptr) first = &key;
    }
    return first;
  }

  void line(int depth, std::string_view key, std::string_view value) {
    out_ += fmt::format("{:{}}{}:{}{}\n", "", depth * 2, yaml_text(key), value.empty() ? "" : " ",
                        value);
  }
  bool leaves_out(bool as_standard) const { return detail_ == Detail::kShort && as_standard; }

  void key(const Key& key, const void* object, const void* standard, int depth) {
    switch (key.shape()) {
      case Shape::kNumber:
        return number(key, object, standard, depth);
      case Shape::kText:
        return text(key, object, standard, depth);
      case Shape::kWords: {
        const Words& words = value_of<Words>(key, object);
        if (!words.empty()) line(depth, key.name, list_text(words));
        return;
      }
      case Shape::kPairs:
        return pairs(key, value_of<Pairs>(key, object), depth);
      case Shape::kSection:
        return inner(*key.section, key.name, inside_of(key, object), inside_of(key, standard),
                     depth, leaves_out(true));
      case Shape::kOptional:
        if (const void* inside = inside_of(key, object))
          with_defaults(*key.section, key.name, inside, depth);
        return;
      case Shape::kNamed:
        return named(key, object, depth);
    }
  }

  void number(const Key& key, const void* object, const void* standard, int depth) {
    const std::int64_t value = number_of(key, object);
    if (leaves_out(value == number_of(key, standard))) return;
    const std::string text = write_number(*key.form, value);
    line(depth, key.name, key.form->kind == Form::Kind::kMode ? quoted(text) : text);
  }

  void text(const Key& key, const void* object, const void* standard, int depth) {
    const auto& value = value_of<std::string>(key, object);
    const bool required = key.group != nullptr;  // or it would not be here
    if (value == value_of<std::string>(key, standard) &&
        (value.empty() ? !required : leaves_out(true)))
      return;
    if (!fits_block(value)) return line(depth, key.name, yaml_text(value));
    line(depth, key.name, "|");
    block(value, depth + 1);
  }

  void block(std::string_view text, int depth) {
    while (!text.empty()) {
      const std::string_view one = text.substr(0, text.find('\n'));
      text.remove_prefix(one.size() + 1);
      if (one.empty()) {
        out_ += '\n';
      } else {
        out_ += fmt::format("{:{}}{}\n", "", depth * 2, one);
      }
    }
  }

  void pairs(const Key& key, const Pairs& pairs, int depth) {
    if (pairs.empty()) return;
    line(depth, key.name, "");
    for (const auto& [name, value] : pairs) line(depth + 1, name, yaml_text(value));
  }

  void named(const Key& key, const void* object, int depth) {
    if (size_of(key, object) == 0) return;
    line(depth, key.name, "");
    for (std::size_t i = 0; i < size_of(key, object); ++i) {
      const void* element = element_of(key, object, i);
      with_defaults(*key.section, label_of(*key.section, element), element, depth + 1);
    }
  }

  // A struct of its own, whose defaults are those of the table.
  void with_defaults(const Section& section, std::string_view name, const void* object, int depth) {
    const auto standard = section.create();
    fill(section, standard.get());
    inner(section, name, object, standard.get(), depth, false);
  }

  // The key and what is below it; `{}` or nothing, if there is nothing.
  void inner(const Section& section, std::string_view name, const void* object,
             const void* standard, int depth, bool leave_out_empty) {
    const std::size_t before = out_.size();
    line(depth, name, "");
    const std::size_t begun = out_.size();
    this->section(section, object, standard, depth + 1);
    if (out_.size() > begun) return;
    out_.resize(before);
    if (!leave_out_empty) line(depth, name, "{}");
  }

  std::string out_;
  Detail detail_;
};

}  // namespace

std::string yaml_text(std::string_view text) {
  const bool plain =
      !text.empty() && std::ranges::all_of(text, is_word_character) && !is_ambiguous(text);
  return plain ? std::string(text) : quoted(text);
}

std::string to_yaml(const Application& application, Detail detail) {
  Application standard;
  fill(keys::kApplication, &standard);
  YamlWriter writer(detail);
  writer.section(keys::kApplication, &application, &standard, 0);
  return writer.take();
}

}  // namespace polis::model
