#include "cell/health.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::cell {
namespace {

constexpr std::string_view kCorruption = "data_corruption", kSerializable = "serializable_read",
                           kLinearizable = "linearizable_read", kNonLearner = "non_learner";

struct Parameter {
  std::string_view name, value;
};

std::vector<Parameter> parameters_of(std::string_view query) {
  std::vector<Parameter> found;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    const std::size_t equals = std::min(one.find('='), one.size());
    found.push_back({one.substr(0, equals), one.substr(std::min(equals + 1, one.size()))});
  }
  return found;
}

std::optional<HealthRequest> page(std::string_view path) {
  HealthRequest request;
  if (path == "/health") {
    request.json = true;
    return request;
  }
  const std::size_t slash = std::min(path.find('/', 1), path.size());
  const std::string_view root = path.substr(0, slash);
  if (root == "/livez") request.checks = {kSerializable};
  if (root == "/readyz") request.checks = {kCorruption, kSerializable, kLinearizable, kNonLearner};
  if (slash < path.size()) {
    const std::string_view one = path.substr(slash + 1);
    std::erase_if(request.checks, [one](std::string_view check) { return check != one; });
  }
  if (request.checks.empty()) return std::nullopt;
  return request;
}

http::HttpResponse json(bool healthy, std::string_view reason) {
  std::string safe;
  for (char c : reason) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  // etcd ends the error, and not the other, with a new line.
  return {.status = healthy ? 200 : 503,
          .body = fmt::format(R"({{"health":"{}","reason":"{}"}}{})", healthy, safe,
                              healthy ? "" : "\n")};
}

// Why the check fails; empty if it does not.
std::string failure(std::string_view check, const HealthState& state, const store::Status& read) {
  // A replica that finds damage in its data stops; one that answers has found none.
  if (check == kNonLearner && state.learner) return "not supported for learner";
  if (check == kLinearizable && !state.has_master) return store::status::no_leader().text;
  if (check == kLinearizable && !read.ok()) return read.text;
  return {};
}

}  // namespace

std::optional<HealthRequest> parse_health_request(std::string_view path) {
  const std::size_t question = std::min(path.find('?'), path.size());
  auto request = page(path.substr(0, question));
  if (!request) return request;
  bool serializable_seen = false;
  for (const auto& [name, value] :
       parameters_of(path.substr(std::min(question + 1, path.size())))) {
    if (name == "verbose") request->verbose = true;
    if (name == "serializable" && !std::exchange(serializable_seen, true))
      request->serializable = value == "true";
    if (name != "exclude") continue;
    if (value == "NOSPACE") request->ignore_space = true;
    std::erase(request->checks, value);
  }
  return request;
}

bool needs_read(const HealthRequest& request, const HealthState& state) {
  if (!state.has_master) return false;
  if (!request.json)
    return std::ranges::find(request.checks, kLinearizable) != request.checks.end();
  return !request.serializable && (request.ignore_space || !state.space_alarm);
}

http::HttpResponse health_response(const HealthRequest& request, const HealthState& state,
                                   const store::Status& read) {
  if (request.json) {
    if (state.space_alarm && !request.ignore_space) return json(false, "ALARM NOSPACE");
    if (request.serializable) return json(true, "");
    if (!state.has_master) return json(false, "RAFT NO LEADER");
    return read.ok() ? json(true, "") : json(false, "RANGE ERROR:" + read.text);
  }
  std::string lines;
  bool healthy = true;
  for (std::string_view check : request.checks) {
    const std::string why = failure(check, state, read);
    healthy = healthy && why.empty();
    lines += why.empty() ? fmt::format("[+]{} ok\n", check)
                         : fmt::format("[-]{} failed: {}\n", check, why);
  }
  if (!healthy) return {.status = 503, .body = lines + "\n"};
  return {.body = request.verbose ? lines + "ok\n" : "ok\n"};
}

}  // namespace polis::cell
