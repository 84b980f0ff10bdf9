// The forms of texts: what each kind of name, path and address may look like.

#include <algorithm>
#include <cctype>

#include "model/constraint.hh"
#include "model/form.hh"
#include "model/schedule.hh"

namespace polis::model {
namespace {

bool letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool letter_or_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// One or more characters, each a letter, a digit or one of `more`.
bool all_of(std::string_view text, std::string_view more) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return letter_or_digit(c) || more.find(c) != std::string_view::npos;
  });
}

bool is_line(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

bool is_word(std::string_view text) { return !text.empty(); }

bool is_dependency(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_label(text);
  return is_label(text.substr(0, slash)) && is_label(text.substr(slash + 1));
}

bool is_path(std::string_view text) { return !text.empty() && is_line(text); }
bool is_absolute_path(std::string_view text) { return text.starts_with('/') && is_line(text); }
bool is_url_path(std::string_view text) {
  return text.starts_with('/') && is_line(text) && text.find(' ') == std::string_view::npos;
}

// As useradd takes it, or a number.
bool is_user(std::string_view text) {
  return text.size() <= 32 && all_of(text, "_-.") && text.front() != '-' && text.front() != '.';
}

constexpr const char* kSignals[] = {"TERM", "INT",  "QUIT", "HUP",  "USR1",
                                    "USR2", "KILL", "ABRT", "CONT", "WINCH"};
bool is_signal(std::string_view text) {
  return std::ranges::find(kSignals, text) != std::end(kSignals);
}

bool is_environment_name(std::string_view text) {
  return all_of(text, "_") && (letter(text.front()) || text.front() == '_');
}

bool is_config_name(std::string_view text) {
  return all_of(text, "_-.") && text.front() != '.' && text.front() != '-' && text.back() != '.' &&
         text.size() <= 255;
}

bool is_zone(std::string_view text) {
  return text == "UTC" || (all_of(text, "/_+-") && text.find('/') != std::string_view::npos &&
                           text.front() != '/' && text.back() != '/' && letter(text.front()));
}

// [REGISTRY/]NAME[:TAG][@sha256:HEX], roughly: the registry has the last word.
bool is_image(std::string_view text) {
  return all_of(text, "._-/:@") && letter_or_digit(text.front()) && letter_or_digit(text.back());
}

bool is_url(std::string_view text) {
  const bool known = text.starts_with("https://") || text.starts_with("http://");
  return known && is_line(text) && text.find(' ') == std::string_view::npos &&
         text.size() > text.find("//") + 2;
}

bool is_digest(std::string_view text) {
  return text.size() == 7 + 64 && text.starts_with("sha256:") &&
         std::ranges::all_of(text.substr(7), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_cron(std::string_view text) { return parse_schedule(text).has_value(); }
bool is_constraint(std::string_view text) { return parse_constraint(text).has_value(); }

}  // namespace

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax && text.front() >= 'a' && text.front() <= 'z' &&
         text.back() != '-' && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// RFC 3629, 4.
bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
    if (size == 0 || at + size > text.size()) return false;
    for (std::size_t i = 1; i < size; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return false;
    }
    const auto second = size > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    if (overlong || beyond) return false;
    at += size;
  }
  return true;
}

std::optional<std::vector<std::string>> split_command(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
      words.back() += text[++at];
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return std::nullopt;
  return words;
}

namespace forms {

#define POLIS_LABEL "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
const Form kLine{.name = "text", .expected = "a text of one line", .valid = is_line};
const Form kText{.name = "text", .expected = "a text"};
const Form kContent{.name = "text", .expected = "a text", .bytes_max = kContentMax};
const Form kWord{.name = "text", .expected = "a text that is not empty", .valid = is_word};
const Form kCommand{.name = "command", .expected = "a command", .valid = nullptr, .split = true};
const Form kLabel{
    .name = "name",
    .expected =
        "a name: 1 to 63 of a-z, 0-9 and '-', beginning with a letter and not ending with '-'",
    .valid = is_label,
    .pattern = "^" POLIS_LABEL "$"};
const Form kDependency{.name = "service",
                       .expected = "the name of a service, or APPLICATION/SERVICE",
                       .valid = is_dependency,
                       .pattern = "^" POLIS_LABEL "(/" POLIS_LABEL ")?$"};
const Form kPath{.name = "path", .expected = "a path", .valid = is_path};
const Form kAbsolutePath{
    .name = "path", .expected = "an absolute path", .valid = is_absolute_path, .pattern = "^/"};
const Form kUrlPath{.name = "URL path",
                    .expected = "a path that begins with '/', without blanks",
                    .valid = is_url_path,
                    .pattern = "^/[^ ]*$"};
const Form kUser{.name = "user",
                 .expected = "the name or number of a user or group",
                 .valid = is_user,
                 .pattern = "^[A-Za-z0-9_][-A-Za-z0-9_.]{0,31}$"};
const Form kSignal{.name = "signal",
                   .expected = "a signal such as TERM, INT, QUIT, HUP, USR1 or USR2",
                   .valid = is_signal,
                   .words = kSignals};
const Form kEnvironmentName{
    .name = "variable",
    .expected = "the name of a variable: letters, digits and '_', not beginning with a digit",
    .valid = is_environment_name,
    .pattern = "^[A-Za-z_][A-Za-z0-9_]*$"};
const Form kConfigName{
    .name = "key",
    .expected = "a key: letters, digits, '_', '-' and '.', beginning with a letter, a digit or '_'",
    .valid = is_config_name,
    .pattern = "^[A-Za-z0-9_][-A-Za-z0-9_.]*$"};
const Form kFileName{.name = "file",
                     .expected =
                         "the name of a file: letters, digits, '_', '-' and '.', beginning with a "
                         "letter, a digit or '_'",
                     .valid = is_config_name,
                     .pattern = "^[A-Za-z0-9_][-A-Za-z0-9_.]*$"};
const Form kConstraint{
    .name = "constraint",
    .expected = "a constraint such as 'place = berlin/*', 'label.disk = ssd' or 'machine != m7'",
    .valid = is_constraint,
    .pattern = "^(machine|place|label\\..+) *!?= *[^ ].*$"};
const Form kCron{.name = "schedule",
                 .expected =
                     "five fields of cron (minute, hour, day of the month, month, day of the week) "
                     "such as '30 3 * * mon-fri', or @hourly, @daily, @weekly, @monthly",
                 .valid = is_cron};
const Form kZone{.name = "time zone",
                 .expected = "UTC or a time zone such as Europe/Berlin",
                 .valid = is_zone,
                 .pattern = "^(UTC|[A-Za-z][A-Za-z_+-]*(/[A-Za-z0-9_+-]+)+)$"};
const Form kImage{
    .name = "image", .expected = "an image such as docker.io/library/redis:7", .valid = is_image};
const Form kUrl{.name = "URL",
                .expected = "a URL that begins with https:// or http://",
                .valid = is_url,
                .pattern = "^https?://[^ ]+$"};
const Form kDigest{.name = "digest",
                   .expected = "sha256: and 64 digits 0-9a-f",
                   .valid = is_digest,
                   .pattern = "^sha256:[0-9a-f]{64}$"};
const Form kBool{.kind = Form::Kind::kBool, .name = "true or false"};
const Form kPort{.kind = Form::Kind::kPort, .name = "port", .min = 0, .max = 65'535};
const Form kShare{.kind = Form::Kind::kShare, .name = "share"};

}  // namespace forms
}  // namespace polis::model
