#pragma once

// The tokens of a JSON text, strictly: no single quotes, no names without quotes, no comma before
// the end, no leading zeros. Two readers of a laxer text (a proxy that decides by it, and we) could
// see different requests, and etcd refuses it, too. What is wrong is told in etcd's words.
//
// There are two kinds of errors: a text that is not JSON, which etcd tells first wherever it
// stands, and JSON that says nothing that can be read (meaning).
//
// Pure. Source: RFC 8259; the answers of etcd 3.7's gateway.

#include <string>
#include <string_view>

namespace polis::json {

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // Deeper than any message that is taken, and few enough for the stack.
  static constexpr int kDepthMax = 500;

  bool at_end() const { return at_ == text_.size(); }
  // The next character; NUL at the end.
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  std::size_t at() const { return at_; }
  std::string_view rest() const { return text_.substr(at_); }
  void advance(std::size_t bytes) { at_ += bytes; }

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

  // What follows tells what is wrong, and returns false then.

  // At the opening quote. `raw`: what stands between the quotes, which is UTF-8 if it is not
  // skipped alone.
  bool string(std::string_view& raw);
  // At its first character.
  bool number();
  bool word(std::string_view expected);  // true, false or null
  // Any value that begins here; `depth`: of what is around it.
  bool skip_value(int depth);

  bool fail(std::string text);             // not JSON
  bool fail_in_meaning(std::string text);  // without "proto: "
  // What stands here is not what should; `where` as Go's parser says it.
  bool wrong_character(std::string_view where);
  bool unexpected_token();
  // A token of what has just been told; as it stands, shortened if it is long. `at`: its place.
  std::string token_at(std::size_t at) const;
  // "line 1:8".
  std::string place(std::size_t at) const;

  const std::string& error() const { return error_; }
  bool error_is_in_meaning() const { return in_meaning_; }
  // Strings may hold what is no UTF-8: the text is looked through for JSON alone.
  void ignore_meaning() { ignore_meaning_ = true; }

 private:
  bool scan_string(std::string_view& raw);
  bool escape();
  bool digits(std::string_view where);
  bool skip_object(int depth);
  bool skip_array(int depth);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
  bool in_meaning_ = false, ignore_meaning_ = false;
};

}  // namespace polis::json
