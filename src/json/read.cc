// JSON into protobuf's wire form, in one pass.

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/check.hh"
#include "json/base64.hh"
#include "json/lexer.hh"
#include "json/number.hh"
#include "json/text.hh"
#include "json/translate.hh"
#include "json/wire.hh"

namespace polis::json {
namespace {

// Messages within messages: protobuf's own readers take no more.
constexpr int kMessageDepthMax = 100;

constexpr std::array<std::string_view, 9> kKindNames{"bool", "int32",  "int64", "uint32", "uint64",
                                                     "enum", "string", "bytes", "message"};

class MessageReader {
 public:
  MessageReader(std::string_view text, std::string& out) : lexer_(text), out_(out) {}

  bool read(const Schema& schema, Rest rest) {
    lexer_.skip_blanks();
    if (lexer_.peek() != '{') return lexer_.unexpected_token();
    if (!object(schema, 1)) return false;
    if (rest == Rest::kIgnored) return true;
    lexer_.skip_blanks();
    return lexer_.at_end() || lexer_.wrong_character("after top-level value");
  }
  const Lexer& lexer() const { return lexer_; }

 private:
  // Fields and oneofs of a message that were met.
  struct Seen {
    std::uint64_t fields = 0, oneofs = 0;
  };

  bool object(const Schema& schema, int depth);
  bool member(const Schema& schema, Seen& seen, int depth);
  bool may_be_set(const Schema& schema, const FieldSchema& field, Seen& seen, std::size_t name_at);
  bool list(const FieldSchema& field, int depth);
  bool element(const FieldSchema& field, int depth);
  // A value, written with its tag.
  bool message(const FieldSchema& field, int depth);
  bool bytes(const FieldSchema& field);
  bool string(const FieldSchema& field);
  // `keep_zero`: it is written even if it is zero.
  bool scalar(const FieldSchema& field, bool keep_zero);
  bool boolean(const FieldSchema& field, std::uint64_t& value);
  bool enumerated(const FieldSchema& field, std::uint64_t& value, bool& known);
  template <typename Integer>
  bool integer(const FieldSchema& field, std::uint64_t& value);
  // The text of a number that stands here, between quotes or not. Empty: there is none.
  bool number_text(const FieldSchema& field, std::string& kept, std::string_view& number);
  bool invalid_value(const FieldSchema& field, std::size_t at);

  Lexer lexer_;
  std::string& out_;
};

bool MessageReader::invalid_value(const FieldSchema& field, std::size_t at) {
  return lexer_.fail_in_meaning(fmt::format(
      "({}): invalid value for {} field {}: {}", lexer_.place(at),
      kKindNames[static_cast<std::size_t>(field.kind)], field.json_name, lexer_.token_at(at)));
}

// At the opening brace.
bool MessageReader::object(const Schema& schema, int depth) {
  if (depth > kMessageDepthMax) return lexer_.fail_in_meaning("exceeded max recursion depth");
  lexer_.advance(1);
  lexer_.skip_blanks();
  if (lexer_.take('}')) return true;
  Seen seen;
  while (true) {
    if (!member(schema, seen, depth)) return false;
    lexer_.skip_blanks();
    if (lexer_.take('}')) return true;
    if (!lexer_.take(',')) return lexer_.wrong_character("after object key:value pair");
  }
}

// A name and its value.
bool MessageReader::member(const Schema& schema, Seen& seen, int depth) {
  lexer_.skip_blanks();
  const std::size_t name_at = lexer_.at();
  std::string_view name;
  if (lexer_.peek() != '"')
    return lexer_.wrong_character("looking for beginning of object key string");
  if (!lexer_.string(name)) return false;
  const FieldSchema* field = name.find('\\') == std::string_view::npos
                                 ? schema.find(name)
                                 : schema.find(unescaped(name).value_or(""));
  lexer_.skip_blanks();
  if (!lexer_.take(':')) return lexer_.wrong_character("after object key");
  lexer_.skip_blanks();
  if (field == nullptr) return lexer_.skip_value(depth);
  if (!may_be_set(schema, *field, seen, name_at)) return false;
  if (lexer_.peek() == 'n') return lexer_.word("null");
  return field->repeated ? list(*field, depth) : element(*field, depth);
}

bool MessageReader::may_be_set(const Schema& schema, const FieldSchema& field, Seen& seen,
                               std::size_t name_at) {
  const std::uint64_t bit = std::uint64_t{1} << (&field - schema.fields.data());
  if ((seen.fields & bit) != 0)
    return lexer_.fail_in_meaning(
        fmt::format("({}): duplicate field {}", lexer_.place(name_at), lexer_.token_at(name_at)));
  seen.fields |= bit;
  if (field.oneof < 0 || lexer_.peek() == 'n') return true;
  const std::uint64_t oneof = std::uint64_t{1} << field.oneof;
  if ((seen.oneofs & oneof) != 0)
    return lexer_.fail_in_meaning(fmt::format(
        "({}): error parsing {}, oneof {} is already set", lexer_.place(name_at),
        lexer_.token_at(name_at), schema.oneofs[static_cast<std::size_t>(field.oneof)]));
  seen.oneofs |= oneof;
  return true;
}

bool MessageReader::list(const FieldSchema& field, int depth) {
  if (!lexer_.take('[')) return lexer_.unexpected_token();
  lexer_.skip_blanks();
  if (lexer_.take(']')) return true;
  if (field.packed) out_ += field.tag;
  std::optional<Delimited> packed;
  if (field.packed) packed.emplace(out_);
  while (true) {
    lexer_.skip_blanks();
    if (!element(field, depth)) return false;
    lexer_.skip_blanks();
    if (lexer_.take(']')) break;
    if (!lexer_.take(',')) return lexer_.wrong_character("after array element");
  }
  if (packed) packed->end();
  return true;
}

bool MessageReader::element(const FieldSchema& field, int depth) {
  switch (field.kind) {
    case Kind::kMessage:
      return message(field, depth);
    case Kind::kBytes:
      return bytes(field);
    case Kind::kString:
      return string(field);
    default:
      return scalar(field, field.repeated || field.has_presence);
  }
}

bool MessageReader::message(const FieldSchema& field, int depth) {
  if (lexer_.peek() != '{') return lexer_.unexpected_token();
  out_ += field.tag;
  Delimited content(out_);
  if (!object(*field.message, depth + 1)) return false;
  content.end();
  return true;
}

bool MessageReader::bytes(const FieldSchema& field) {
  const std::size_t at = lexer_.at();
  if (lexer_.peek() != '"') return invalid_value(field, at);
  const std::size_t before = out_.size();
  out_ += field.tag;
  Delimited content(out_);
  // Good base64 is a good string: mostly it needs to be looked at only once.
  const std::string_view rest = lexer_.rest().substr(1);
  const std::size_t end = rest.find('"');
  const std::size_t content_begin = out_.size();
  if (end != std::string_view::npos && append_from_plain_base64(out_, rest.substr(0, end))) {
    lexer_.advance(end + 2);
  } else {
    std::string_view raw;
    if (!lexer_.string(raw)) return false;
    if (!append_from_base64(out_, unescaped(raw).value_or("!"))) return invalid_value(field, at);
  }
  if (out_.size() == content_begin && !field.repeated && !field.has_presence) {
    out_.resize(before);
  } else {
    content.end();
  }
  return true;
}

bool MessageReader::string(const FieldSchema& field) {
  if (lexer_.peek() != '"') return invalid_value(field, lexer_.at());
  std::string_view raw;
  if (!lexer_.string(raw)) return false;
  std::string kept;
  std::string_view text = raw;
  if (raw.find('\\') != std::string_view::npos) text = kept = unescaped(raw).value_or("");
  if (text.empty() && !field.repeated && !field.has_presence) return true;
  out_ += field.tag;
  append_varint(out_, text.size());
  out_ += text;
  return true;
}

bool MessageReader::scalar(const FieldSchema& field, bool keep_zero) {
  std::uint64_t value = 0;
  bool known = true, good = false;
  switch (field.kind) {
    case Kind::kBool:
      good = boolean(field, value);
      break;
    case Kind::kEnum:
      good = enumerated(field, value, known);
      break;
    case Kind::kInt32:
      good = integer<std::int32_t>(field, value);
      break;
    case Kind::kInt64:
      good = integer<std::int64_t>(field, value);
      break;
    case Kind::kUint32:
      good = integer<std::uint32_t>(field, value);
      break;
    default:
      good = integer<std::uint64_t>(field, value);
      break;
  }
  if (!good) return false;
  if (!known || (value == 0 && !keep_zero)) return true;
  if (!field.packed) out_ += field.tag;
  append_varint(out_, value);
  return true;
}

bool MessageReader::boolean(const FieldSchema& field, std::uint64_t& value) {
  value = lexer_.peek() == 't' ? 1 : 0;
  if (value == 1) return lexer_.word("true");
  return lexer_.peek() == 'f' ? lexer_.word("false") : invalid_value(field, lexer_.at());
}

// A name that is not known says nothing, as in etcd.
bool MessageReader::enumerated(const FieldSchema& field, std::uint64_t& value, bool& known) {
  const char c = lexer_.peek();
  if (c != '"' && c != '-' && !(c >= '0' && c <= '9')) return invalid_value(field, lexer_.at());
  if (c != '"') return integer<std::int32_t>(field, value);
  std::string_view raw;
  if (!lexer_.string(raw)) return false;
  const std::int32_t* found = field.value_of(unescaped(raw).value_or(""));
  known = found != nullptr;
  if (known) value = static_cast<std::uint64_t>(static_cast<std::int64_t>(*found));
  return true;
}

bool MessageReader::number_text(const FieldSchema& field, std::string& kept,
                                std::string_view& number) {
  const std::size_t at = lexer_.at();
  const char c = lexer_.peek();
  if (c == '-' || (c >= '0' && c <= '9')) {
    const std::string_view rest = lexer_.rest();
    if (!lexer_.number()) return false;
    number = rest.substr(0, lexer_.at() - at);
    return true;
  }
  if (c != '"') return invalid_value(field, at);
  std::string_view raw;
  if (!lexer_.string(raw)) return false;
  number = raw;
  if (raw.find('\\') != std::string_view::npos) number = kept = unescaped(raw).value_or("");
  Lexer within(number);
  return (within.number() && within.at_end()) || invalid_value(field, at);
}

template <typename Integer>
bool MessageReader::integer(const FieldSchema& field, std::uint64_t& value) {
  const std::size_t at = lexer_.at();
  std::string kept;
  std::string_view number;
  if (!number_text(field, kept, number)) return false;
  const std::optional<Integer> whole = whole_number<Integer>(number);
  if (!whole) return invalid_value(field, at);
  // Negative ones of 32 bits have ten bytes on the wire, too.
  value = static_cast<std::uint64_t>(*whole);
  return true;
}

}  // namespace

Result<void> to_message(const Schema& schema, std::string_view text, std::string& out, Rest rest) {
  CHECK(schema.complete);
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return {};
  MessageReader reader(text, out);
  if (reader.read(schema, rest)) return {};
  if (reader.lexer().error_is_in_meaning()) {
    // A text that is no JSON is told before anything that JSON says.
    Lexer plain(text);
    plain.ignore_meaning();
    plain.skip_blanks();
    bool json = plain.skip_value(0);
    plain.skip_blanks();
    if (json && rest == Rest::kRefused && !plain.at_end())
      json = plain.wrong_character("after top-level value");
    if (!json) return fail(ErrorCode::kInvalid, plain.error());
  }
  return fail(ErrorCode::kInvalid, reader.lexer().error());
}

}  // namespace polis::json
