// Application files: whatever is accepted is sealed and written as a file that means the same, and
// the door's rules look at it.

#include "base/check.hh"
#include "model/canonical.hh"
#include "model/check.hh"
#include "model/diff.hh"
#include "model/parse.hh"
#include "model/stored.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::model;
  const Parsed parsed = parse(std::string_view(reinterpret_cast<const char*>(data), size), "f");
  CHECK(parsed.ok() == parsed.problems.empty());
  for (const Problem& problem : parsed.problems) CHECK(!to_string(problem).empty());
  for (const auto& [application, positions] : parsed.applications) {
    [[maybe_unused]] auto problems = check(application, positions);
    const auto back = decode(encode(application));
    const bool unread = !seal(application).has_value();
    CHECK(unread || (back && *back == application));
    for (const Detail detail : {Detail::kFull, Detail::kShort}) {
      const Parsed again = parse(to_yaml(application, detail), "again");
      CHECK_MSG(again.ok() && again.applications.at(0).application == application,
                to_yaml(application, detail));
      CHECK(diff(application, again.applications.at(0).application).empty());
    }
  }
  return 0;
}
