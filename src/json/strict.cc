#include "json/strict.hh"

#include <absl/container/inlined_vector.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace polis::json {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Deeper than any message that the parser behind this takes, and few enough for the stack.
constexpr int kDepthMax = 500;
// Of a token that does not belong where it stands, so much is told.
constexpr std::size_t kTokenShownMax = 100;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool message(const Descriptor& type) {
    skip_blanks();
    if (at_ < text_.size() && text_[at_] != '{') return unexpected_token();
    if (!object(&type, 0)) return false;
    skip_blanks();
    return at_ == text_.size() || wrong_character("after top-level value");
  }
  const std::string& error() const { return error_; }

 private:
  // `field`: what the value is for; null: for a field that is not known, or for none.
  bool value(const FieldDescriptor* field, int depth);
  bool object(const Descriptor* type, int depth);
  bool array(const FieldDescriptor* field, int depth);
  bool element(const FieldDescriptor* field, int depth);
  // `raw`: what stands between the quotes.
  bool string(std::string_view& raw);
  bool escape();
  bool number();
  bool digits();
  bool word(std::string_view expected);

  void skip_blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n'))
      ++at_;
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool fail(std::string text) {
    error_ = std::move(text);
    return false;
  }
  // What stands here is not what should; `where` as Go's parser says it.
  bool wrong_character(std::string_view where) {
    if (at_ == text_.size()) return fail("unexpected EOF");
    const char c = text_[at_];
    return fail(c == '\'' ? fmt::format("invalid character '\\'' {}", where)
                          : fmt::format("invalid character '{}' {}", c, where));
  }
  bool unexpected_token();
  std::string place(std::size_t at) const;

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

std::string Reader::place(std::size_t at) const {
  const std::string_view before = text_.substr(0, at);
  const std::size_t line = static_cast<std::size_t>(std::ranges::count(before, '\n'));
  const std::size_t end = before.rfind('\n');
  const std::size_t column = end == std::string_view::npos ? at : at - end - 1;
  return fmt::format("line {}:{}", line + 1, column + 1);
}

bool Reader::unexpected_token() {
  const std::size_t begin = at_;
  std::string_view raw;
  if (text_[at_] == '"') {
    if (!string(raw)) return false;
  } else if (text_[at_] == '[' || text_[at_] == '{') {
    ++at_;
  } else {
    at_ = std::min(text_.find_first_of(" \t\r\n,]}", at_), text_.size());
  }
  return fail(fmt::format("proto: syntax error ({}): unexpected token {}", place(begin),
                          text_.substr(begin, std::min(at_ - begin, kTokenShownMax))));
}

// A name without its escapes. Fields have names of ASCII alone, so other escapes may stay.
std::string plain_name(std::string_view raw) {
  std::string name;
  for (std::size_t at = 0; at < raw.size(); ++at) {
    unsigned code = 0;
    if (raw[at] == '\\' && raw.substr(at).starts_with("\\u00") &&
        std::from_chars(raw.data() + at + 4, raw.data() + at + 6, code, 16).ptr ==
            raw.data() + at + 6) {
      name += static_cast<char>(code);
      at += 5;
    } else {
      name += raw[at];
    }
  }
  return name;
}

const FieldDescriptor* find_field(const Descriptor* type, std::string_view raw) {
  if (type == nullptr) return nullptr;
  const std::string name = plain_name(raw);
  const FieldDescriptor* field = type->FindFieldByName(name);
  return field != nullptr ? field : type->FindFieldByCamelcaseName(name);
}

bool Reader::object(const Descriptor* type, int depth) {
  if (!take('{')) return wrong_character("looking for beginning of value");
  if (depth > kDepthMax) return fail("invalid character '{' exceeded max depth");
  absl::InlinedVector<const FieldDescriptor*, 16> seen;
  skip_blanks();
  if (take('}')) return true;
  while (true) {
    skip_blanks();
    const std::size_t begin = at_;
    std::string_view name;
    if (at_ == text_.size() || text_[at_] != '"')
      return wrong_character("looking for beginning of object key string");
    if (!string(name)) return false;
    const FieldDescriptor* field = find_field(type, name);
    if (field != nullptr && std::ranges::find(seen, field) != seen.end())
      return fail(
          fmt::format("proto: ({}): duplicate field \"{}\"", place(begin), plain_name(name)));
    if (field != nullptr) seen.push_back(field);
    skip_blanks();
    if (!take(':')) return wrong_character("after object key");
    skip_blanks();
    if (!value(field, depth)) return false;
    skip_blanks();
    if (take('}')) return true;
    if (!take(',')) return wrong_character("after object key:value pair");
  }
}

bool Reader::value(const FieldDescriptor* field, int depth) {
  if (at_ == text_.size()) return fail("unexpected EOF");
  const char c = text_[at_];
  if (field != nullptr && field->is_repeated() && c != '[' && c != 'n') return unexpected_token();
  return c == '[' ? array(field, depth + 1) : element(field, depth + 1);
}

bool Reader::array(const FieldDescriptor* field, int depth) {
  ++at_;
  if (depth > kDepthMax) return fail("invalid character '[' exceeded max depth");
  skip_blanks();
  if (take(']')) return true;
  while (true) {
    skip_blanks();
    if (at_ == text_.size()) return fail("unexpected EOF");
    if (field != nullptr && (text_[at_] == 'n' || text_[at_] == '[')) return unexpected_token();
    if (!(text_[at_] == '[' ? array(nullptr, depth + 1) : element(field, depth + 1))) return false;
    skip_blanks();
    if (take(']')) return true;
    if (!take(',')) return wrong_character("after array element");
  }
}

// A value that is no array.
bool Reader::element(const FieldDescriptor* field, int depth) {
  std::string_view raw;
  switch (text_[at_]) {
    case '{':
      return object(field == nullptr ? nullptr : field->message_type(), depth);
    case '"':
      return string(raw);
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    default:
      return number();
  }
}

bool Reader::string(std::string_view& raw) {
  const std::size_t begin = ++at_;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      raw = text_.substr(begin, at_++ - begin);
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20)
      return fail(
          fmt::format("invalid character '\\x{:02x}' in string literal", static_cast<unsigned>(c)));
    if (c == '\\' && !escape()) return false;
  }
  return fail("unexpected EOF");
}

// From the backslash to the last character of the escape.
bool Reader::escape() {
  if (++at_ == text_.size()) return fail("unexpected EOF");
  if (text_[at_] != 'u')
    return std::string_view("\"\\/bfnrt").find(text_[at_]) != std::string_view::npos ||
           wrong_character("in string escape code");
  for (int i = 0; i < 4; ++i) {
    if (++at_ == text_.size()) return fail("unexpected EOF");
    if (!is_hex(text_[at_])) return wrong_character("in \\u hexadecimal character escape");
  }
  return true;
}

bool Reader::digits() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ > begin || wrong_character("in numeric literal");
}

bool Reader::number() {
  const bool minus = take('-');
  if (!minus && !is_digit(text_[at_])) return wrong_character("looking for beginning of value");
  if (!take('0') && !digits()) return false;
  if (take('.') && !digits()) return false;
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    return digits();
  }
  return true;
}

bool Reader::word(std::string_view expected) {
  for (char c : expected) {
    if (!take(c)) return wrong_character(fmt::format("in literal {}", expected));
  }
  return true;
}

}  // namespace

Result<void> check_strict(const Descriptor& type, std::string_view text) {
  Reader reader(text);
  if (reader.message(type)) return {};
  return std::unexpected(Error{ErrorCode::kInvalid, reader.error()});
}

}  // namespace polis::json
