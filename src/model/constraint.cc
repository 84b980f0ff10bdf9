#include "model/constraint.hh"

namespace polis::model {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

bool fits(std::string_view pattern, std::string_view value) {
  if (pattern.ends_with('*')) return value.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == value;
}

bool place_fits(std::string_view pattern, std::string_view place) {
  if (fits(pattern, place)) return true;
  return place.starts_with(pattern) && place.substr(pattern.size()).starts_with('/');
}

}  // namespace

Result<Constraint> parse_constraint(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::kInvalid,
                "'" + std::string(text) +
                    "' is no constraint; write 'place = berlin/*', 'label.disk = ssd' or "
                    "'machine != m7'");
  };
  const std::size_t sign = text.find('=');
  if (sign == std::string_view::npos || sign == 0) return refuse();
  Constraint made;
  made.equal = text[sign - 1] != '!';
  const std::string_view subject = trimmed(text.substr(0, sign - (made.equal ? 0 : 1)));
  made.pattern = trimmed(text.substr(sign + 1));
  if (made.pattern.empty() || made.pattern.find('=') != std::string::npos) return refuse();
  if (subject == "place") {
    made.subject = Constraint::Subject::kPlace;
  } else if (subject.starts_with("label.") && subject.size() > 6) {
    made.subject = Constraint::Subject::kLabel;
    made.label = subject.substr(6);
  } else if (subject != "machine") {
    return refuse();
  }
  return made;
}

bool matches(const Constraint& constraint, const MachineFacts& facts) {
  bool fit = false;
  if (constraint.subject == Constraint::Subject::kLabel) {
    const auto found = facts.labels.find(constraint.label);
    fit = found != facts.labels.end() && fits(constraint.pattern, found->second);
  } else if (constraint.subject == Constraint::Subject::kPlace) {
    fit = place_fits(constraint.pattern, facts.place);
  } else {
    fit = fits(constraint.pattern, facts.machine);
  }
  return fit == constraint.equal;
}

}  // namespace polis::model
