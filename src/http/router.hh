#pragma once

// Which handler serves a request: by exact path, else by the longest prefix. Paths are decoded
// first; one that is not clean is answered with the one that would be, and so is a prefix without
// its slash.
//
// Threads: the loop's. Routes are added before the server listens.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/door.hh"
#include "http/exchange.hh"

namespace polis::http {

// Answers, or sets the exchange's handler and answers later. `request` is valid during the call.
using Handler = std::function<void(const ExchangePtr& exchange, const Request& request)>;

class Router {
 public:
  // gRPC calls, which clients tell apart by their content type, not by their path.
  void set_grpc(Handler handler) { grpc_ = std::move(handler); }
  void add(const std::string& path, Handler handler) { exact_[path] = std::move(handler); }
  // `prefix` ends with '/'.
  void add_prefix(const std::string& prefix, Handler handler) {
    prefixes_[prefix] = std::move(handler);
  }
  // Who may ask for anything but gRPC. The default one lets in nobody's pages.
  void set_door(Door door) { door_ = std::move(door); }
  // What answers but gRPC's carry as their date, if it is not empty; outlives the router.
  void set_date(const std::string& date) { date_ = &date; }

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

// A page is read by GET or HEAD: anything else is answered here, and true.
bool refused_unless_read(Exchange& exchange, const Request& request);
// The whole answer; who asked by HEAD gets its fields alone.
void respond_with_page(Exchange& exchange, int status, std::string_view content_type,
                       std::string_view body);
// Answers with a short text and ends the exchange.
void respond_with_text(Exchange& exchange, int status, std::string_view text);

}  // namespace polis::http
