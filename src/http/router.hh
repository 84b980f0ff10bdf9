#pragma once

// Finds the handler of a request by its path, without the query. In this order: the gRPC handler if
// it is an HTTP/2 request with a content type of gRPC; the route of exactly this path; the route of
// the longest prefix of the path. If there is none of them, the answer is status 404. Paths are
// decoded first. A path that is not clean is answered with a redirect to the clean one, and so is a
// prefix without its slash.
//
// Threads: the loop's. Life: add routes before the server listens.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/door.hh"
#include "http/exchange.hh"

namespace polis::http {

// Must answer the exchange, or set its handler and answer later. `request` is valid during the
// call.
using Handler = std::function<void(const ExchangePtr& exchange, const Request& request)>;

class Router {
 public:
  void set_grpc(Handler handler) { grpc_ = std::move(handler); }
  void add(const std::string& path, Handler handler) { exact_[path] = std::move(handler); }
  // Serves all paths that begin with `prefix`, which must end with '/'.
  void add_prefix(const std::string& prefix, Handler handler) {
    prefixes_[prefix] = std::move(handler);
  }
  // Decides who may ask for anything but gRPC. The default door lets no web page of another origin
  // in.
  void set_door(Door door) { door_ = std::move(door); }
  // All answers but gRPC's carry this text as their date, if it is not empty. It must outlive the
  // router.
  void set_date(const std::string& date) { date_ = &date; }

  // Calls the request's handler.
  void route(const ExchangePtr& exchange, const Request& request) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  bool redirect(Exchange& exchange, const Request& request, std::string_view path) const;

  Door door_;
  const std::string* date_ = nullptr;
  Handler grpc_;
  std::unordered_map<std::string, Handler, Hash, std::equal_to<>> exact_;
  std::map<std::string, Handler, std::greater<>> prefixes_;  // a longer one comes before its prefix
};

inline constexpr std::string_view kPageNotFound = "404 page not found\n";

// For pages, which are only read. True: the method is neither GET nor HEAD, and this function has
// answered with status 405. False: the caller must answer.
bool refused_unless_read(Exchange& exchange, const Request& request);
// Answers with a whole page and ends the exchange. If the request was HEAD, the exchange sends the
// fields without the body.
void respond_with_page(Exchange& exchange, int status, std::string_view content_type,
                       std::string_view body);
// Answers with a plain text (no new line is added) and ends the exchange.
void respond_with_text(Exchange& exchange, int status, std::string_view text);

}  // namespace polis::http
