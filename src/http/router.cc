#include "http/router.hh"

namespace polis::http {

void Router::route(const ExchangePtr& exchange, const Request& request) const {
  if (grpc_ && request.version == Version::kHttp2 &&
      find_field(request.fields, "content-type").starts_with("application/grpc"))
    return grpc_(exchange, request);
  const std::string_view path = request.path();
  if (auto found = exact_.find(path); found != exact_.end())
    return found->second(exchange, request);
  for (const auto& [prefix, handler] : prefixes_) {
    if (path.starts_with(prefix)) return handler(exchange, request);
  }
  if (fallback_) return fallback_(exchange, request);
  respond_with_text(*exchange, 404, "404 page not found\n");
}

bool refused_unless_read(Exchange& exchange, const Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return false;
  exchange.respond(405, {{"allow", "GET, HEAD"}, {"content-type", "text/plain; charset=utf-8"}});
  exchange.write("Method Not Allowed\n");
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
