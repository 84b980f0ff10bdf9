#pragma once

// YAML as a tree of what is written: no implicit types (`no`, `1e3` and `0777` are the texts that
// they are), nothing that is expanded, every key that is there, even twice. What a value means is
// decided by who knows what is expected of it.
//
// yaml-cpp reads the text; this file bounds what it may cost and refuses what an application file
// has no use for: anchors and aliases, tags, keys that are no plain texts, directives.
//
// Threads: any; pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/problem.hh"

namespace polis::model::yaml {

inline constexpr std::size_t kFileMax = 8 << 20;     // bytes
inline constexpr std::size_t kDepthMax = 16;         // maps and lists in each other
inline constexpr std::size_t kNodesMax = 1'000'000;  // in one file
inline constexpr std::size_t kDocumentsMax = 1000;   // in one file
inline constexpr std::size_t kKeyMax = 255;          // bytes

struct Mark {
  std::uint32_t line = 0, column = 0;  // both from 1; in characters
};

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  bool plain = false;  // a scalar without quotes
  Mark mark;
  std::string text;  // of a scalar
  struct Entry;
  std::vector<Node> items;     // of a list
  std::vector<Entry> entries;  // of a map, in the order of the file; keys may repeat
};
struct Node::Entry {
  std::string key;
  Mark mark;  // of the key
  Node value;
};

// "a list", "nothing", "'7'": what was found, for a message.
std::string found(const Node& node);

// The documents of a file that are whole; empty ones are left out. What is wrong goes into
// `problems`; behind an error of the syntax nothing is read.
std::vector<Node> read(std::string_view text, const std::string& file, Problems& problems);

}  // namespace polis::model::yaml
