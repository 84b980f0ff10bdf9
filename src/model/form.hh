#pragma once

// How single values are written: times, sizes, names, choices. Each form reads, writes and explains
// its values, and gives the pattern by which editors check them.
//
// Numbers are held as integers: Duration in nanoseconds, sizes in bytes, CPU in thousandths of a
// core, a Share as twice its value plus one if it is a percentage (-1: auto), a bool as 0 or 1, a
// choice as the index of its word.
//
// Threads: any; pure.

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace polis::model {

inline constexpr std::size_t kTextMax = 4096;           // bytes of one value
inline constexpr std::size_t kContentMax = 256 * 1024;  // of a configuration file
inline constexpr std::size_t kNameMax = 63;             // of a DNS label (RFC 1035, 2.3.4)
inline constexpr std::size_t kWordsMax = 1000;          // of one list
inline constexpr std::size_t kPairsMax = 1000;          // of one map of texts
inline constexpr std::size_t kNamedMax = 2000;  // services, or other named things, of one map

inline constexpr std::int64_t kShareByItself = -1;  // `auto`

struct Form {
  enum class Kind {
    kText,
    kNumber,
    kBool,
    kChoice,
    kDuration,
    kSize,
    kCpu,
    kPort,   // 0: `dynamic`
    kMode,   // octal
    kShare,  // 2 or 25%
  };
  Kind kind = Kind::kText;
  const char* name = "";                      // for the reference page: "time"
  const char* expected = "";                  // of a text: "a path"
  std::int64_t min = 0, max = 0;              // of a number
  std::size_t bytes_max = kTextMax;           // of a text
  bool (*valid)(std::string_view) = nullptr;  // of a text; nullptr: all texts are
  const char* pattern =
      nullptr;  // of a text: a regular expression (ECMA 262) that says nearly the same
  std::span<const char* const>
      words{};  // of a choice, in the order of its enum: DO NOT CHANGE. Of a text: common ones
  bool split = false;  // one text stands for a list: it is cut as a shell would
};

// What is wrong with a value.
struct Wrong {
  std::string expected;  // "a whole number from 0 to 3"
  std::string meant;     // "; did you mean '15s'?", or empty
};

// What the form wants, in words.
std::string expectation(const Form& form);

// Any form but a text.
std::expected<std::int64_t, Wrong> read_number(const Form& form, std::string_view text);
// The shortest text that read_number reads as the same number.
std::string write_number(const Form& form, std::int64_t number);

// Nothing: the text is right. No text holds NUL or bytes that are not UTF-8.
std::optional<Wrong> check_text(const Form& form, std::string_view text);

// Words between blanks; '...' and "..." hold blanks together, a backslash makes the next character
// plain (not within '...'). No variables, no patterns: this is no shell. Nothing: a quote is open.
std::optional<std::vector<std::string>> split_command(std::string_view text);

bool is_utf8(std::string_view text);
// a-z, 0-9 and '-', beginning with a letter, not ending with '-'; 1 to 63 (RFC 1035, 2.3.1).
bool is_label(std::string_view text);

// The forms that keys have (model/keys.cc has those with ranges).
namespace forms {
extern const Form kLine, kText, kContent, kLabel, kDependency, kPath, kAbsolutePath, kUrlPath,
    kUser, kSignal, kEnvironmentName, kConfigName, kFileName, kWord, kCommand, kConstraint, kCron,
    kZone, kImage, kUrl, kDigest, kBool, kPort, kShare;
}  // namespace forms

}  // namespace polis::model
