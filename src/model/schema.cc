#include "model/schema.hh"

#include <fmt/format.h>

#include <algorithm>

#include "model/keys.hh"
#include "model/yaml.hh"

namespace polis::model {
namespace {

constexpr const char* kTimePattern = "^([0-9]+(d|h|m|s|ms))+$";
constexpr const char* kSizePattern = "^[0-9]+([KMGT]i?)?B$";

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      out += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Members of a JSON object, or elements of a list.
class Json {
 public:
  void member(std::string_view name, std::string_view value) {
    add(json_text(name) + ":" + std::string(value));
  }
  void element(std::string_view value) { add(value); }
  bool empty() const { return inner_.empty(); }
  std::string object() const { return "{" + inner_ + "}"; }
  std::string list() const { return "[" + inner_ + "]"; }
  const std::string& members() const { return inner_; }

 private:
  void add(std::string_view text) {
    if (!inner_.empty()) inner_ += ",";
    inner_ += text;
  }
  std::string inner_;
};

// A value as YAML's usual types have it.
std::string json_value(const yaml::Node& node) {
  Json json;
  switch (node.kind) {
    case yaml::Node::Kind::kNull:
      return "null";
    case yaml::Node::Kind::kMap:
      for (const auto& entry : node.entries) json.member(entry.key, json_value(entry.value));
      return json.object();
    case yaml::Node::Kind::kList:
      for (const auto& item : node.items) json.element(json_value(item));
      return json.list();
    case yaml::Node::Kind::kScalar:
      break;
  }
  const bool digits = !node.text.empty() &&
                      std::ranges::all_of(node.text, [](char c) { return c >= '0' && c <= '9'; });
  const bool number = digits && (node.text.size() == 1 || node.text.front() != '0');
  const bool plain = node.plain && (number || node.text == "true" || node.text == "false");
  return plain ? node.text : json_text(node.text);
}

std::string json_of_yaml(std::string_view text) {
  Problems problems;
  const auto documents = yaml::read(text, "", problems);
  return documents.empty() ? "null" : json_value(documents.front());
}

std::string pattern(const char* pattern) {
  return fmt::format(R"({{"type":"string","pattern":{}}})", json_text(pattern));
}

std::string words_of(const Form& form) {
  Json words;
  for (const char* word : form.words) words.element(json_text(word));
  return fmt::format(R"({{"enum":{}}})", words.list());
}

std::string text_schema(const Form& form, bool references) {
  if (form.pattern != nullptr && !references) return pattern(form.pattern);
  // Many readers take 2.1 and true for a number and a bool; here they are texts.
  return R"({"type":["string","number","boolean"]})";
}

std::string value_schema(const Form& form, bool references) {
  switch (form.kind) {
    case Form::Kind::kText:
      return text_schema(form, references);
    case Form::Kind::kNumber:
      return fmt::format(R"({{"type":"integer","minimum":{},"maximum":{}}})", form.min, form.max);
    case Form::Kind::kBool:
      return R"({"type":"boolean"})";
    case Form::Kind::kChoice:
      return words_of(form);
    case Form::Kind::kDuration:
      return pattern(kTimePattern);
    case Form::Kind::kSize:
      return fmt::format(R"({{"anyOf":[{},{{"const":0}}]}})", pattern(kSizePattern));
    case Form::Kind::kCpu:
      return R"({"type":["number","string"]})";
    case Form::Kind::kPort:
      return R"({"anyOf":[{"type":"integer","minimum":1,"maximum":65535},{"const":"dynamic"}]})";
    case Form::Kind::kMode:
      return R"({"type":["string","integer"]})";
    case Form::Kind::kShare:
      return R"({"anyOf":[{"type":"integer","minimum":0},{"type":"string","pattern":"^([0-9]+%|auto)$"}]})";
  }
  return "true";
}

std::string either(std::string_view a, std::string_view b) {
  return a == b ? std::string(a) : fmt::format(R"({{"anyOf":[{},{}]}})", a, b);
}

std::string key_schema(const Key& key);

// A map, or what it may be written as instead.
std::string section_schema(const Section& section) {
  const std::string whole = fmt::format(R"({{"$ref":"#/$defs/{}"}})", section.name);
  if (section.shorthand == nullptr) return whole;
  return either(whole, key_schema(*find_key(section, section.shorthand)));
}

std::string named_schema(const Section& section) {
  const Form& name = *section.label_form;
  const std::string map =
      fmt::format(R"({{"type":"object","propertyNames":{},"additionalProperties":{}}})",
                  value_schema(name, false), section_schema(section));
  if (!section.list_of_names) return map;
  return either(map, fmt::format(R"({{"type":"array","items":{}}})", value_schema(name, false)));
}

std::string key_schema(const Key& key) {
  if (key.member == nullptr) return section_schema(*key.section);
  switch (key.shape()) {
    case Shape::kSection:
    case Shape::kOptional:
      return section_schema(*key.section);
    case Shape::kNamed:
      return named_schema(*key.section);
    case Shape::kWords: {
      const std::string word = value_schema(*key.form, key.references);
      return either(fmt::format(R"({{"type":"array","items":{}}})", word), word);
    }
    case Shape::kPairs: {
      const Form& name = key.pair_form != nullptr ? *key.pair_form : forms::kConfigName;
      return fmt::format(R"({{"type":"object","propertyNames":{},"additionalProperties":{}}})",
                         value_schema(name, false), value_schema(*key.form, key.references));
    }
    default:
      return value_schema(*key.form, key.references);
  }
}

std::string property(const Key& key) {
  std::string schema = key_schema(key);
  schema.pop_back();
  schema += ",\"description\":" + json_text(std::string(key.doc) + ".");
  if (*key.standard != '\0') schema += ",\"default\":" + json_of_yaml(key.standard);
  schema += fmt::format(",\"examples\":[{}]}}", json_of_yaml(key.example));
  return schema;
}

// That of a group at most one key is given.
std::string exclusions(const Section& section) {
  Json all;
  for (std::size_t i = 0; i < section.keys.size(); ++i) {
    for (std::size_t j = i + 1; j < section.keys.size(); ++j) {
      const Key &a = section.keys[i], &b = section.keys[j];
      if (a.group == nullptr || b.group == nullptr || std::string_view(a.group) != b.group)
        continue;
      all.element(fmt::format(R"({{"not":{{"required":["{}","{}"]}}}})", a.name, b.name));
    }
  }
  return all.list();
}

std::string definition(const Section& section) {
  Json properties, required, json;
  for (const Key& key : section.keys) {
    properties.member(key.name, property(key));
    if (key.required) required.element(json_text(key.name));
  }
  json.member("description", json_text(section.doc));
  json.member("type", R"("object")");
  json.member("properties", properties.object());
  json.member("additionalProperties", "false");
  if (!required.empty()) json.member("required", required.list());
  if (const std::string all = exclusions(section); all != "[]") json.member("allOf", all);
  return json.object();
}

}  // namespace

std::string json_schema() {
  Json definitions;
  for (const Section* section : keys::all())
    definitions.member(section->name, definition(*section));
  Json schema;
  schema.member("$schema", R"("https://json-schema.org/draft/2020-12/schema")");
  schema.member("title", R"("Polis application")");
  schema.member("$ref", R"("#/$defs/Application")");
  schema.member("$defs", definitions.object());
  return schema.object() + "\n";
}

}  // namespace polis::model
