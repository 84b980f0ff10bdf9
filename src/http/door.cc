#include "http/door.hh"

#include <fmt/format.h>

#include <algorithm>

#include "http/router.hh"

namespace polis::http {
namespace {

Fields fields_for(std::string_view origin) {
  return {{"access-control-allow-headers", "accept, content-type, authorization"},
          {"access-control-allow-methods", "POST, GET, OPTIONS, PUT, DELETE"},
          {"access-control-allow-origin", origin}};
}

std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('['))
    return authority.substr(1, std::min(authority.find(']'), authority.size()) - 1);
  return authority.substr(0, authority.find(':'));
}

std::string unknown_host(std::string_view host) {
  return fmt::format(
      "\npolis received your request, but the Host header was unrecognized.\n\n"
      "To fix this, choose one of the following options:\n"
      "- Enable TLS, then any HTTPS request will be allowed.\n"
      "- Add the hostname you want to use to the whitelist in settings.\n"
      "  - e.g. polis cell run --host-whitelist \"{}\"\n\n"
      "This requirement helps prevent \"DNS Rebinding\" attacks (CVE-2018-5702).\n\n",
      host);
}

std::string unknown_origin(std::string_view origin) {
  return fmt::format(
      "this request comes from a page of {}, and the setting 'cors' does not allow it;\n"
      "polis cell run --cors {} would\n",
      origin, origin);
}

}  // namespace

Door::Door(DoorOptions options)
    : any_origin_(std::ranges::count(options.origins, "*") > 0),
      any_host_(options.hosts.empty() || std::ranges::count(options.hosts, "*") > 0),
      hosts_(std::move(options.hosts)),
      fields_of_all_(fields_for("*")) {
  for (const std::string& origin : options.origins) {
    auto [place, added] = origins_.try_emplace(origin);
    place->second = fields_for(place->first);
  }
}

bool Door::knows_host(std::string_view authority) const {
  return any_host_ || std::ranges::find(hosts_, without_port(authority)) != hosts_.end();
}

bool Door::admits(Exchange& exchange, const Request& request) const {
  if (!knows_host(request.authority)) {
    respond_with_text(exchange, 421, unknown_host(without_port(request.authority)));
    return false;
  }
  if (any_origin_) {
    exchange.set_common_fields(fields_of_all_);
  } else if (const auto origin = find_field(request.fields, "origin"); !origin.empty()) {
    const auto found = origins_.find(origin);
    if (found == origins_.end()) {
      respond_with_text(exchange, 403, unknown_origin(origin));
      return false;
    }
    exchange.set_common_fields(found->second);
  }
  if (request.method != "OPTIONS") return true;
  exchange.respond_without_body(200, {});
  return false;
}

}  // namespace polis::http
