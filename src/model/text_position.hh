#pragma once

// Places in a text: bytes, and lines with columns in characters.
//
// Threads: any; pure.

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/problem.hh"

namespace polis::model {

// A byte that begins a character of UTF-8.
inline bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// The byte at which line and column of `at` begin; the text's end, if they lie behind it.
std::size_t offset_of(std::string_view text, const Position& at);

// The place that lies behind `passed`, which begins at `at`.
Position moved(Position at, std::string_view passed);

// Turns columns in bytes into columns in characters. Quick for places that come in the order of the
// text, or nearly so.
class Columns {
 public:
  explicit Columns(std::string_view text);
  // Both from 1.
  std::uint32_t characters(std::uint32_t line, std::uint32_t byte_column);

 private:
  std::string_view text_;
  std::vector<std::size_t> lines_;  // where each begins; empty: each byte is a character
  std::uint32_t line_ = 0;          // of the last answer
  std::size_t byte_ = 0;            // behind the line's beginning
  std::uint32_t column_ = 1;
};

}  // namespace polis::model
