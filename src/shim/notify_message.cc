#include "shim/notify_message.hh"

namespace polis::shim {
namespace {

bool starts_with(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && std::memcmp(text.data(), with.data(), with.size()) == 0;
}

// 0: it is no number, or too large.
std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || text.size() > 18) return 0;
  for (char c : text) {
    if (c < '0' || c > '9') return 0;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

void take_line(std::string_view line, NotifyMessage& message) {
  const auto value_of = [line](std::string_view name) {
    return std::string_view{line.data() + name.size(), line.size() - name.size()};
  };
  constexpr std::string_view kStatus = "STATUS=", kExtend = "EXTEND_TIMEOUT_USEC=",
                             kErrno = "ERRNO=";
  if (line == "READY=1") message.ready = true;
  if (line == "RELOADING=1") message.reloading = true;
  if (line == "STOPPING=1") message.stopping = true;
  if (line == "WATCHDOG=1") message.watchdog = true;
  if (starts_with(line, kExtend)) message.extend_timeout = number(value_of(kExtend));
  if (starts_with(line, kErrno)) message.error = number(value_of(kErrno));
  if (starts_with(line, kStatus)) {
    message.has_status = true;
    message.status = value_of(kStatus);
  }
}

}  // namespace

NotifyMessage parse_notify(std::string_view message) {
  NotifyMessage parsed;
  const char* at = message.data();
  const char* end = at + message.size();
  while (at < end) {
    const auto* newline =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    const char* stop = newline != nullptr ? newline : end;
    take_line({at, static_cast<std::size_t>(stop - at)}, parsed);
    at = stop + 1;
  }
  return parsed;
}

void take_notify(const NotifyMessage& message, std::uint64_t now, State& state) {
  state.ready += message.ready;
  state.reloading += message.reloading;
  state.stopping += message.stopping;
  state.watchdog += message.watchdog;
  if (message.ready) state.ready_at = now;
  if (message.has_status) state.status.assign(message.status);
  if (message.extend_timeout != 0) state.extend_timeout = message.extend_timeout;
  if (message.error != 0) state.notify_errno = message.error;
}

}  // namespace polis::shim
