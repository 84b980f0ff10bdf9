// HTTP/1.1 requests: any bytes read the same whatever the cut, and nothing is left unread.

#include "base/check.hh"
#include "http/h1_parser.hh"

namespace {

std::string parse(std::string_view bytes, std::size_t piece) {
  polis::http::H1Parser parser;
  std::string seen;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (true) {
      const auto event = parser.feed(part);
      if (event == polis::http::H1Parser::Event::kMore) break;
      if (event == polis::http::H1Parser::Event::kError) return seen + "!";
      if (event == polis::http::H1Parser::Event::kRequest) seen += parser.target() + "(";
      if (event == polis::http::H1Parser::Event::kBody) seen += parser.body();
      if (event == polis::http::H1Parser::Event::kEnd) seen += ")";
    }
    CHECK(part.empty());
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = parse(bytes, size + 1);
  const std::string cut = parse(bytes, 7);
  // An error may be found earlier in one piece than in several, but never changes what came before.
  CHECK(whole.ends_with("!") || cut.ends_with("!") || whole == cut);
  return 0;
}
