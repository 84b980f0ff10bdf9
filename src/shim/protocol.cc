#include "shim/protocol.hh"

#include <concepts>
#include <type_traits>

#include "shim/fields.hh"

namespace polis::shim {
namespace {

template <typename M, typename Message>
concept Is = std::same_as<std::remove_const_t<M>, Message>;

// One list of fields serves writing and reading: `v` is called with each field's number and place.
// DO NOT CHANGE the numbers; new fields get new ones.
void visit(auto& v, Is<Hello> auto& m) {
  v(1, m.newest), v(2, m.oldest), v(3, m.purpose), v(4, m.release), v(5, m.process);
}
void visit(auto& v, Is<Welcome> auto& m) { v(1, m.version), v(2, m.release); }
void visit(auto& v, Is<Refusal> auto& m) {
  v(1, m.reason), v(2, m.newest), v(3, m.oldest), v(4, m.process);
}
void visit(auto& v, Is<Request> auto& m) {
  v(1, m.id), v(2, m.ask), v(3, m.signal), v(4, m.grace), v(5, m.lease), v(6, m.deadline);
}
void visit(auto& v, Is<Answer> auto& m) { v(1, m.id), v(2, m.verdict), v(3, m.number); }
void visit(auto& v, Is<State> auto& m) {
  v(1, m.phase), v(2, m.cause), v(3, m.shim_pid), v(4, m.shim_started), v(5, m.pid);
  v(6, m.pid_started), v(7, m.started_at), v(8, m.exit), v(9, m.exit_number), v(10, m.core_dumped);
  v(11, m.oom_kills), v(12, m.exited_at), v(13, m.ended_at), v(14, m.failed_step);
  v(15, m.failed_errno), v(16, m.failed_what), v(17, m.settings_absent), v(18, m.setting_absent);
  v(19, m.group_kill), v(20, m.remaining), v(21, m.kill_took), v(22, m.deadline), v(23, m.lease);
  v(24, m.output_bytes), v(25, m.output_dropped), v(26, m.output_errno), v(27, m.record_errno);
  v(28, m.recorded), v(29, m.ready), v(30, m.reloading), v(31, m.stopping), v(32, m.watchdog);
  v(33, m.notify_refused), v(34, m.ready_at), v(35, m.extend_timeout), v(36, m.notify_errno);
  v(37, m.status), v(38, m.listeners), v(39, m.listeners_inherited), v(40, m.oom_lowered);
  v(41, m.output_complete);
}

struct Put {
  FieldWriter& out;
  void operator()(std::uint32_t field, std::uint64_t value) { out.number(field, value); }
  void operator()(std::uint32_t field, std::string_view text) { out.text(field, text); }
  void operator()(std::uint32_t field, const Text& text) { out.text(field, text.view()); }
  template <typename T>
    requires std::is_enum_v<T>
  void operator()(std::uint32_t field, T value) {
    out.number(field, static_cast<std::uint64_t>(value));
  }
};

// Called for each field of the message: takes the one that was read.
struct Take {
  const Field& field;
  void operator()(std::uint32_t number, std::uint64_t& value) {
    if (number == field.number) value = field.value;
  }
  void operator()(std::uint32_t number, std::string_view& text) {
    if (number == field.number) text = field.bytes;
  }
  void operator()(std::uint32_t number, Text& text) {
    if (number == field.number) text.assign(field.bytes);
  }
  // A number that no enumerator has is kept: it is of a newer release, and nobody's business here.
  template <typename T>
    requires std::is_enum_v<T>
  void operator()(std::uint32_t number, T& value) {
    if (number == field.number) value = static_cast<T>(field.value);
  }
};

template <typename Message>
std::string_view encode_as(FrameType type, const Message& message, char* buffer,
                           std::size_t capacity) {
  if (capacity < kFrameHeader) return {};
  FieldWriter out(buffer + kFrameHeader, capacity - kFrameHeader);
  Put put{out};
  visit(put, message);
  if (!out.ok()) return {};
  put_frame_header(buffer, type, out.bytes().size());
  return {buffer, kFrameHeader + out.bytes().size()};
}

template <typename Message>
bool decode_as(std::string_view body, Message& message) {
  FieldReader in(body);
  for (Field field; in.next(field);) {
    Take take{field};
    visit(take, message);
  }
  return in.ok();
}

}  // namespace

Framing first_frame(std::string_view bytes, Frame& frame) {
  std::uint32_t length = 0;
  if (bytes.size() < sizeof length) return Framing::kMore;
  std::memcpy(&length, bytes.data(), sizeof length);  // little-endian, as all machines here
  if (length < 1 || length > kFrameBytesMax - sizeof length) return Framing::kWrong;
  if (bytes.size() < sizeof length + length) return Framing::kMore;
  frame.type = static_cast<FrameType>(bytes.data()[sizeof length]);
  frame.body = {bytes.data() + kFrameHeader, length - 1};
  frame.size = sizeof length + length;
  return Framing::kFrame;
}

void put_frame_header(char* at, FrameType type, std::size_t body_size) {
  const auto length = static_cast<std::uint32_t>(body_size + 1);
  std::memcpy(at, &length, sizeof length);
  at[sizeof length] = static_cast<char>(type);
}

std::string_view encode(const Hello& m, char* buffer, std::size_t capacity) {
  return encode_as(FrameType::kHello, m, buffer, capacity);
}
std::string_view encode(const Welcome& m, char* buffer, std::size_t capacity) {
  return encode_as(FrameType::kWelcome, m, buffer, capacity);
}
std::string_view encode(const Refusal& m, char* buffer, std::size_t capacity) {
  return encode_as(FrameType::kRefusal, m, buffer, capacity);
}
std::string_view encode(const Request& m, char* buffer, std::size_t capacity) {
  return encode_as(FrameType::kRequest, m, buffer, capacity);
}
std::string_view encode(const Answer& m, char* buffer, std::size_t capacity) {
  return encode_as(FrameType::kAnswer, m, buffer, capacity);
}
std::string_view encode(const State& m, char* buffer, std::size_t capacity) {
  return encode_as(FrameType::kState, m, buffer, capacity);
}

bool decode(std::string_view body, Hello& m) { return decode_as(body, m); }
bool decode(std::string_view body, Welcome& m) { return decode_as(body, m); }
bool decode(std::string_view body, Refusal& m) { return decode_as(body, m); }
bool decode(std::string_view body, Request& m) { return decode_as(body, m); }
bool decode(std::string_view body, Answer& m) { return decode_as(body, m); }
bool decode(std::string_view body, State& m) { return decode_as(body, m); }

std::uint64_t common_version(const Hello& hello) {
  const std::uint64_t newest = hello.newest < kProtocolNewest ? hello.newest : kProtocolNewest;
  const std::uint64_t oldest = hello.oldest > kProtocolOldest ? hello.oldest : kProtocolOldest;
  return newest >= oldest ? newest : 0;
}

}  // namespace polis::shim
