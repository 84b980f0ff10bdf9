#pragma once

// What is wrong, or should be known, about an application file, and where.
//
// Threads: plain values.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace polis::model {

enum class Severity {
  kError,  // the application is refused
  kNote,   // it is accepted, and somebody should know this
};

// A place in a file. Lines and columns (in characters) count from 1; line 0: the file as a whole.
struct Position {
  std::string file;
  std::uint32_t line = 0, column = 0;
  bool operator==(const Position&) const = default;
};

struct Problem {
  Severity severity = Severity::kError;
  Position at;
  // What it is about: "services.front.tier"; empty: the application.
  std::string path;
  // What was found and what was expected, without position and path.
  std::string text;
  bool operator==(const Problem&) const = default;
};

// "shop.yaml:7:5: error: services.front: unknown key 'instnaces'; did you mean 'instances'?", as
// compilers say it, so that editors find the place.
std::string to_string(const Problem& problem);
// The line of `text` that the problem is in, and below it a mark at the column; empty: there is
// none. Lines that are longer than kExcerptColumns are cut.
std::string excerpt(std::string_view text, const Position& at);
inline constexpr std::size_t kExcerptColumns = 100;

// Where each key of an application stands in its files, by its path.
class Positions {
 public:
  // Of a file that has been added by add_file.
  struct Mark {
    std::uint32_t file = 0, line = 0, column = 0;
  };
  std::uint32_t add_file(std::string name);
  void set(std::string path, Mark mark) { marks_.insert_or_assign(std::move(path), mark); }
  // Takes what `other` knows about `other`'s own application; what both know stays as it is here.
  void merge(const Positions& other);

  bool contains(const std::string& path) const { return marks_.contains(path); }
  // Of the path, or else of the nearest thing around it: "a.b" for "a.b.c". Without any: {}.
  Position find(std::string_view path) const;

 private:
  std::vector<std::string> files_;
  std::unordered_map<std::string, Mark> marks_;
};

// Collects, with a bound of its own for errors and for notes, so that notes hide no error.
class Problems {
 public:
  static constexpr std::size_t kMax = 100;  // of each kind

  void add(Problem problem);
  void error(Position at, std::string path, std::string text) {
    add({Severity::kError, std::move(at), std::move(path), std::move(text)});
  }
  void note(Position at, std::string path, std::string text) {
    add({Severity::kNote, std::move(at), std::move(path), std::move(text)});
  }
  bool errors() const { return !errors_.kept.empty(); }
  // An error that is added now is only counted.
  bool full() const { return errors_.kept.size() >= kMax; }
  // By file and line. If there were more of a kind than kMax, the last one says so.
  std::vector<Problem> take();

 private:
  struct Kind {
    std::vector<Problem> kept;
    std::size_t left_out = 0;
  };
  Kind errors_, notes_;
};

}  // namespace polis::model
