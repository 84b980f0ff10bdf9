#pragma once

// The `polis` command: what the subcommands share. Exit codes: 0 done, 1 refused or not found, 2
// wrong usage or settings.

#include <google/protobuf/message.h>
#include <CLI/App.hpp>

#include <functional>
#include <string>

#include "client/client.hh"

namespace polis::cli {

inline constexpr int kDone = 0, kRefused = 1, kWrongUsage = 2;

// Options that every command to a cell has.
struct Target {
  std::string endpoints = "127.0.0.1:2379";
  double timeout_seconds = 5;
  std::string output = "text";

  void add_to(CLI::App& app);
  bool json() const { return output == "json"; }
  Duration timeout() const {
    return std::chrono::milliseconds(static_cast<std::int64_t>(timeout_seconds * 1000));
  }
};

// Says what is wrong on standard error and gives the exit code.
int complain(const Error& error);
int complain(const http::GrpcStatus& status);

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
  std::unique_ptr<client::Client> client_;
  Duration timeout_{};
};

void print_json(const google::protobuf::Message& message);
// Bytes for a terminal: as they are if printable, else with \x escapes.
std::string printable(const std::string& bytes);
// Text, or \xNN and \n escapes.
std::string json_string(const std::string& text);

// Each adds its subcommands; what is chosen sets `run`.
using Run = std::function<int()>;
void add_kv_commands(CLI::App& app, Run& run);
void add_lease_commands(CLI::App& app, Run& run);
void add_cell_commands(CLI::App& app, Run& run);
void add_member_commands(CLI::App& cell, Run& run);
void add_quorum_command(CLI::App& cell, Run& run);
void add_snapshot_commands(CLI::App& cell, Run& run);
void add_doctor_command(CLI::App& app, Run& run);
void add_completion_command(CLI::App& app, Run& run);
void add_sim_command(CLI::App& app, Run& run);
void add_estimate_command(CLI::App& sim, Run& run);
void add_explore_command(CLI::App& sim, Run& run);
void add_compare_command(CLI::App& sim, Run& run);

}  // namespace polis::cli
