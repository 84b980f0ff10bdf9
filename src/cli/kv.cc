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
#include "cli/txn_text.hh"

namespace polis::cli {
namespace {

using namespace etcdserverpb;

// The end of the range of all keys that begin with `prefix`; "\0" if there is none.
std::string prefix_end(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

struct RangeOptions {
  std::string key, end;
  bool prefix = false, from_key = false;

  void add_to(CLI::App& app) {
    app.add_option("key", key, "the key; with an end, the first key of a range")->required();
    app.add_option("end", end, "end of the range, not part of it");
    app.add_flag("--prefix", prefix, "all keys that begin with the key");
    app.add_flag("--from-key", from_key, "all keys from the key on");
  }
  template <typename Request>
  void fill(Request& request) const {
    request.set_key(key.empty() && (prefix || from_key) ? std::string(1, '\0') : key);
    if (prefix) {
      request.set_range_end(prefix_end(key));
    } else if (from_key) {
      request.set_range_end(std::string(1, '\0'));
    } else if (!end.empty()) {
      request.set_range_end(end);
    }
  }
};

void print_kv(const mvccpb::KeyValue& kv, bool value_only, bool details) {
  if (!value_only) fmt::print("{}\n", printable(kv.key()));
  if (value_only || !details) fmt::print("{}\n", printable(kv.value()));
  if (details) {
    fmt::print("{}\n  created at revision {}, changed at {}, version {}{}\n", printable(kv.value()),
               kv.create_revision(), kv.mod_revision(), kv.version(),
               kv.lease() != 0
                   ? fmt::format(", lease {:016x}", static_cast<std::uint64_t>(kv.lease()))
                   : "");
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
      fmt::print(stderr, "polis: {} of {} keys shown\n", response.kvs_size(), response.count());
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
  app->add_option("--lease", *lease, "id of a lease, in hex: the key ends with it");
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

void print_watch_response(const WatchResponse& response, bool json) {
  if (json) return print_json(response);
  for (const auto& event : response.events()) {
    if (event.type() == mvccpb::Event::DELETE) {
      fmt::print("DELETE {}\n", printable(event.kv().key()));
    } else {
      fmt::print("PUT {}\n{}\n", printable(event.kv().key()), printable(event.kv().value()));
    }
  }
  std::fflush(stdout);
}

int watch(const Target& target, const WatchCreateRequest& create, std::int64_t events_max) {
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  io::Reactor& reactor = (*session)->reactor();
  int exit_code = kDone;
  std::int64_t seen = 0;
  std::unique_ptr<http::ClientCall> call;
  call = (*session)->client().stream(
      "/etcdserverpb.Watch/Watch",
      [&](std::string_view bytes) {
        WatchResponse response;
        if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
        if (response.canceled()) {
          exit_code = complain(http::grpc_status(
              http::GrpcCode::kCancelled,
              response.compact_revision() != 0
                  ? fmt::format("{}; the oldest one that can be watched is {}",
                                response.cancel_reason(), response.compact_revision())
                  : response.cancel_reason()));
          return reactor.stop();
        }
        print_watch_response(response, target.json());
        seen += response.events_size();
        if (events_max > 0 && seen >= events_max) reactor.stop();
      },
      [&](const http::GrpcStatus& status) {
        exit_code = complain(status);
        reactor.stop();
      });
  WatchRequest request;
  *request.mutable_create_request() = create;
  call->send(request.SerializeAsString());
  reactor.on_signal([&](int) { reactor.stop(); });
  reactor.run();
  return exit_code;
}

void add_watch(CLI::App& kv, Run& run) {
  auto* app = kv.add_subcommand("watch", "Print the changes of a key or a range, as they come");
  app->footer(
      "Examples:\n  polis kv watch greeting\n  polis kv watch --prefix services/ --start 100\n  "
      "polis kv watch greeting --events 1");
  auto target = std::make_shared<Target>();
  auto range = std::make_shared<RangeOptions>();
  auto request = std::make_shared<WatchCreateRequest>();
  auto events = std::make_shared<std::int64_t>(0);
  target->add_to(*app);
  range->add_to(*app);
  app->add_option_function<std::int64_t>(
      "--start", [request](std::int64_t n) { request->set_start_revision(n); },
      "begin with this revision, also a past one");
  app->add_flag_callback(
      "--prev-kv", [request] { request->set_prev_kv(true); },
      "ask for what was there before (in JSON)");
  app->add_option("--events", *events, "end after so many changes");
  app->callback([=, &run] {
    run = [=] {
      range->fill(*request);
      request->set_fragment(true);
      return watch(*target, *request, *events);
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
  add_watch(*kv, run);
  add_txn(*kv, run);
  add_compact(*kv, run);
}

}  // namespace polis::cli
