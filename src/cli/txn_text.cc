#include "cli/txn_text.hh"

#include <fmt/format.h>

#include <charconv>

namespace polis::cli {
namespace {

using namespace etcdserverpb;

// Words, with "quoted ones" as one.
Result<std::vector<std::string>> words(const std::string& text) {
  std::vector<std::string> out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    std::string word;
    if (text[i] == '"') {
      std::size_t end = text.find('"', i + 1);
      if (end == std::string::npos)
        return fail(ErrorCode::kInvalid, fmt::format("'{}': a quote is not closed", text));
      word = text.substr(i + 1, end - i - 1);
      i = end + 1;
    } else {
      std::size_t end = std::min(text.find(' ', i), text.size());
      word = text.substr(i, end - i);
      i = end;
    }
    out.push_back(std::move(word));
  }
  return out;
}

Result<void> parse_compare(const std::string& text, Compare& compare) {
  auto wrong = [&](const char* what) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}': {}; write for example: version(lock) = 0", text, what));
  };
  std::size_t open = text.find('('), close = text.find(')');
  if (open == std::string::npos || close == std::string::npos || close < open)
    return wrong(
        "a compare begins with value(KEY), version(KEY), created(KEY), changed(KEY) or lease(KEY)");
  compare.set_key(text.substr(open + 1, close - open - 1));
  auto rest = words(text.substr(close + 1));
  if (!rest) return std::unexpected(rest.error());
  if (rest->size() != 2) return wrong("one of = != < > and a value must follow");
  const std::string& sign = (*rest)[0];
  const std::string& value = (*rest)[1];
  if (sign == "=")
    compare.set_result(Compare::EQUAL);
  else if (sign == "!=")
    compare.set_result(Compare::NOT_EQUAL);
  else if (sign == "<")
    compare.set_result(Compare::LESS);
  else if (sign == ">")
    compare.set_result(Compare::GREATER);
  else
    return wrong("only = != < and > compare");
  std::string target = text.substr(0, open);
  if (target == "value") {
    compare.set_target(Compare::VALUE);
    compare.set_value(value);
    return {};
  }
  std::int64_t number = 0;
  int base = target == "lease" ? 16 : 10;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
  if (error != std::errc() || end != value.data() + value.size())
    return wrong("a number must follow");
  if (target == "version") {
    compare.set_target(Compare::VERSION);
    compare.set_version(number);
  } else if (target == "created") {
    compare.set_target(Compare::CREATE);
    compare.set_create_revision(number);
  } else if (target == "changed") {
    compare.set_target(Compare::MOD);
    compare.set_mod_revision(number);
  } else if (target == "lease") {
    compare.set_target(Compare::LEASE);
    compare.set_lease(number);
  } else {
    return wrong("only value, version, created, changed and lease can be compared");
  }
  return {};
}

Result<void> parse_op(const std::string& text, RequestOp& op) {
  auto parts = words(text);
  if (!parts) return std::unexpected(parts.error());
  const auto& w = *parts;
  if (w.size() == 3 && w[0] == "put") {
    op.mutable_request_put()->set_key(w[1]);
    op.mutable_request_put()->set_value(w[2]);
  } else if ((w.size() == 2 || w.size() == 3) && w[0] == "get") {
    op.mutable_request_range()->set_key(w[1]);
    if (w.size() == 3) op.mutable_request_range()->set_range_end(w[2]);
  } else if ((w.size() == 2 || w.size() == 3) && w[0] == "del") {
    op.mutable_request_delete_range()->set_key(w[1]);
    if (w.size() == 3) op.mutable_request_delete_range()->set_range_end(w[2]);
  } else {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("'{}' is no operation; write put KEY VALUE, get KEY [END] or del KEY [END]",
                    text));
  }
  return {};
}

}  // namespace

Result<void> parse_txn(const std::vector<std::string>& compares,
                       const std::vector<std::string>& success,
                       const std::vector<std::string>& failure, TxnRequest& request) {
  if (success.empty() && failure.empty())
    return fail(ErrorCode::kInvalid, "a transaction needs at least one --then or --else");
  for (const std::string& text : compares) {
    if (auto done = parse_compare(text, *request.add_compare()); !done) return done;
  }
  for (const std::string& text : success) {
    if (auto done = parse_op(text, *request.add_success()); !done) return done;
  }
  for (const std::string& text : failure) {
    if (auto done = parse_op(text, *request.add_failure()); !done) return done;
  }
  return {};
}

}  // namespace polis::cli
