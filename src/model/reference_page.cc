// The table of keys as a part of a Markdown page, and as a .proto file.

#include <fmt/format.h>

#include <algorithm>

#include "model/keys.hh"
#include "model/references.hh"
#include "model/schema.hh"

namespace polis::model {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string anchor(const Section& section) {
  std::string name = section.name;
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return fmt::format("[{}](#{})", section.name, name);
}

std::string values_of(const Form& form) {
  if (form.kind == Form::Kind::kChoice) return expectation(form);
  if (form.kind == Form::Kind::kText || form.kind == Form::Kind::kBool) return form.name;
  if (form.kind == Form::Kind::kPort) return "1 to 65535, or dynamic";
  if (form.kind == Form::Kind::kMode || form.kind == Form::Kind::kShare) return expectation(form);
  return fmt::format("{}, {} to {}", form.name, write_number(form, form.min),
                     write_number(form, form.max));
}

std::string form_of(const Key& key) {
  if (key.member == nullptr) return anchor(*key.section);
  switch (key.shape()) {
    case Shape::kSection:
    case Shape::kOptional:
      return anchor(*key.section);
    case Shape::kNamed:
      return "map of " + anchor(*key.section);
    case Shape::kWords:
      return key.form->split ? "list, or one text" : fmt::format("list of {}s", key.form->name);
    case Shape::kPairs:
      return "map of texts";
    default:
      return values_of(*key.form);
  }
}

std::string standard_of(const Key& key) {
  if (key.required) return "required";
  return *key.standard == '\0' ? "" : fmt::format("`{}`", key.standard);
}

std::string group_of(const Section& section, const Key& key) {
  if (key.group == nullptr) return "";
  std::string others;
  for (const Key& other : section.keys) {
    if (&other == &key || other.group == nullptr || std::string_view(other.group) != key.group)
      continue;
    others += fmt::format("{}`{}`", others.empty() ? "" : ", ", other.name);
  }
  return fmt::format(" (instead of {})", others);
}

std::string effect_of(const Key& key) {
  return key.effect == Effect::kNone ? "" : to_string(key.effect);
}

std::string table_of(const Section& section) {
  std::string out = fmt::format("### {}\n\n{}.", section.name, section.doc);
  if (section.shorthand != nullptr)
    out += fmt::format(" A value that is no map stands for its `{}`.", section.shorthand);
  if (section.list_of_names) out += " Several may also be a list of names.";
  out +=
      "\n\n| key | value | default | meaning | example | a change asks for |\n"
      "|---|---|---|---|---|---|\n";
  for (const Key& key : section.keys)
    out += fmt::format("| `{}` | {} | {} | {}{} | `{}` | {} |\n", key.name, escaped(form_of(key)),
                       standard_of(key), escaped(key.doc), group_of(section, key),
                       escaped(key.example), effect_of(key));
  return out + "\n";
}

const char* proto_type(const Form& form) {
  return form.kind == Form::Kind::kBool ? "bool" : "int64";
}

std::string proto_field(const Key& key) {
  switch (key.shape()) {
    case Shape::kText:
      return "string";
    case Shape::kWords:
      return "repeated string";
    case Shape::kPairs:
      return "map<string, string>";
    case Shape::kNamed:
      return fmt::format("repeated {}", key.section->name);
    case Shape::kSection:
    case Shape::kOptional:
      return key.section->name;
    default:
      return proto_type(*key.form);
  }
}

// What a number means, where its type does not say it.
std::string proto_comment(const Key& key) {
  if (key.shape() != Shape::kNumber) return "";
  switch (key.form->kind) {
    case Form::Kind::kDuration:
      return "  // nanoseconds";
    case Form::Kind::kSize:
      return "  // bytes";
    case Form::Kind::kCpu:
      return "  // thousandths of a core";
    case Form::Kind::kPort:
      return "  // 0: dynamic";
    case Form::Kind::kShare:
      return "  // twice the value, and 1 more for a percentage";
    case Form::Kind::kChoice: {
      std::string words = "  //";
      for (std::size_t i = 0; i < key.form->words.size(); ++i)
        words += fmt::format("{} {}: {}", i == 0 ? "" : ",", i, key.form->words[i]);
      return words;
    }
    default:
      return "";
  }
}

std::string message_of(const Section& section) {
  std::string out = fmt::format("\n// {}.\nmessage {} {{\n", section.doc, section.name);
  if (section.label != nullptr) out += "  string name = 1;\n";
  for (const Key& key : section.keys) {
    if (key.number == 0) continue;
    out += fmt::format("  {} {} = {};{}\n", proto_field(key), key.name, key.number,
                       proto_comment(key));
  }
  return out + "}\n";
}

}  // namespace

std::string reference_page() {
  std::string out;
  for (const Section* section : keys::all()) out += table_of(*section);
  out += "### What references may also name\n\n| reference | what it stands for |\n|---|---|\n";
  for (const Fact& fact : kFacts) out += fmt::format("| `${{{}}}` | {} |\n", fact.name, fact.doc);
  return out;
}

std::string proto_text() {
  std::string out =
      "// An application as it is stored (docs/formats/application.md). Made from the table of "
      "keys\n"
      "// in src/model/keys.cc by `polis schema --form proto`; a test compares the two.\n"
      "// DO NOT CHANGE numbers.\n"
      "syntax = \"proto3\";\npackage polis.model.v1;\n";
  for (const Section* section : keys::all()) out += message_of(*section);
  return out;
}

}  // namespace polis::model
