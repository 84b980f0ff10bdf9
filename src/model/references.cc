#include "model/references.hh"

#include <fmt/format.h>

namespace polis::model {
namespace {

// Where the next "${" or "$${" begins, from `at` on.
std::size_t next_mark(std::string_view text, std::size_t at) {
  const std::size_t brace = text.find("${", at);
  if (brace == std::string_view::npos) return brace;
  return brace > at && text[brace - 1] == '$' ? brace - 1 : brace;
}

bool is_escaped(std::string_view text, std::size_t at) {
  return text.substr(at).starts_with("$${");
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 40;
  return std::string(text.substr(0, std::min(text.find('\n'), kShown)));
}

// The reference that begins at `at`.
Result<Reference> reference_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('}', at);
  if (end == std::string_view::npos)
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is not closed by '}}'; write $${{ for ${{ itself",
                            shortened(text.substr(at))));
  const std::string_view name = text.substr(at + 2, end - at - 2);
  if (name.size() > kReferenceMax || name.find_first_of(" \t\n${") != std::string_view::npos)
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is no reference; write $${{ for ${{ itself",
                                                 shortened(text.substr(at, end + 1 - at))));
  return Reference{at, end + 1, std::string(name)};
}

}  // namespace

Result<std::vector<Reference>> references_in(std::string_view text) {
  std::vector<Reference> found;
  std::size_t at = next_mark(text, 0);
  while (at != std::string_view::npos) {
    if (is_escaped(text, at)) {
      at = next_mark(text, at + 3);
      continue;
    }
    auto reference = reference_at(text, at);
    if (!reference) return std::unexpected(reference.error());
    found.push_back(std::move(*reference));
    at = next_mark(text, found.back().end);
  }
  return found;
}

Result<std::string> render(std::string_view text, const Values& values) {
  std::string out;
  std::size_t done = 0;
  std::size_t at = next_mark(text, 0);
  while (at != std::string_view::npos) {
    out += text.substr(done, at - done);
    if (is_escaped(text, at)) {
      out += "${";
      done = at + 3;
    } else {
      const auto reference = reference_at(text, at);
      if (!reference) return std::unexpected(reference.error());
      const auto value = values.find(reference->name);
      if (value == values.end())
        return fail(ErrorCode::kNotFound, fmt::format("${{{}}} has no value", reference->name));
      out += value->second;
      done = reference->end;
    }
    if (out.size() > kRenderedMax) break;
    at = next_mark(text, done);
  }
  out += text.substr(std::min(done, text.size()));
  if (out.size() > kRenderedMax)
    return fail(
        ErrorCode::kInvalid,
        fmt::format("with its references replaced, the text has more than {} bytes", kRenderedMax));
  return out;
}

}  // namespace polis::model
