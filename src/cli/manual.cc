#include "cli/manual.hh"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "host/version.hh"

namespace polis::cli {
namespace {

// As man(7) reads it: a backslash and a hyphen that is a hyphen are escaped, and no line begins
// with a control character.
std::string escaped(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string lower_first(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string head(const std::string& name, const std::string& does) {
  std::string upper = name;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return fmt::format(".TH {} 1 \"\" \"polis {}\" \"Polis\"\n.SH NAME\n{} \\- {}\n", escaped(upper),
                     host::kVersion, escaped(name), escaped(does));
}

// What the value of an option may be, as --help shows it.
std::string value_of(const CLI::Option& option) {
  if (option.get_type_size() == 0) return "";
  const std::string type = option.get_type_name();  // perhaps "TEXT:{a,b}", or "FLOAT:FLOAT in ..."
  const std::size_t open = type.find(":{");
  if (open == std::string::npos) return type.substr(0, type.find(':'));
  std::string choices = type.substr(open + 2, type.find('}', open) - open - 2);
  std::ranges::replace(choices, ',', '|');
  return choices;
}

bool is_positional(const CLI::Option& option) { return option.get_positional(); }

std::string names_of(const CLI::Option& option) {
  if (is_positional(option)) return italic(option.get_name(true));
  std::string names;
  for (const std::string& name : option.get_snames()) names += bold("-" + name) + ", ";
  for (const std::string& name : option.get_lnames()) names += bold("--" + name) + ", ";
  if (!names.empty()) names.resize(names.size() - 2);
  if (const std::string value = value_of(option); !value.empty()) names += " " + italic(value);
  return names;
}

void append_option(std::string& out, const CLI::Option& option) {
  out += ".TP\n" + names_of(option) + "\n" + escaped(option.get_description()) + ".\n";
  if (const std::string standard = option.get_default_str(); !standard.empty())
    out += "Default: " + escaped(standard) + ".\n";
  if (const std::string name = option.get_envname(); !name.empty())
    out += "Also from the environment: " + bold(name) + ".\n";
}

// Positionals first, in the order in which they are given.
void append_options(std::string& out, const CLI::App& app) {
  for (const bool positionals : {true, false}) {
    for (const CLI::Option* option : app.get_options()) {
      if (is_positional(*option) != positionals) continue;
      if (!option->get_lnames().empty() && option->get_lnames().front().starts_with("help"))
        continue;
      append_option(out, *option);
    }
  }
}

std::string usage_of(const CLI::App& app, const std::string& path) {
  std::string usage = bold(path);
  for (const CLI::Option* option : app.get_options()) {
    if (!is_positional(*option)) continue;
    const std::string name = italic(option->get_name(true));
    usage += option->get_required() ? " " + name : " [" + name + "]";
  }
  if (!app.get_subcommands({}).empty()) usage += " " + italic("COMMAND");
  return usage + " [" + italic("OPTIONS") + "]";
}

void append_footer(std::string& out, const CLI::App& app) {
  if (const std::string footer = app.get_footer(); !footer.empty())
    out += ".PP\n.nf\n" + escaped(footer) + "\n.fi\n";
}

// The command and all that is below it.
void append_command(std::string& out, const CLI::App& app, const std::string& path) {
  out += ".SS " + usage_of(app, path) + "\n" + escaped(app.get_description()) + ".\n";
  append_options(out, app);
  append_footer(out, app);
  for (const CLI::App* sub : app.get_subcommands({}))
    append_command(out, *sub, path + " " + sub->get_name());
}

std::string reference(const std::string& page) { return bold(page) + "(1)"; }

}  // namespace

std::string manual_of_program(const CLI::App& app) {
  const std::string name = app.get_name();
  std::string out = head(name, "highly available platform of a few machines");
  out += ".SH SYNOPSIS\n" + bold(name) + " " + italic("COMMAND") + " [" + italic("OPTIONS") + "]\n";
  out += ".SH DESCRIPTION\n.nf\n" + escaped(app.get_description()) + "\n.fi\n.SH COMMANDS\n";
  std::string pages;
  for (const CLI::App* command : app.get_subcommands({})) {
    out += ".TP\n" + bold(command->get_name()) + "\n" + escaped(command->get_description()) + ".\n";
    if (!pages.empty()) pages += ",\n";
    pages += reference(name + "-" + command->get_name());
  }
  out += ".SH OPTIONS\n";
  append_options(out, app);
  out +=
      ".SH EXIT STATUS\n.TP\n0\nDone.\n.TP\n1\nRefused, or not found.\n.TP\n2\nWrong usage or "
      "settings.\n";
  return out + ".SH SEE ALSO\n" + pages + "\n";
}

std::string manual_of_command(const CLI::App& app, const CLI::App& command) {
  const std::string path = app.get_name() + " " + command.get_name();
  std::string out =
      head(app.get_name() + "-" + command.get_name(), lower_first(command.get_description()));
  out += ".SH SYNOPSIS\n" + usage_of(command, path) + "\n";
  out += ".SH DESCRIPTION\n" + escaped(command.get_description()) + ".\n";
  append_footer(out, command);
  std::string options;
  append_options(options, command);
  if (!options.empty()) out += ".SH OPTIONS\n" + options;
  if (const auto subs = command.get_subcommands({}); !subs.empty()) {
    out += ".SH COMMANDS\n";
    for (const CLI::App* sub : subs) append_command(out, *sub, path + " " + sub->get_name());
  }
  return out + ".SH SEE ALSO\n" + reference(app.get_name()) + "\n";
}

}  // namespace polis::cli
