// polis kv get|put|del|watch|txn

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "api/etcd/rpc.pb.h"
#include "cli/cli.hh"
#include "cli/json.hh"
#include "cli/range_options.hh"
#include "cli/txn_text.hh"

namespace polis::cli {
namespace {

using namespace etcdserverpb;

void print_kv(const mvccpb::KeyValue& kv, bool value_only, bool details) {
  if (!value_only) fmt::print("{}\n", printable(kv.key()));
  if (value_only || !details) fmt::print("{}\n", printable(kv.value()));
  if (details) {
    fmt::print("{}\n  created at revision {}, changed at {}, version {}{}\n", printable(kv.value()),
               kv.create_revision(), kv.mod_revision(), kv.version(),
               kv.lease() != 0 ? ", lease " + lease_text(kv.lease()) : "");
  }
}

int get(const Target& target, const RangeRequest& request, bool value_only, bool details) {
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  RangeResponse response;
  if (auto status = (*session)->call("/etcdserverpb.KV/Range", request, response); !status.ok())
    return complain(status);
  if (target.json()) {
    print_json(response);
  } else if (request.count_only()) {
    fmt::print("{}\n", response.count());
  } else {
    for (const auto& kv : response.kvs()) print_kv(kv, value_only, details);
    if (response.more())
      note(fmt::format("{} of {} keys shown", response.kvs_size(), response.count()));
  }
  return response.count() == 0 && !request.count_only() ? kRefused : kDone;
}

void add_get(CLI::App& kv, Run& run) {
  auto* app = kv.add_subcommand("get", "Read a key, or a range of keys");
  app->footer(
      "Examples:\n  polis kv get greeting\n  polis kv get --prefix services/ --keys-only\n  polis "
      "kv get greeting --revision 7\n"
      "Ends with 1 if there is no such key.");
  auto target = std::make_shared<Target>();
  auto range = std::make_shared<RangeOptions>();
  auto request = std::make_shared<RangeRequest>();
  auto value_only = std::make_shared<bool>(false);
  auto details = std::make_shared<bool>(false);
  target->add_to(*app);
  range->add_to(*app);
  app->add_option_function<std::int64_t>(
      "--limit", [request](std::int64_t n) { request->set_limit(n); }, "at most so many keys");
  app->add_option_function<std::int64_t>(
      "--revision", [request](std::int64_t n) { request->set_revision(n); },
      "as it was at this revision");
  app->add_flag_callback(
      "--keys-only", [request] { request->set_keys_only(true); }, "without values");
  app->add_flag_callback(
      "--count-only", [request] { request->set_count_only(true); }, "only how many");
  app->add_flag_callback(
      "--serializable", [request] { request->set_serializable(true); },
      "from this replica alone; may be old, works without a quorum");
  app->add_flag("--value-only", *value_only, "only the value");
  app->add_flag("--details", *details, "with revisions, version and lease");
  app->add_option_function<std::string>(
         "--sort",
         [request](const std::string& by) {
           static const std::map<std::string, RangeRequest::SortTarget> targets{
               {"key", RangeRequest::KEY},
               {"version", RangeRequest::VERSION},
               {"created", RangeRequest::CREATE},
               {"changed", RangeRequest::MOD},
               {"value", RangeRequest::VALUE}};
           request->set_sort_target(targets.at(by));
           if (request->sort_order() == RangeRequest::NONE)
             request->set_sort_order(RangeRequest::ASCEND);
         },
         "key, version, created, changed or value")
      ->check(CLI::IsMember({"key", "version", "created", "changed", "value"}));
  app->add_flag_callback(
      "--descending", [request] { request->set_sort_order(RangeRequest::DESCEND); },
      "largest first");
  app->callback([=, &run] {
    run = [=] {
      range->fill(*request);
      return get(*target, *request, *value_only, *details);
    };
  });
}

int put(const Target& target, PutRequest request, bool from_stdin) {
  if (from_stdin) request.set_value(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  PutResponse response;
  if (auto status = (*session)->call("/etcdserverpb.KV/Put", request, response); !status.ok())
    return complain(status);
  if (target.json()) {
    print_json(response);
  } else {
    fmt::print("OK, revision {}\n", response.header().revision());
    if (response.has_prev_kv()) print_kv(response.prev_kv(), false, false);
  }
  return kDone;
}

void add_put(CLI::App& kv, Run& run) {
  auto* app = kv.add_subcommand("put", "Write a key");
  app->footer(
      "Examples:\n  polis kv put greeting hello\n  polis kv put config < config.yaml\n  polis kv "
      "put alive yes --lease 5a3f");
  auto target = std::make_shared<Target>();
  auto request = std::make_shared<PutRequest>();
  auto key = std::make_shared<std::string>(), value = std::make_shared<std::string>(),
       lease = std::make_shared<std::string>();
  target->add_to(*app);
  app->add_option("key", *key, "the key")->required();
  auto* value_option =
      app->add_option("value", *value, "the value; read from standard input if it is left out");
  app->add_option("--lease", *lease, "id of a lease, in hex: the key ends with it")
      ->type_name("LEASE");
  app->add_flag_callback(
      "--prev-kv", [request] { request->set_prev_kv(true); }, "print what was there before");
  app->add_flag_callback(
      "--ignore-value", [request] { request->set_ignore_value(true); },
      "keep the value that is there");
  app->add_flag_callback(
      "--ignore-lease", [request] { request->set_ignore_lease(true); },
      "keep the lease that is there");
  app->callback([=, &run] {
    run = [=] {
      request->set_key(*key);
      request->set_value(*value);
      if (!lease->empty()) {
        std::uint64_t id = 0;
        auto [end, error] = std::from_chars(lease->data(), lease->data() + lease->size(), id, 16);
        if (error != std::errc() || end != lease->data() + lease->size()) {
          return complain(
              Error{ErrorCode::kInvalid,
                    fmt::format("--lease '{}' is not a lease id; `polis lease list` shows them",
                                *lease)});
        }
        request->set_lease(static_cast<std::int64_t>(id));
      }
      return put(*target, *request, value_option->count() == 0 && !request->ignore_value());
    };
  });
}

int del(const Target& target, const DeleteRangeRequest& request) {
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  DeleteRangeResponse response;
  if (auto status = (*session)->call("/etcdserverpb.KV/DeleteRange", request, response);
      !status.ok())
    return complain(status);
  if (target.json()) {
    print_json(response);
  } else {
    fmt::print("{} deleted\n", response.deleted());
    for (const auto& kv : response.prev_kvs()) print_kv(kv, false, false);
  }
  return response.deleted() == 0 ? kRefused : kDone;
}

void add_del(CLI::App& kv, Run& run) {
  auto* app = kv.add_subcommand("del", "Delete a key, or a range of keys");
  app->footer(
      "Examples:\n  polis kv del greeting\n  polis kv del --prefix services/old/\nEnds with 1 if "
      "nothing was there.");
  auto target = std::make_shared<Target>();
  auto range = std::make_shared<RangeOptions>();
  auto request = std::make_shared<DeleteRangeRequest>();
  target->add_to(*app);
  range->add_to(*app);
  app->add_flag_callback(
      "--prev-kv", [request] { request->set_prev_kv(true); }, "print what was deleted");
  app->callback([=, &run] {
    run = [=] {
      range->fill(*request);
      return del(*target, *request);
    };
  });
}

int txn(const Target& target, const TxnRequest& request) {
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  TxnResponse response;
  if (auto status = (*session)->call("/etcdserverpb.KV/Txn", request, response); !status.ok())
    return complain(status);
  if (target.json()) {
    print_json(response);
  } else {
    fmt::print("{}, revision {}\n", response.succeeded() ? "then" : "else",
               response.header().revision());
    for (const auto& op : response.responses()) {
      if (op.has_response_put()) fmt::print("OK\n");
      if (op.has_response_delete_range())
        fmt::print("{} deleted\n", op.response_delete_range().deleted());
      for (const auto& kv : op.response_range().kvs()) print_kv(kv, false, false);
    }
  }
  return response.succeeded() ? kDone : kRefused;
}

void add_txn(CLI::App& kv, Run& run) {
  auto* app = kv.add_subcommand("txn", "Compare, and do one thing or the other, as one change");
  app->footer(
      "Compares: value(KEY), version(KEY), created(KEY), changed(KEY) or lease(KEY), then =, !=, < "
      "or >, then what with.\n"
      "Operations: 'put KEY VALUE', 'get KEY [END]', 'del KEY [END]'. Quote words with spaces.\n"
      "Example: take a lock that nobody has, else see who has it:\n"
      "  polis kv txn --if 'version(lock) = 0' --then 'put lock \"host 7\"' --else 'get lock'\n"
      "Ends with 1 if the else branch was taken.");
  auto target = std::make_shared<Target>();
  auto compares = std::make_shared<std::vector<std::string>>(),
       success = std::make_shared<std::vector<std::string>>(),
       failure = std::make_shared<std::vector<std::string>>();
  target->add_to(*app);
  app->add_option("--if", *compares, "a compare; may be given several times, all must hold");
  app->add_option("--then", *success, "an operation if they hold; several are done in order");
  app->add_option("--else", *failure, "an operation if they do not");
  app->callback([=, &run] {
    run = [=] {
      TxnRequest request;
      if (auto parsed = parse_txn(*compares, *success, *failure, request); !parsed)
        return complain(parsed.error());
      return txn(*target, request);
    };
  });
}

int compact(const Target& target, std::optional<std::int64_t> revision) {
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  if (!revision) {
    RangeRequest newest;
    newest.set_key(std::string(1, '\0'));
    newest.set_count_only(true);
    RangeResponse response;
    if (auto status = (*session)->call("/etcdserverpb.KV/Range", newest, response); !status.ok())
      return complain(status);
    revision = response.header().revision();
  }
  CompactionRequest request;
  request.set_revision(*revision);
  CompactionResponse response;
  if (auto status = (*session)->call("/etcdserverpb.KV/Compact", request, response); !status.ok())
    return complain(status);
  if (target.json()) {
    print_json(response);
  } else {
    fmt::print("compacted: nothing before revision {} can be read\n", *revision);
  }
  return kDone;
}

void add_compact(CLI::App& kv, Run& run) {
  auto* app =
      kv.add_subcommand("compact", "Forget the history of all keys; they keep what they are");
  app->footer(
      "Examples:\n  polis kv compact\n  polis kv compact 120000\nSpace becomes free in the "
      "background. By itself: polis cell run --compact-keep-time.");
  auto target = std::make_shared<Target>();
  auto revision = std::make_shared<std::optional<std::int64_t>>();
  target->add_to(*app);
  app->add_option("revision", *revision,
                  "what changed before it cannot be read or watched any more; the newest one if it "
                  "is left out");
  app->callback([=, &run] { run = [=] { return compact(*target, *revision); }; });
}

}  // namespace

void add_kv_commands(CLI::App& app, Run& run) {
  auto* kv = app.add_subcommand("kv", "Read, write and watch keys");
  kv->require_subcommand(1);
  add_get(*kv, run);
  add_put(*kv, run);
  add_del(*kv, run);
  add_watch_command(*kv, run);
  add_txn(*kv, run);
  add_compact(*kv, run);
}

}  // namespace polis::cli
