#pragma once

// The `polis` command: what the subcommands share. Exit codes: 0 done, 1 refused or not found, 2
// wrong usage or settings.

#include <google/protobuf/message.h>
#include <CLI/App.hpp>

#include <functional>
#include <string>
#include <vector>

#include "api/etcd/rpc.pb.h"
#include "client/client.hh"
#include "io/reactor.hh"
#include "tls/network.hh"

namespace polis::cli {

inline constexpr int kDone = 0, kRefused = 1, kWrongUsage = 2;

// Options that every command to a cell has.
struct Target {
  std::string endpoints = "127.0.0.1:2379";
  // Longer than a server waits for an outcome (setting request-timeout, 7 s), so that the server's
  // words arrive and not only the end of the client's patience.
  double timeout_seconds = 10;
  std::string output = "text";
  // For endpoints that speak TLS: certificates in PEM form.
  std::string cacert, cert, key;
  bool insecure_skip_tls_verify = false;

  void add_to(CLI::App& app);
  bool json() const { return output == "json"; }
  Duration timeout() const {
    return std::chrono::milliseconds(static_cast<std::int64_t>(timeout_seconds * 1000));
  }
};

// How errors and notes are said: as text, or, with -o json, as one JSON object a line:
// {"error":{"code":"UNAVAILABLE","message":"..."}} with gRPC's names of codes, {"note":"..."}.
enum class ErrorForm { kText, kJson };
// For the whole process; text if it is not called. Once, before the first error.
void set_error_form(ErrorForm form);

// Each says what is wrong on standard error and gives the exit code.
int complain(const Error& error);
int complain(const http::GrpcStatus& status);
int refuse(const std::string& text);
// Says on standard error what should be known beside the answer.
void note(const std::string& text);

// One connection to the cell for one command.
class Session {
 public:
  // kInvalid: the endpoints are wrong.
  static Result<std::unique_ptr<Session>> open(const Target& target);
  // One call; waits for its answer.
  http::GrpcStatus call(const std::string& path, const google::protobuf::Message& request,
                        google::protobuf::Message& response);
  // Runs until `stop`, a signal, or the deadline if there is one.
  io::Reactor& reactor() { return reactor_; }
  client::Client& client() { return *client_; }

 private:
  io::Reactor reactor_;
  std::unique_ptr<tls::Credentials> credentials_;
  std::unique_ptr<tls::Network> network_;
  std::unique_ptr<client::Client> client_;
  Duration timeout_{};
};

// All addresses at which a member serves clients, with commas between, without http://; empty: it
// has told none.
std::string endpoints_of(const etcdserverpb::Member& member);

// A member, and where it serves clients.
struct KnownMember {
  etcdserverpb::Member member;
  std::string endpoints;  // with commas between; empty: nobody says
};
// The members as one replica lists them. A member tells the cell its client address once there is a
// master; one that has told none yet is looked for at the endpoints of `target`. `refused`: what
// the replica that was asked answered. An error: the endpoints are wrong.
Result<std::vector<KnownMember>> known_members(const Target& target, http::GrpcStatus& refused);
// Calls to one member alone; each waits at most 2 s.
Target target_of(const Target& target, const KnownMember& one);
void print_json(const google::protobuf::Message& message);
// Bytes for a terminal: as they are if printable, else with \x escapes.
std::string printable(const std::string& bytes);

// Each adds its subcommands; what is chosen sets `run`.
using Run = std::function<int()>;
void add_kv_commands(CLI::App& app, Run& run);
void add_watch_command(CLI::App& kv, Run& run);
void add_wait_command(CLI::App& cell, Run& run);
void add_lease_commands(CLI::App& app, Run& run);
void add_cell_commands(CLI::App& app, Run& run);
void add_member_commands(CLI::App& cell, Run& run);
void add_quorum_command(CLI::App& cell, Run& run);
void add_snapshot_commands(CLI::App& cell, Run& run);
void add_recover_command(CLI::App& cell, Run& run);
void add_doctor_command(CLI::App& app, Run& run);
void add_cert_commands(CLI::App& app, Run& run);
void add_check_commands(CLI::App& app, Run& run);
void add_config_example_command(CLI::App& config, Run& run);
void add_completion_command(CLI::App& app, Run& run);
// What may come next on a command line, one a line; the last word is the one that is being typed.
// ":files" or ":dirs": the shell has to look.
int complete(const CLI::App& app, std::vector<std::string> words);
void add_sim_command(CLI::App& app, Run& run);
void add_estimate_command(CLI::App& sim, Run& run);
void add_explore_command(CLI::App& sim, Run& run);
void add_compare_command(CLI::App& sim, Run& run);

}  // namespace polis::cli
