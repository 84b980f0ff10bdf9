#include "host/log.hh"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace polis::host {
namespace {

// The message as the inside of a JSON string.
class JsonText final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    for (char c : message.payload) {
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (static_cast<unsigned char>(c) < 0x20) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonText>();
  }
};

}  // namespace

void set_up_log(LogLevel level, LogFormat format, std::string_view replica) {
  auto logger =
      std::make_shared<spdlog::logger>("polis", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == LogFormat::kJson) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JsonText>('*').set_pattern(fmt::format(
        R"({{"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","replica":"{}","message":"%*"}})",
        replica));
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern(fmt::format("%Y-%m-%d %H:%M:%S.%e %-7l {}: %v", replica));
  }
  logger->set_level(level == LogLevel::kDebug  ? spdlog::level::debug
                    : level == LogLevel::kInfo ? spdlog::level::info
                    : level == LogLevel::kWarn ? spdlog::level::warn
                                               : spdlog::level::err);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void log_line(LogLevel level, std::string_view text) {
  switch (level) {
    case LogLevel::kDebug:
      spdlog::debug(text);
      break;
    case LogLevel::kInfo:
      spdlog::info(text);
      break;
    case LogLevel::kWarn:
      spdlog::warn(text);
      break;
    case LogLevel::kError:
      spdlog::error(text);
      break;
  }
}

}  // namespace polis::host
