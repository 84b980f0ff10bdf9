#pragma once

// Which pages in browsers, and under which names, may use what is served over HTTP besides gRPC.
//
// A page that somebody opens can send requests to any address that his machine reaches, and there
// is no access control that would stop them. Browsers say in such requests which page they come
// from (Origin). Requests of pages that are not allowed are refused before anything is done, even
// if the page could not read the answer. Who sends no Origin is no page, and may pass.
//
// Threads: any, once it is made. Life: outlives the exchanges that it has seen.
// Source: the Fetch standard (CORS); etcd's server/embed/serve.go for names and answers, from which
// it departs where nothing is set (docs/decisions/browsers.md).

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.hh"

namespace polis::http {

struct DoorOptions {
  // Whose pages may call: "https://ui.example.com:8443", or "*" for all. Empty: nobody's.
  std::vector<std::string> origins;
  // What Host may say, without a port; empty or "*": anything.
  std::vector<std::string> hosts;
};

class Door {
 public:
  explicit Door(DoorOptions options = {});
  Door(Door&&) = default;
  Door& operator=(Door&&) = default;

  // False: the request has been answered; its name or its page is not allowed, or it asks only
  // what is. Gives the exchange the fields that all its answers carry.
  bool admits(Exchange& exchange, const Request& request) const;

 private:
  bool knows_host(std::string_view authority) const;

  bool any_origin_ = false, any_host_ = false;
  std::map<std::string, Fields, std::less<>> origins_;  // with what answers to their pages carry
  std::vector<std::string> hosts_;
  Fields fields_of_all_;  // of answers, when any origin is allowed
};

}  // namespace polis::http
