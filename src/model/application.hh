#pragma once

// The application as a value: what model/parse.hh makes of a file, and what model/stored.hh stores.
// The words are those of the file; docs/formats/application.md has each key with its meaning,
// default and range. model/keys.hh is the table that ties keys, members and stored numbers
// together: a new member needs a row there and nothing else.
//
// A value that comes from parse() is *normalised*: every default is filled in, services, jobs and
// all other named things are sorted by name. Readers take it as it is and never compute a default:
// an application that was applied once means the same for every later release of Polis. So the zero
// of a new member must mean what its absence meant before.
//
// `unknown` holds stored fields that this release does not know, as they were; encode() writes them
// again. Everybody else leaves it alone.
//
// Threads: plain values.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hh"

namespace polis::model {

using Words = std::vector<std::string>;
using Pairs = std::map<std::string, std::string>;

// A number of instances, or a part of them. Only normalised values are to be asked.
struct Share {
  static constexpr std::int64_t kByItself = -1;  // not normalised yet: the default
  std::int64_t value = 0;
  bool percent = false;
  bool operator==(const Share&) const = default;
  // Of `total` instances, rounded up.
  std::int64_t of(std::int64_t total) const { return percent ? (total * value + 99) / 100 : value; }
};

enum class Protocol { kTcp, kUdp };
struct Port {
  std::string name;
  std::int64_t port = 0;  // 0: a free one, chosen with the machine
  Protocol protocol = Protocol::kTcp;
  std::string unknown;
  bool operator==(const Port&) const = default;
};

// How an instance's process begins. References (model/references.hh) stand for what is only known
// on the machine.
struct Start {
  Words command;  // program and arguments; may be empty with an image
  Words args;     // come behind `command`
  Pairs env;
  std::string user, group;        // empty: an own one without rights
  std::string working_directory;  // empty: the artifact's
  std::int64_t umask = 0;
  bool private_tmp = false;
  bool no_new_privileges = false;
  std::string unknown;
  bool operator==(const Start&) const = default;
};

struct Stop {
  std::string signal;  // without SIG: TERM. Sent if `command` is empty
  Words command;       // asks the instance to stop
  Duration grace{};    // then it is killed
  std::string unknown;
  bool operator==(const Stop&) const = default;
};

enum class Method { kPost, kPut, kGet };
struct HttpReload {
  std::string port;  // its name
  std::string path;
  Method method = Method::kPost;
  std::string unknown;
  bool operator==(const HttpReload&) const = default;
};

// How an instance learns that its configuration has changed. Files are always written first.
// Exactly one of `restart`, `file`, `signal`, `command` and `http` is set.
struct AppConfig {
  bool restart = false;
  bool file = false;  // the program watches the files itself
  std::string signal;
  Words command;
  std::optional<HttpReload> http;
  Duration timeout{};  // for the acknowledgement
  Duration watch{};    // a configuration after which health is lost within it goes back
  std::string unknown;
  bool operator==(const AppConfig&) const = default;
};

struct HttpCheck {
  std::string port;  // its name
  std::string path;
  std::int64_t status = 0;  // 0: any from 200 to 399
  std::string host;         // the Host header; empty: the address
  std::string unknown;
  bool operator==(const HttpCheck&) const = default;
};
struct TcpCheck {
  std::string port;
  std::string unknown;
  bool operator==(const TcpCheck&) const = default;
};
struct GrpcCheck {
  std::string port;
  std::string service;  // of grpc.health.v1; empty: the whole server
  std::string unknown;
  bool operator==(const GrpcCheck&) const = default;
};

// Exactly one of the five ways is set.
struct Healthcheck {
  Words command;  // exit code 0: healthy
  std::optional<TcpCheck> tcp;
  std::optional<HttpCheck> http;
  std::optional<GrpcCheck> grpc;
  bool notify = false;  // the instance says READY=1 itself
  Duration interval{}, timeout{};
  std::int64_t healthy_threshold = 0, unhealthy_threshold = 0;
  Duration start_period{};   // failures in it do not count, until the first success
  Duration restart_after{};  // unhealthy for so long: restarted; 0: never
  std::string unknown;
  bool operator==(const Healthcheck&) const = default;
};

// What an instance may use. 0 means without limit, or that nothing is reserved.
struct Resources {
  std::int64_t cpu = 0;        // thousandths of a core: reserved, and its weight
  std::int64_t cpu_limit = 0;  // thousandths of a core
  std::int64_t memory = 0;     // bytes, reserved
  std::int64_t memory_limit = 0, disk = 0;
  std::int64_t pids = 0, open_files = 0;
  std::string unknown;
  bool operator==(const Resources&) const = default;
};

enum class Spread { kMachine, kPlace, kNone };
// Where instances may run. The words of `require` and `prefer` are constraints
// (model/constraint.hh).
struct Places {
  Words require, prefer;
  Spread spread = Spread::kMachine;
  Words near, apart_from;  // services of the same application
  std::string unknown;
  bool operator==(const Places&) const = default;
};

enum class DependencyKind { kRequired, kOptional };
struct Dependency {
  std::string name;  // a service of the same application, or APPLICATION/SERVICE
  DependencyKind kind = DependencyKind::kRequired;
  std::string without;  // what happens without an optional one, for people
  std::string unknown;
  bool operator==(const Dependency&) const = default;
};

struct ConfigFile {
  std::string name;
  std::string content;
  std::string from;  // not read yet (model/parse.hh: include_files); empty in what is stored
  std::int64_t mode = 0;
  bool render = false;  // references in it are replaced
  std::string unknown;
  bool operator==(const ConfigFile&) const = default;
};
struct Config {
  Pairs values;
  std::vector<ConfigFile> files;
  std::string unknown;
  bool operator==(const Config&) const = default;
};

enum class RestartPolicy { kAlways, kOnFailure, kNever };
// The first restart is at once; each further one waits twice as long as the one before.
struct Restart {
  RestartPolicy policy = RestartPolicy::kAlways;
  Duration delay{}, delay_max{};
  Duration reset_after{};            // having run for so long, it begins anew
  std::int64_t crash_loop_ends = 0;  // ends within the window that make a crash loop
  Duration crash_loop_window{};
  std::string unknown;
  bool operator==(const Restart&) const = default;
};

// How a release replaces the one before.
struct Update {
  Share max_unavailable, max_surge;
  Duration healthy_for{};  // before the next instance is replaced
  Duration timeout{};      // without progress: failed
  bool auto_rollback = false;
  std::string unknown;
  bool operator==(const Update&) const = default;
};

// Exactly one of `directory`, `file` and `url` is set.
struct Artifact {
  std::string directory, file;  // where `polis apply` finds it
  std::string url;
  std::string digest;  // sha256:HEX
  bool unpack = false;
  std::string unknown;
  bool operator==(const Artifact&) const = default;
};

enum class OnDelete { kKeep, kRemove };
struct Volume {
  std::string name;
  std::string path;       // where the instance finds it
  std::int64_t size = 0;  // bytes, reserved; 0: not counted
  OnDelete on_delete = OnDelete::kKeep;
  std::string unknown;
  bool operator==(const Volume&) const = default;
};

// Standard output and standard error, kept in files that rotate.
struct Logs {
  std::int64_t file_size = 0;  // bytes
  std::int64_t files = 0;
  std::string unknown;
  bool operator==(const Logs&) const = default;
};

struct Service {
  std::string name;
  std::string description, version;
  std::int64_t tier = 0;       // 0: most critical, 3: least
  std::int64_t instances = 0;  // 0 with per_machine
  bool per_machine = false;
  bool exclusive = false;  // never two at once
  Duration hold{};         // an exclusive one stops after so long without the cell
  std::optional<Artifact> artifact;
  std::string image;
  Start start;
  Stop stop;
  AppConfig appconfig;
  std::optional<Healthcheck> healthcheck;
  std::vector<Port> ports;
  Resources resources;
  Places places;
  std::vector<Dependency> depends_on;
  Config config;
  Restart restart;
  Update update;
  std::vector<Volume> volumes;
  Logs logs;
  Pairs labels;
  std::string unknown;
  bool operator==(const Service&) const = default;
};

enum class Overlap { kSkip, kAllow, kReplace };
enum class Missed { kSkip, kRunOnce };
// Something that runs and ends. Exactly one of `before_start`, `once` and `schedule` is set.
struct Job {
  std::string name;
  std::string description;
  std::int64_t tier = 0;
  Words before_start;     // services of the application that wait for it, at each release
  bool once = false;      // one time in the application's life
  std::string schedule;   // cron (model/schedule.hh)
  std::string time_zone;  // IANA
  Overlap overlap = Overlap::kSkip;
  Missed missed = Missed::kSkip;
  std::optional<Artifact> artifact;
  std::string image;
  Start start;
  Resources resources;
  Places places;
  std::vector<Dependency> depends_on;
  Config config;
  Duration timeout{};
  std::int64_t retries = 0;
  Logs logs;
  std::string unknown;
  bool operator==(const Job&) const = default;
};

struct Application {
  std::string name;
  std::string description, version;
  std::vector<Service> services;
  std::vector<Job> jobs;
  Words secrets;  // names that ${secret.NAME} may use
  std::string unknown;
  bool operator==(const Application&) const = default;
};

}  // namespace polis::model
