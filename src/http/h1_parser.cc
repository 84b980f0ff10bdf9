#include "http/h1_parser.hh"

#include <charconv>

namespace polis::http {
namespace {

// What a client says first that speaks TLS (RFC 8446, section 5.1). It waits for an answer.
constexpr char kTlsHandshake = 0x16;

// A chunk's size line, with extensions, which nobody uses.
constexpr std::size_t kChunkLineMax = 4 << 10;
constexpr std::size_t kTrailerBytesMax = 16 << 10;
// RFC 9112 2.2: a server should pass over an empty line before a request.
constexpr std::size_t kLeadingBlankBytesMax = 64;

bool parse_length(std::string_view text, std::uint64_t& value) {
  // No sign, no blanks, no empty value: std::from_chars takes digits alone for unsigned types.
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value < (1ULL << 62);
}

}  // namespace

H1Parser::Event H1Parser::fail(int status, std::string text) {
  state_ = State::kError;
  error_status_ = status;
  error_text_ = std::move(text);
  return Event::kError;
}

bool H1Parser::refuse(int status, std::string text) {
  fail(status, std::move(text));
  return false;
}

H1Parser::Event H1Parser::feed(std::string_view& bytes) {
  switch (state_) {
    case State::kHead:
      return read_head(bytes);
    case State::kFixedBody:
    case State::kChunkData:
      return read_fixed(bytes);
    case State::kChunkSize:
      return read_chunk_size(bytes);
    case State::kChunkEnd:
      return read_chunk_end(bytes);
    case State::kTrailers:
      return read_trailers(bytes);
    case State::kDone:
      state_ = State::kHead;
      head_.clear();
      return Event::kEnd;
    case State::kError:
      return Event::kError;
  }
  return Event::kError;
}

H1Parser::Event H1Parser::read_head(std::string_view& bytes) {
  if (head_.empty()) {
    // Leading empty lines.
    const std::size_t first = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
    trailer_bytes_ += first;
    if (trailer_bytes_ > kLeadingBlankBytesMax) return fail(400, "empty lines without a request");
    bytes.remove_prefix(first);
  }
  if (bytes.empty()) return Event::kMore;
  // The end may lie across two pieces: look again at the last three bytes.
  const std::size_t from = head_.size() < 3 ? 0 : head_.size() - 3;
  const std::size_t before = head_.size();
  head_ += bytes.substr(0, limits_.head_bytes_max + 1 - std::min(before, limits_.head_bytes_max));
  if (before == 0 && head_.front() == kTlsHandshake)
    return fail(400, "this address speaks no TLS: write http://");
  const std::size_t end = head_.find("\r\n\r\n", from);
  if (end == std::string::npos) {
    if (head_.find("\n\n", from) != std::string::npos || head_.find("\n\r\n") == 0)
      return fail(400, "a line ends without CR");
    if (head_.size() > limits_.head_bytes_max)
      return fail(431, "the request's header fields are larger than this server takes");
    bytes.remove_prefix(head_.size() - before);
    return Event::kMore;
  }
  head_.resize(end + 2);  // each line keeps its end
  bytes.remove_prefix(end + 4 - before);
  return parse_head();
}

H1Parser::Event H1Parser::parse_head() {
  trailer_bytes_ = 0;
  fields_.clear();
  std::string_view rest = head_;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == 0 || rest[end - 1] != '\r') return fail(400, "a line ends without CR");
    std::string_view line = rest.substr(0, end - 1);
    rest.remove_prefix(end + 1);
    if (first ? !parse_request_line(line) : !parse_field(line)) return Event::kError;
    first = false;
  }
  if (!frame_body()) return Event::kError;
  return Event::kRequest;
}

bool H1Parser::parse_request_line(std::string_view line) {
  const std::size_t first = line.find(' '), second = line.rfind(' ');
  if (first == std::string_view::npos || second == first)
    return refuse(400, "this is no HTTP request: METHOD TARGET HTTP/1.1 was expected");
  const std::string_view method = line.substr(0, first),
                         target = line.substr(first + 1, second - first - 1),
                         version = line.substr(second + 1);
  if (!version.starts_with("HTTP/") || version.size() != 8)
    return refuse(400, "this is no HTTP request: METHOD TARGET HTTP/1.1 was expected");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return refuse(505, "HTTP/1.1, HTTP/1.0 and HTTP/2 with prior knowledge are served here");
  if (!is_token(method)) return refuse(400, "the method is not a token");
  for (char c : target) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f)
      return refuse(400, "the target holds a blank or a control character");
  }
  if (target.empty()) return refuse(400, "the target is empty");
  method_ = method;
  target_ = target;
  version_ = version.back() == '1' ? 11 : 10;
  return true;
}

bool H1Parser::parse_field(std::string_view line) {
  if (fields_.size() >= limits_.fields_max)
    return refuse(431, "the request has more header fields than this server takes");
  if (line.starts_with(' ') || line.starts_with('\t'))
    return refuse(400, "a header field goes on in the next line, which is obsolete");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse(400, "a header field has no colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (!is_token(name)) return refuse(400, "the name of a header field is not a token");
  if (!is_field_value(value)) return refuse(400, "a header field holds a control character");
  // Names are compared in lower case from here on; head_ is ours.
  for (char& c :
       std::span(head_).subspan(static_cast<std::size_t>(name.data() - head_.data()), name.size()))
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  fields_.emplace_back(name, value);
  return true;
}

// RFC 9112 6.3: where the body ends.
bool H1Parser::frame_body() {
  std::string_view coding;
  bool has_length = false;
  std::uint64_t length = 0;
  int hosts = 0;
  keep_alive_ = version_ == 11;
  expects_continue_ = false;
  for (const auto& [name, value] : fields_) {
    if (name == "content-length") {
      std::uint64_t one = 0;
      if (!parse_length(value, one)) return refuse(400, "Content-Length is not a number");
      if (has_length && one != length)
        return refuse(400, "there are two different Content-Length fields");
      has_length = true;
      length = one;
    } else if (name == "transfer-encoding") {
      if (!coding.empty()) return refuse(400, "there are two Transfer-Encoding fields");
      coding = value;
      if (coding.empty()) return refuse(400, "Transfer-Encoding is empty");
    } else if (name == "connection") {
      if (list_names(value, "close")) keep_alive_ = false;
      if (version_ == 10 && list_names(value, "keep-alive")) keep_alive_ = true;
    } else if (name == "host") {
      ++hosts;
    } else if (name == "expect" && version_ == 11) {
      if (!equals_ignoring_case(value, "100-continue"))
        return refuse(417, "Expect can be 100-continue alone");
      expects_continue_ = true;
    }
  }
  if (hosts > 1) return refuse(400, "there are two Host fields");
  if (version_ == 11 && hosts == 0) return refuse(400, "the Host field is missing");
  if (!coding.empty()) {
    if (has_length) return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
    if (version_ == 10) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (!equals_ignoring_case(coding, "chunked"))
      return refuse(501, "the only transfer coding served here is chunked");
    state_ = State::kChunkSize;
    line_.clear();
    return true;
  }
  left_ = length;
  state_ = left_ > 0 ? State::kFixedBody : State::kDone;
  if (left_ == 0) expects_continue_ = false;
  return true;
}

H1Parser::Event H1Parser::read_fixed(std::string_view& bytes) {
  if (bytes.empty()) return Event::kMore;
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  body_ = bytes.substr(0, n);
  bytes.remove_prefix(n);
  left_ -= n;
  if (left_ == 0) state_ = state_ == State::kFixedBody ? State::kDone : State::kChunkEnd;
  return Event::kBody;
}

bool H1Parser::read_line(std::string_view& bytes, std::size_t bytes_max) {
  const std::size_t end = bytes.find('\n');
  const std::size_t n = end == std::string_view::npos ? bytes.size() : end + 1;
  line_ += bytes.substr(0, std::min(n, bytes_max + 1));
  bytes.remove_prefix(n);
  return end != std::string_view::npos;
}

H1Parser::Event H1Parser::read_chunk_size(std::string_view& bytes) {
  const bool complete = read_line(bytes, kChunkLineMax);
  if (line_.size() > kChunkLineMax) return fail(400, "the size line of a chunk is too long");
  if (!complete) return Event::kMore;
  if (!line_.ends_with("\r\n")) return fail(400, "a line ends without CR");
  std::string_view text = std::string_view(line_).substr(0, line_.size() - 2);
  const std::string_view digits = text.substr(0, std::min(text.find_first_of("; \t"), text.size()));
  if (!is_field_value(text)) return fail(400, "a chunk extension holds a control character");
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.size() > 15)
    return fail(400, "the size of a chunk is not a hexadecimal number");
  line_.clear();
  state_ = left_ > 0 ? State::kChunkData : State::kTrailers;
  trailer_bytes_ = 0;
  return feed(bytes);
}

H1Parser::Event H1Parser::read_chunk_end(std::string_view& bytes) {
  const bool complete = read_line(bytes, 2);
  if (!std::string_view("\r\n").starts_with(line_))
    return fail(400, "a chunk is longer than its size says");
  if (!complete) return Event::kMore;
  line_.clear();
  state_ = State::kChunkSize;
  return feed(bytes);
}

// Trailers are passed over: nothing here uses them.
H1Parser::Event H1Parser::read_trailers(std::string_view& bytes) {
  while (!bytes.empty()) {
    const bool complete = read_line(bytes, kTrailerBytesMax);
    if (trailer_bytes_ + line_.size() > kTrailerBytesMax)
      return fail(431, "the trailers are larger than this server takes");
    if (!complete) return Event::kMore;
    if (!line_.ends_with("\r\n")) return fail(400, "a line ends without CR");
    trailer_bytes_ += line_.size();
    const bool last = line_.size() == 2;
    line_.clear();
    if (!last) continue;
    trailer_bytes_ = 0;
    state_ = State::kDone;
    return feed(bytes);
  }
  return Event::kMore;
}

}  // namespace polis::http
