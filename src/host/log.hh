#pragma once

// The log of a running process, for people: one line for each event, as text or as JSON, on
// standard error. Never log values of keys, and never secrets.
//
// Threads: set_up_log before other threads run; the other functions from any thread.

#include <fmt/format.h>

#include <string_view>

namespace polis::host {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kText, kJson };

// Call it once, before the first line. Lines below `level` are left out. `replica`: a name that
// each line carries.
void set_up_log(LogLevel level, LogFormat format, std::string_view replica);
void log_line(LogLevel level, std::string_view text);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace polis::host
