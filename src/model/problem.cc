#include "model/problem.hh"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "model/text_position.hh"

namespace polis::model {
namespace {

// The byte at which the character `index` of the line begins.
std::size_t byte_of(std::string_view line, std::size_t index) {
  std::size_t at = 0;
  for (std::size_t seen = 0; at < line.size(); ++at) {
    if (begins_character(line[at]) && seen++ == index) break;
  }
  return at;
}

}  // namespace

std::string to_string(const Problem& problem) {
  std::string text = problem.at.file;
  if (problem.at.line > 0)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ":", problem.at.line, problem.at.column);
  if (!text.empty()) text += ": ";
  text += problem.severity == Severity::kError ? "error: " : "note: ";
  if (!problem.path.empty()) text += problem.path + ": ";
  return text + problem.text;
}

std::string excerpt(std::string_view text, const Position& at) {
  if (at.line == 0 || at.column == 0) return "";
  for (std::uint32_t line = 1; line < at.line; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  if (line.empty()) return "";
  std::size_t column = at.column - 1;
  const std::size_t cut = column < kExcerptColumns ? 0 : column - kExcerptColumns / 2;
  line.remove_prefix(byte_of(line, cut));
  line = line.substr(0, byte_of(line, kExcerptColumns));
  std::string shown(line), mark;
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return fmt::format("  {}\n  {}^\n", shown, std::string(column - cut, ' '));
}

std::uint32_t Positions::add_file(std::string name) {
  files_.push_back(std::move(name));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

void Positions::merge(const Positions& other) {
  const auto shift = static_cast<std::uint32_t>(files_.size());
  files_.insert(files_.end(), other.files_.begin(), other.files_.end());
  for (const auto& [path, mark] : other.marks_)
    marks_.emplace(path, Mark{mark.file + shift, mark.line, mark.column});
}

Position Positions::find(std::string_view path) const {
  while (true) {
    if (auto found = marks_.find(std::string(path)); found != marks_.end())
      return {files_.at(found->second.file), found->second.line, found->second.column};
    if (path.empty()) return {};
    const std::size_t end = path.find_last_of(".[");
    path = path.substr(0, end == std::string_view::npos ? 0 : end);
  }
}

void Problems::add(Problem problem) {
  Kind& kind = problem.severity == Severity::kError ? errors_ : notes_;
  if (kind.kept.size() < kMax) {
    kind.kept.push_back(std::move(problem));
  } else {
    ++kind.left_out;
  }
}

std::vector<Problem> Problems::take() {
  std::vector<Problem> all = std::move(errors_.kept);
  std::ranges::move(notes_.kept, std::back_inserter(all));
  std::stable_sort(all.begin(), all.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.at.file, a.at.line, a.at.column) <
           std::tie(b.at.file, b.at.line, b.at.column);
  });
  for (const auto& [severity, kind] :
       {std::pair(Severity::kError, &errors_), std::pair(Severity::kNote, &notes_)}) {
    if (kind->left_out > 0)
      all.push_back({severity, {}, "", fmt::format("{} more are not shown", kind->left_out)});
  }
  return all;
}

}  // namespace polis::model
