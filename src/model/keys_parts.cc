// What else services and jobs are made of.

#include "model/keys.hh"
#include "model/keys_forms.hh"

namespace polis::model::keys {
namespace {

using rows::row;
constexpr Effect kPlaced = Effect::kPlacement, kRestarted = Effect::kRestart;

constexpr Form kCores{.kind = Form::Kind::kCpu, .name = "cores", .min = 0, .max = 1'024'000};
constexpr Form kBytes = size(0, std::int64_t{1} << 50);

constexpr const char* kProtocols[] = {"tcp", "udp"};
constexpr Form kProtocol = choice(kProtocols);
constexpr Key kPortKeys[] = {
    row<&Port::port>({.name = "port",
                      .number = 2,
                      .form = &forms::kPort,
                      .standard = "dynamic",
                      .effect = kRestarted,
                      .doc = "Its number, or dynamic: a free one, which the instance learns from "
                             "${port.NAME} and POLIS_PORT_NAME",
                      .example = "8080"}),
    row<&Port::protocol>({.name = "protocol",
                          .number = 3,
                          .form = &kProtocol,
                          .standard = "tcp",
                          .effect = kRestarted,
                          .doc = "tcp or udp",
                          .example = "udp"}),
};

constexpr Form kCount = number(0, 4'194'304), kOpenFiles = number(0, 1'048'576);
constexpr Key kResourcesKeys[] = {
    row<&Resources::cpu>(
        {.name = "cpu",
         .number = 1,
         .form = &kCores,
         .standard = "0",
         .effect = kPlaced,
         .doc = "Cores that are reserved for it. It may use more while nobody else needs them",
         .example = "0.5"}),
    row<&Resources::cpu_limit>({.name = "cpu_limit",
                                .number = 2,
                                .form = &kCores,
                                .standard = "0",
                                .doc = "Cores that it may use at most; 0: all",
                                .example = "2"}),
    row<&Resources::memory>({.name = "memory",
                             .number = 3,
                             .form = &kBytes,
                             .standard = "0",
                             .effect = kPlaced,
                             .doc = "Memory that is reserved for it",
                             .example = "256MiB"}),
    row<&Resources::memory_limit>(
        {.name = "memory_limit",
         .number = 4,
         .form = &kBytes,
         .standard = "0",
         .doc = "With more it is killed; what is reserved, by default; 0 for both: no limit",
         .example = "512MiB"}),
    row<&Resources::disk>({.name = "disk",
                           .number = 5,
                           .form = &kBytes,
                           .standard = "0",
                           .effect = kPlaced,
                           .doc = "Disk space that is reserved for its directory, volumes apart",
                           .example = "1GiB"}),
    row<&Resources::pids>({.name = "pids",
                           .number = 6,
                           .form = &kCount,
                           .standard = "1024",
                           .doc = "Processes and threads that it may have; 0: any number",
                           .example = "64"}),
    row<&Resources::open_files>(
        {.name = "open_files",
         .number = 7,
         .form = &kOpenFiles,
         .standard = "8192",
         .effect = kRestarted,
         .doc = "Files and sockets that it may have open; 0: as the machine has it",
         .example = "65536"}),
};

constexpr const char* kSpreads[] = {"machine", "place", "none"};
constexpr Form kSpread = choice(kSpreads);
constexpr Key kPlacesKeys[] = {
    row<&Places::require>(
        {.name = "require",
         .number = 1,
         .form = &forms::kConstraint,
         .effect = kPlaced,
         .doc =
             "What a machine must fulfil: 'place = berlin/*', 'label.disk = ssd', 'machine != m7'",
         .example = "[label.disk = ssd]"}),
    row<&Places::prefer>({.name = "prefer",
                          .number = 2,
                          .form = &forms::kConstraint,
                          .effect = kPlaced,
                          .doc = "What it should fulfil, first things first",
                          .example = "[place = berlin/*]"}),
    row<&Places::spread>({.name = "spread",
                          .number = 3,
                          .form = &kSpread,
                          .standard = "machine",
                          .effect = kPlaced,
                          .doc = "Over what instances are spread as evenly as possible: machines, "
                                 "places (failure domains) and then machines, or nothing",
                          .example = "place"}),
    row<&Places::near>({.name = "near",
                        .number = 4,
                        .form = &forms::kLabel,
                        .effect = kPlaced,
                        .doc = "Services of the application on whose machines it should run",
                        .example = "[cache]"}),
    row<&Places::apart_from>(
        {.name = "apart_from",
         .number = 5,
         .form = &forms::kLabel,
         .effect = kPlaced,
         .doc = "Services of the application on whose machines it must not run",
         .example = "[reports]"}),
};

constexpr const char* kKinds[] = {"required", "optional"};
constexpr Form kKind = choice(kKinds);
constexpr Key kDependencyKeys[] = {
    row<&Dependency::kind>({.name = "kind",
                            .number = 2,
                            .form = &kKind,
                            .standard = "required",
                            .doc = "Whether it can work without it",
                            .example = "optional"}),
    row<&Dependency::without>({.name = "without",
                               .number = 3,
                               .form = &forms::kLine,
                               .doc = "What happens without an optional one, for people",
                               .example = "the page shows no reviews"}),
};

constexpr Key kConfigFileKeys[] = {
    row<&ConfigFile::content>({.name = "content",
                               .number = 2,
                               .form = &forms::kContent,
                               .effect = Effect::kReconfigure,
                               .references = true,
                               .group = "source",
                               .doc = "What is in it",
                               .example = "\"currency = ${config.currency}\""}),
    row<&ConfigFile::from>(
        {.name = "from",
         .form = &forms::kPath,
         .effect = Effect::kReconfigure,
         .group = "source",
         .doc = "A file that `polis apply` reads it from, relative to the application file",
         .example = "./front.toml"}),
    row<&ConfigFile::mode>({.name = "mode",
                            .number = 3,
                            .form = &kMode,
                            .standard = "0640",
                            .effect = Effect::kReconfigure,
                            .doc = "Its rights",
                            .example = "\"0600\""}),
    row<&ConfigFile::render>({.name = "render",
                              .number = 4,
                              .form = &forms::kBool,
                              .standard = "true",
                              .effect = Effect::kReconfigure,
                              .doc = "References in it are replaced",
                              .example = "false"}),
};
constexpr Key kConfigKeys[] = {
    row<&Config::values>({.name = "values",
                          .number = 1,
                          .form = &forms::kText,
                          .pair_form = &forms::kConfigName,
                          .effect = Effect::kReconfigure,
                          .references = true,
                          .doc = "Values for ${config.KEY}",
                          .example = "{currency: EUR}"}),
    row<&Config::files>({.name = "files",
                         .number = 2,
                         .section = &kConfigFile,
                         .effect = Effect::kReconfigure,
                         .doc = "Files, by name. They are written before the start and when they "
                                "change; ${file.NAME} is their path",
                         .example = "{front.toml: {from: ./front.toml}}"}),
};

constexpr const char* kPolicies[] = {"always", "on_failure", "never"};
constexpr Form kPolicy = choice(kPolicies), kEnds = number(2, 1000);
constexpr Key kRestartKeys[] = {
    row<&Restart::policy>({.name = "policy",
                           .number = 1,
                           .form = &kPolicy,
                           .standard = "always",
                           .doc = "Whether an instance that has ended starts again",
                           .example = "on_failure"}),
    row<&Restart::delay>({.name = "delay",
                          .number = 2,
                          .form = &kUpToHour,
                          .standard = "200ms",
                          .doc = "Before the second restart; the first one is at once, and each "
                                 "further one waits twice as long",
                          .example = "1s"}),
    row<&Restart::delay_max>({.name = "delay_max",
                              .number = 3,
                              .form = &kUpToDay,
                              .standard = "30s",
                              .doc = "But no longer than this",
                              .example = "5m"}),
    row<&Restart::reset_after>({.name = "reset_after",
                                .number = 4,
                                .form = &kSecondToDay,
                                .standard = "1m",
                                .doc = "Having run for so long, delays begin anew",
                                .example = "10m"}),
    row<&Restart::crash_loop_ends>({.name = "crash_loop_ends",
                                    .number = 5,
                                    .form = &kEnds,
                                    .standard = "5",
                                    .doc = "So many ends within crash_loop_window are a crash "
                                           "loop: it is said, with the last lines of output",
                                    .example = "10"}),
    row<&Restart::crash_loop_window>({.name = "crash_loop_window",
                                      .number = 6,
                                      .form = &kSecondToDay,
                                      .standard = "2m",
                                      .doc = "See crash_loop_ends",
                                      .example = "10m"}),
};

constexpr Key kUpdateKeys[] = {
    row<&Update::max_unavailable>({.name = "max_unavailable",
                                   .number = 1,
                                   .form = &forms::kShare,
                                   .standard = "auto",
                                   .doc = "Instances that may be missing meanwhile; by default 0, "
                                          "or 1 where max_surge cannot be more than 0",
                                   .example = "25%"}),
    row<&Update::max_surge>(
        {.name = "max_surge",
         .number = 2,
         .form = &forms::kShare,
         .standard = "auto",
         .doc = "Instances that may run in addition meanwhile; by default 1, or 0 if the service "
                "is exclusive, per machine, or has volumes or fixed ports",
         .example = "1"}),
    row<&Update::healthy_for>(
        {.name = "healthy_for",
         .number = 3,
         .form = &kUpToHour,
         .standard = "5s",
         .doc = "A new instance must have been healthy for so long before the next one is replaced",
         .example = "30s"}),
    row<&Update::timeout>(
        {.name = "timeout",
         .number = 4,
         .form = &kSecondToDay,
         .standard = "5m",
         .doc =
             "A new instance that is not healthy after so long means that the release has failed",
         .example = "15m"}),
    row<&Update::auto_rollback>({.name = "auto_rollback",
                                 .number = 5,
                                 .form = &forms::kBool,
                                 .standard = "true",
                                 .doc = "A release that has failed goes back by itself",
                                 .example = "false"}),
};

constexpr Key kArtifactKeys[] = {
    row<&Artifact::directory>(
        {.name = "directory",
         .number = 1,
         .form = &forms::kPath,
         .effect = kRestarted,
         .group = "source",
         .doc = "A directory, relative to the application file; apply uploads it",
         .example = "./front"}),
    row<&Artifact::file>({.name = "file",
                          .number = 2,
                          .form = &forms::kPath,
                          .effect = kRestarted,
                          .group = "source",
                          .doc = "A file, likewise",
                          .example = "./build/front"}),
    row<&Artifact::url>({.name = "url",
                         .number = 3,
                         .form = &forms::kUrl,
                         .effect = kRestarted,
                         .group = "source",
                         .doc = "Where machines fetch it; needs a digest",
                         .example = "https://example.com/front-2.1.tar.gz"}),
    row<&Artifact::digest>(
        {.name = "digest",
         .number = 4,
         .form = &forms::kDigest,
         .effect = kRestarted,
         .doc = "What it must be. Of a directory or file apply computes it",
         .example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}),
    row<&Artifact::unpack>(
        {.name = "unpack",
         .number = 5,
         .form = &forms::kBool,
         .standard = "false",
         .effect = kRestarted,
         .doc = "It is a tar archive (plain, gzip or zstd), whose content the instance gets",
         .example = "true"}),
};

constexpr const char* kOnDeletes[] = {"keep", "remove"};
constexpr Form kOnDelete = choice(kOnDeletes);
constexpr Key kVolumeKeys[] = {
    row<&Volume::path>({.name = "path",
                        .number = 2,
                        .form = &forms::kAbsolutePath,
                        .effect = kRestarted,
                        .doc = "Where the instance finds it, if its mounts can be its own; "
                               "${volume.NAME} always is the directory",
                        .example = "/var/lib/stock"}),
    row<&Volume::size>({.name = "size",
                        .number = 3,
                        .form = &kBytes,
                        .standard = "0",
                        .effect = kPlaced,
                        .doc = "Disk space that is reserved for it; 0: none",
                        .example = "10GiB"}),
    row<&Volume::on_delete>({.name = "on_delete",
                             .number = 4,
                             .form = &kOnDelete,
                             .standard = "keep",
                             .doc = "What becomes of it when the service is deleted",
                             .example = "remove"}),
};

constexpr Form kLogSize = size(64 << 10, std::int64_t{16} << 30), kLogFiles = number(1, 100);
constexpr Key kLogsKeys[] = {
    row<&Logs::file_size>({.name = "file_size",
                           .number = 1,
                           .form = &kLogSize,
                           .standard = "16MiB",
                           .doc = "A file that is larger is closed, and the next one begins",
                           .example = "64MiB"}),
    row<&Logs::files>({.name = "files",
                       .number = 2,
                       .form = &kLogFiles,
                       .standard = "4",
                       .doc = "So many are kept",
                       .example = "10"}),
};

}  // namespace

const Section kPort = rows::named<Port>(&forms::kLabel, {.name = "Port",
                                                         .doc = "A port",
                                                         .keys = kPortKeys,
                                                         .shorthand = "port",
                                                         .list_of_names = true});
const Section kResources = rows::section<Resources>(
    {.name = "Resources", .doc = "What an instance may use", .keys = kResourcesKeys});
const Section kPlaces = rows::section<Places>(
    {.name = "Places", .doc = "Where instances may run", .keys = kPlacesKeys});
const Section kDependency =
    rows::named<Dependency>(&forms::kDependency, {.name = "Dependency",
                                                  .doc = "A service that is used",
                                                  .keys = kDependencyKeys,
                                                  .shorthand = "kind",
                                                  .list_of_names = true});
const Section kConfig =
    rows::section<Config>({.name = "Config", .doc = "Configuration", .keys = kConfigKeys});
const Section kConfigFile =
    rows::named<ConfigFile>(&forms::kFileName, {.name = "ConfigFile",
                                                .doc = "A file of configuration",
                                                .keys = kConfigFileKeys,
                                                .shorthand = "content",
                                                .group_required = "source"});
const Section kRestart = rows::section<Restart>(
    {.name = "Restart", .doc = "What happens when an instance has ended", .keys = kRestartKeys});
const Section kUpdate = rows::section<Update>(
    {.name = "Update", .doc = "How a new release replaces the one before", .keys = kUpdateKeys});
const Section kArtifact = rows::section<Artifact>({.name = "Artifact",
                                                   .doc = "The files that an instance runs",
                                                   .keys = kArtifactKeys,
                                                   .group_required = "source"});
const Section kVolume = rows::named<Volume>(
    &forms::kLabel,
    {.name = "Volume", .doc = "A directory that stays", .keys = kVolumeKeys, .shorthand = "path"});
const Section kLogs =
    rows::section<Logs>({.name = "Logs", .doc = "How much output is kept", .keys = kLogsKeys});

}  // namespace polis::model::keys
