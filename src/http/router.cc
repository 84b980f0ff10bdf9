#include "http/router.hh"

#include <fmt/format.h>

#include "http/paths.hh"

namespace polis::http {

void Router::route(const ExchangePtr& exchange, const Request& request) const {
  if (grpc_ && request.version == Version::kHttp2 &&
      find_field(request.fields, "content-type").starts_with("application/grpc"))
    return grpc_(exchange, request);
  if (date_ != nullptr) exchange->set_date(*date_);
  if (!door_.admits(*exchange, request)) return;
  std::string_view path = request.path();
  std::string decoded;
  if (path.find('%') != std::string_view::npos) path = decoded = decoded_path(path);
  if (auto found = exact_.find(path); found != exact_.end())
    return found->second(exchange, request);
  if (redirect(*exchange, request, path)) return;
  for (const auto& [prefix, handler] : prefixes_) {
    if (path.starts_with(prefix)) return handler(exchange, request);
  }
  respond_with_text(*exchange, 404, kPageNotFound);
}

bool Router::redirect(Exchange& exchange, const Request& request, std::string_view path) const {
  std::string better(path);
  if (!is_clean(path)) {
    better = cleaned_path(path);
  } else if (!path.ends_with('/') && prefixes_.contains(better + "/")) {
    better += '/';
  } else {
    return false;
  }
  std::string location = encoded_path(better);
  if (!request.query().empty()) location += fmt::format("?{}", request.query());
  exchange.respond_without_body(307, {{"location", location}});
  return true;
}

bool refused_unless_read(Exchange& exchange, const Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return false;
  constexpr std::string_view kText = "Method Not Allowed\n";
  const std::string length = std::to_string(kText.size());
  exchange.respond(405, {{"allow", "GET, HEAD"},
                         {"content-type", "text/plain; charset=utf-8"},
                         {"content-length", length}});
  exchange.write(kText);
  exchange.end();
  return true;
}

void respond_with_page(Exchange& exchange, int status, std::string_view content_type,
                       std::string_view body) {
  const std::string length = std::to_string(body.size());
  exchange.respond(status, {{"content-type", content_type}, {"content-length", length}});
  exchange.write(body);
  exchange.end();
}

void respond_with_text(Exchange& exchange, int status, std::string_view text) {
  const std::string length = std::to_string(text.size());
  exchange.respond(status, {{"content-type", "text/plain; charset=utf-8"},
                            {"x-content-type-options", "nosniff"},
                            {"content-length", length}});
  exchange.write(text);
  exchange.end();
}

}  // namespace polis::http
