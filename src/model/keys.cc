#include "model/keys.hh"

#include <algorithm>

namespace polis::model {

const char* to_string(Effect effect) {
  switch (effect) {
    case Effect::kNone:
      return "nothing";
    case Effect::kPlacement:
      return "placement";
    case Effect::kReconfigure:
      return "reconfigure";
    case Effect::kRestart:
      return "restart";
  }
  return "?";
}

const Key* find_key(const Section& section, std::string_view name) {
  for (const Key& key : section.keys) {
    if (name == key.name) return &key;
  }
  return nullptr;
}

bool is_set(const Key& key, const void* object) {
  switch (key.shape()) {
    case Shape::kNumber:
      return number_of(key, object) != 0;
    case Shape::kText:
      return !value_of<std::string>(key, object).empty();
    case Shape::kWords:
      return !value_of<Words>(key, object).empty();
    case Shape::kPairs:
      return !value_of<Pairs>(key, object).empty();
    case Shape::kNamed:
      return size_of(key, object) > 0;
    default:
      return inside_of(key, object) != nullptr;
  }
}

namespace keys {
namespace {

using rows::row;
constexpr Effect kPlaced = Effect::kPlacement, kRestarted = Effect::kRestart;

constexpr Form kTier{.kind = Form::Kind::kNumber, .name = "number", .min = 0, .max = 3};
constexpr Form kInstances{.kind = Form::Kind::kNumber, .name = "number", .min = 0, .max = 10'000};
constexpr Form kRetries{.kind = Form::Kind::kNumber, .name = "number", .min = 0, .max = 100};
constexpr Form kHold{
    .kind = Form::Kind::kDuration, .name = "time", .min = 1'000'000'000, .max = 3'600'000'000'000};
constexpr Form kJobTimeout{.kind = Form::Kind::kDuration,
                           .name = "time",
                           .min = 1'000'000'000,
                           .max = 7 * 86'400'000'000'000};
constexpr const char* kOverlaps[] = {"skip", "allow", "replace"};
constexpr Form kOverlap{.kind = Form::Kind::kChoice, .name = "choice", .words = kOverlaps};
constexpr const char* kMissedWords[] = {"skip", "run_once"};
constexpr Form kMissed{.kind = Form::Kind::kChoice, .name = "choice", .words = kMissedWords};

constexpr Key kServiceKeys[] = {
    row<&Service::description>({.name = "description",
                                .number = 2,
                                .form = &forms::kLine,
                                .doc = "What it is, for people",
                                .example = "the pages of the shop"}),
    row<&Service::version>({.name = "version",
                            .number = 3,
                            .form = &forms::kLine,
                            .doc = "Of the program, for people and for who looks it up in the "
                                   "registry; the application's by default",
                            .example = "\"2.1\""}),
    row<&Service::tier>({.name = "tier",
                         .number = 4,
                         .form = &kTier,
                         .standard = "2",
                         .effect = kPlaced,
                         .doc = "How critical it is: 0 most, 3 least. Where capacity is lacking, "
                                "services with a higher number yield",
                         .example = "0"}),
    row<&Service::instances>({.name = "instances",
                              .number = 5,
                              .form = &kInstances,
                              .standard = "1",
                              .effect = kPlaced,
                              .group = "count",
                              .doc = "How many run, with the indexes 0, 1 and so on",
                              .example = "3"}),
    row<&Service::per_machine>({.name = "per_machine",
                                .number = 6,
                                .form = &forms::kBool,
                                .effect = kPlaced,
                                .group = "count",
                                .doc = "One on each machine that fits",
                                .example = "true"}),
    row<&Service::exclusive>(
        {.name = "exclusive",
         .number = 7,
         .form = &forms::kBool,
         .standard = "false",
         .effect = kRestarted,
         .doc = "Never two at once, whatever fails. It gets a sequencer (POLIS_SEQUENCER)",
         .example = "true"}),
    row<&Service::hold>({.name = "hold",
                         .number = 8,
                         .form = &kHold,
                         .standard = "15s",
                         .effect = kRestarted,
                         .doc = "An exclusive instance stops when its machine has been without the "
                                "cell for so long; its successor waits for that",
                         .example = "30s"}),
    row<&Service::artifact>({.name = "artifact",
                             .number = 9,
                             .section = &kArtifact,
                             .effect = kRestarted,
                             .group = "program",
                             .doc = "The files that it runs",
                             .example = "{directory: ./front}"}),
    row<&Service::image>({.name = "image",
                          .number = 10,
                          .form = &forms::kImage,
                          .effect = kRestarted,
                          .group = "program",
                          .doc = "A container image, instead of an artifact",
                          .example = "docker.io/library/redis:7"}),
    row<&Service::start>({.name = "start",
                          .number = 11,
                          .section = &kStart,
                          .effect = kRestarted,
                          .doc = "First interface: how an instance starts",
                          .example = "{command: ./front}"}),
    row<&Service::stop>({.name = "stop",
                         .number = 12,
                         .section = &kStop,
                         .doc = "Second interface: how it stops",
                         .example = "{signal: INT, grace: 30s}"}),
    row<&Service::appconfig>({.name = "appconfig",
                              .number = 13,
                              .section = &kAppConfig,
                              .doc = "Third interface: how it learns of changed configuration",
                              .example = "{signal: HUP}"}),
    row<&Service::healthcheck>({.name = "healthcheck",
                                .number = 14,
                                .section = &kHealthcheck,
                                .doc = "Fourth interface: how it is seen whether it is healthy",
                                .example = "{http: /healthy}"}),
    row<&Service::ports>({.name = "ports",
                          .number = 15,
                          .section = &kPort,
                          .effect = kRestarted,
                          .doc = "Ports that it listens on, by name. A port is a resource: two "
                                 "instances that need the same one go to different machines",
                          .example = "{http: 8080, admin: dynamic}"}),
    row<&Service::resources>({.name = "resources",
                              .number = 16,
                              .section = &kResources,
                              .doc = "What an instance may use",
                              .example = "{cpu: 0.5, memory: 256MiB}"}),
    row<&Service::places>({.name = "places",
                           .number = 17,
                           .section = &kPlaces,
                           .effect = kPlaced,
                           .doc = "Where instances may run, and apart from what",
                           .example = "{spread: place}"}),
    row<&Service::depends_on>({.name = "depends_on",
                               .number = 18,
                               .section = &kDependency,
                               .doc = "Services that it uses, by name. It starts after those that "
                                      "are required, and stops before them",
                               .example = "{stock: required}"}),
    row<&Service::config>({.name = "config",
                           .number = 19,
                           .section = &kConfig,
                           .effect = Effect::kReconfigure,
                           .doc = "Its configuration",
                           .example = "{values: {currency: EUR}}"}),
    row<&Service::restart>({.name = "restart",
                            .number = 20,
                            .section = &keys::kRestart,
                            .doc = "What happens when an instance has ended",
                            .example = "{policy: on_failure}"}),
    row<&Service::update>({.name = "update",
                           .number = 21,
                           .section = &kUpdate,
                           .doc = "How a new release replaces the one before",
                           .example = "{max_unavailable: 25%}"}),
    row<&Service::volumes>({.name = "volumes",
                            .number = 22,
                            .section = &kVolume,
                            .effect = kRestarted,
                            .doc = "Directories that stay, by name. They bind each index to the "
                                   "machine where it first ran",
                            .example = "{data: /var/lib/stock}"}),
    row<&Service::logs>({.name = "logs",
                         .number = 23,
                         .section = &kLogs,
                         .doc = "How much of its output is kept",
                         .example = "{file_size: 64MiB}"}),
    row<&Service::labels>({.name = "labels",
                           .number = 24,
                           .form = &forms::kLine,
                           .doc = "Anything else that the registry should tell of it",
                           .example = "{team: checkout}"}),
};

constexpr Key kJobKeys[] = {
    row<&Job::description>({.name = "description",
                            .number = 2,
                            .form = &forms::kLine,
                            .doc = "What it is, for people",
                            .example = "brings the tables up to date"}),
    row<&Job::tier>({.name = "tier",
                     .number = 3,
                     .form = &kTier,
                     .standard = "2",
                     .doc = "How critical it is: 0 most, 3 least",
                     .example = "1"}),
    row<&Job::before_start>(
        {.name = "before_start",
         .number = 4,
         .form = &forms::kLabel,
         .group = "when",
         .doc = "Services of the application that wait for it: it runs once at each release before "
                "their instances start, and if it fails, the release stops",
         .example = "[stock]"}),
    row<&Job::once>({.name = "once",
                     .number = 5,
                     .form = &forms::kBool,
                     .group = "when",
                     .doc = "It runs one time in the life of the application",
                     .example = "true"}),
    row<&Job::schedule>({.name = "schedule",
                         .number = 6,
                         .form = &forms::kCron,
                         .group = "when",
                         .doc = "When it runs, as cron has it",
                         .example = "30 3 * * mon-fri"}),
    row<&Job::time_zone>({.name = "time_zone",
                          .number = 7,
                          .form = &forms::kZone,
                          .standard = "UTC",
                          .doc = "Of the schedule. A time that the clocks skip runs at the first "
                                 "minute after, one that they repeat runs once",
                          .example = "Europe/Berlin"}),
    row<&Job::overlap>(
        {.name = "overlap",
         .number = 8,
         .form = &kOverlap,
         .standard = "skip",
         .doc = "When it is due while it still runs: leave it out, run both, or stop the older one",
         .example = "allow"}),
    row<&Job::missed>(
        {.name = "missed",
         .number = 9,
         .form = &kMissed,
         .standard = "run_once",
         .doc = "When it could not run at its time: leave it out, or run once as soon as it can",
         .example = "skip"}),
    row<&Job::artifact>({.name = "artifact",
                         .number = 10,
                         .section = &kArtifact,
                         .group = "program",
                         .doc = "The files that it runs",
                         .example = "{directory: ./stock}"}),
    row<&Job::image>({.name = "image",
                      .number = 11,
                      .form = &forms::kImage,
                      .group = "program",
                      .doc = "A container image, instead of an artifact",
                      .example = "docker.io/library/postgres:16"}),
    row<&Job::start>({.name = "start",
                      .number = 12,
                      .section = &kStart,
                      .doc = "How it starts. It has succeeded when it ends with exit code 0",
                      .example = "{command: ./migrate}"}),
    row<&Job::resources>({.name = "resources",
                          .number = 13,
                          .section = &kResources,
                          .doc = "What it may use",
                          .example = "{memory: 256MiB}"}),
    row<&Job::places>({.name = "places",
                       .number = 14,
                       .section = &kPlaces,
                       .doc = "Where it may run",
                       .example = "{require: [label.disk = ssd]}"}),
    row<&Job::depends_on>(
        {.name = "depends_on",
         .number = 15,
         .section = &kDependency,
         .doc =
             "Services that it uses, by name. It starts when those that are required are healthy",
         .example = "{stock: required}"}),
    row<&Job::config>({.name = "config",
                       .number = 16,
                       .section = &kConfig,
                       .doc = "Its configuration",
                       .example = "{values: {days: \"30\"}}"}),
    row<&Job::timeout>({.name = "timeout",
                        .number = 17,
                        .form = &kJobTimeout,
                        .standard = "1h",
                        .doc = "Having run for so long it is stopped, and has failed",
                        .example = "10m"}),
    row<&Job::retries>({.name = "retries",
                        .number = 18,
                        .form = &kRetries,
                        .standard = "0",
                        .doc = "How often it is tried again when it has failed",
                        .example = "3"}),
    row<&Job::logs>({.name = "logs",
                     .number = 19,
                     .section = &kLogs,
                     .doc = "How much of its output is kept",
                     .example = "{file_size: 64MiB}"}),
};

constexpr Key kApplicationKeys[] = {
    row<&Application::name>({.name = "application",
                             .number = 1,
                             .form = &forms::kLabel,
                             .required = true,
                             .doc = "Its name. Several files, or documents of one file, may name "
                                    "the same application: together they are it",
                             .example = "shop"}),
    row<&Application::description>({.name = "description",
                                    .number = 2,
                                    .form = &forms::kLine,
                                    .doc = "What it is, for people",
                                    .example = "sells things"}),
    row<&Application::version>({.name = "version",
                                .number = 3,
                                .form = &forms::kLine,
                                .doc = "For people",
                                .example = "\"2.1\""}),
    {.name = "defaults",
     .section = &kService,
     .doc = "What the services of this document have as long as they say nothing else",
     .example = "{restart: {delay_max: 1m}}"},
    row<&Application::services>({.name = "services",
                                 .number = 4,
                                 .section = &kService,
                                 .effect = kPlaced,
                                 .doc = "What runs, by name",
                                 .example = "{front: {start: {command: ./front}}}"}),
    row<&Application::jobs>(
        {.name = "jobs",
         .number = 5,
         .section = &kJob,
         .doc = "What runs and ends, by name",
         .example = "{report: {schedule: \"@daily\", start: {command: ./report}}}"}),
    row<&Application::secrets>({.name = "secrets",
                                .number = 6,
                                .form = &forms::kLabel,
                                .doc = "Names of the secrets that it uses. Their values are set by "
                                       "`polis secret set` and stand in no file",
                                .example = "[db-password]"}),
};

}  // namespace

const Section kService = rows::named<Service>(
    &forms::kLabel, {.name = "Service",
                     .doc = "A program that runs all the time, in one or more instances",
                     .keys = kServiceKeys});
const Section kJob = rows::named<Job>(&forms::kLabel, {.name = "Job",
                                                       .doc = "A program that runs and ends",
                                                       .keys = kJobKeys,
                                                       .group_required = "when"});
const Section kApplication =
    rows::section<Application>({.name = "Application",
                                .doc = "Services and jobs that are released together",
                                .keys = kApplicationKeys});

std::vector<const Section*> all() {
  std::vector<const Section*> found{&kApplication};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const Key& key : found[i]->keys) {
      if (key.section != nullptr && std::ranges::find(found, key.section) == found.end())
        found.push_back(key.section);
    }
  }
  return found;
}

}  // namespace keys
}  // namespace polis::model
