#pragma once

// The command `polis`: what its subcommands share. Exit codes: 0 done; 1 refused or not found; 2
// wrong usage or settings.
//
// Threads: one.

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

// The options of every command that talks to a cell.
struct Target {
  std::string endpoints = "127.0.0.1:2379";
  // It is longer than a server waits for an outcome (setting request-timeout, 7 s), so that the
  // user sees the server's answer instead of a timeout of the client.
  double timeout_seconds = 10;
  std::string output = "text";
  // For endpoints that speak TLS: certificates in PEM form.
  std::string cacert, cert, key;
  bool insecure_skip_tls_verify = false;
  // The endpoints are as members tell them: without a scheme in front they speak plain text. Else
  // that follows from the certificates.
  bool told_by_members = false;

  void add_to(CLI::App& app);
  io::NoScheme no_scheme() const;
  bool json() const { return output == "json"; }
  Duration timeout() const {
    return std::chrono::milliseconds(static_cast<std::int64_t>(timeout_seconds * 1000));
  }
};

// The form of errors and notes: text, or (-o json) one JSON object in a line:
// {"error":{"code":"UNAVAILABLE","message":"..."}} with gRPC's names of codes, or {"note":"..."}.
enum class ErrorForm { kText, kJson };
// Sets the form for the whole process. Call it at most once, before the first error. Default: text.
void set_error_form(ErrorForm form);

// Each writes to standard error what is wrong. The result is the exit code.
int complain(const Error& error);
int complain(const http::GrpcStatus& status);
int refuse(const std::string& text);
// Writes to standard error what the user should know besides the answer.
void note(const std::string& text);

// One connection to the cell for one command.
class Session {
 public:
  // kInvalid: the endpoints are wrong.
  static Result<std::unique_ptr<Session>> open(const Target& target);
  // Makes one call and waits for its answer, at most for Target::timeout().
  http::GrpcStatus call(const std::string& path, const google::protobuf::Message& request,
                        google::protobuf::Message& response);
  io::Reactor& reactor() { return reactor_; }
  client::Client& client() { return *client_; }

 private:
  io::Reactor reactor_;
  std::unique_ptr<tls::Credentials> credentials_;
  std::unique_ptr<tls::Network> network_;
  std::unique_ptr<client::Client> client_;
  Duration timeout_{};
};

// The addresses at which a member serves clients, without http:// (Target::told_by_members) and
// with commas between them. Empty: the cell knows none.
std::string endpoints_of(const etcdserverpb::Member& member);

// A member, and where it serves clients.
struct KnownMember {
  etcdserverpb::Member member;
  std::string endpoints;  // as of endpoints_of; empty: nobody says
};
// The members as one replica lists them. A member tells the cell its client address once there is a
// master; one that has told none yet is looked for at the endpoints of `target`. `refused`: what
// the replica that was asked answered. An error: the endpoints are wrong.
Result<std::vector<KnownMember>> known_members(const Target& target, http::GrpcStatus& refused);
// Calls to one member alone; each waits at most 2 s.
Target target_of(const Target& target, const KnownMember& one);
// Prints the message as json.hh says.
void print_json(const google::protobuf::Message& message);
// Bytes for a terminal: printable ones as they are, others as \x escapes.
std::string printable(const std::string& bytes);

// Each function adds subcommands to its argument. The subcommand that the user chooses sets `run`,
// which then does its work and gives the exit code.
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
void add_run_command(CLI::App& app, Run& run);
void add_check_commands(CLI::App& app, Run& run);
void add_config_example_command(CLI::App& config, Run& run);
void add_completion_command(CLI::App& app, Run& run);
// Prints the words that may complete a command line, one in each line. The last of `words` is the
// one that is being typed. ":files" or ":dirs": the shell must complete it with names of files or
// directories.
int complete(const CLI::App& app, std::vector<std::string> words);
void add_sim_command(CLI::App& app, Run& run);
void add_estimate_command(CLI::App& sim, Run& run);
void add_explore_command(CLI::App& sim, Run& run);
void add_compare_command(CLI::App& sim, Run& run);

}  // namespace polis::cli
