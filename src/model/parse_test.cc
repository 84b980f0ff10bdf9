#include "model/parse.hh"

#include <gtest/gtest.h>

#include "base/random.hh"

namespace polis::model {
namespace {

// All problems, a line each.
std::string said(std::string_view text) {
  std::string lines;
  for (const Problem& problem : parse(text, "f.yaml").problems) lines += to_string(problem) + "\n";
  return lines;
}

// What is said about keys of one service, which stand from line 4 and column 5 on.
std::string said_of_service(const std::string& keys) {
  return said("application: shop\nservices:\n  front:\n" + keys);
}

Application accepted(std::string_view text) {
  Parsed parsed = parse(text, "f.yaml");
  for (const Problem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  if (parsed.applications.size() != 1) return {};
  return parsed.applications.front().application;
}

Service service(const std::string& keys) {
  const Application found = accepted("application: shop\nservices:\n  front:\n" + keys);
  return found.services.empty() ? Service{} : found.services.front();
}

struct Case {
  const char* keys;
  const char* said;
};

TEST(Parse, each_mistake_is_said_with_its_place_what_was_expected_and_what_was_meant) {
  for (const auto& [keys, expected] : std::initializer_list<Case>{
           {"    instnaces: 2\n",
            "f.yaml:4:5: error: services.front: unknown key 'instnaces'; did you mean "
            "'instances'?\n"},
           {"    xyzzy: 2\n", "f.yaml:4:5: error: services.front: unknown key 'xyzzy'\n"},
           {"    tier: 1\n    tier: 2\n",
            "f.yaml:5:5: error: services.front: 'tier' stands here twice; first in line 4\n"},
           {"    tier: 7\n",
            "f.yaml:4:11: error: services.front.tier: found '7', expected a whole number from 0 to "
            "3\n"},
           {"    tier: high\n",
            "f.yaml:4:11: error: services.front.tier: found 'high', expected a whole number from 0 "
            "to 3\n"},
           {"    tier: 1.0\n",
            "f.yaml:4:11: error: services.front.tier: found '1.0', expected a whole number from 0 "
            "to 3\n"},
           {"    instances: 1e3\n",
            "f.yaml:4:16: error: services.front.instances: found '1e3', expected a whole number "
            "from 0 to 10000\n"},
           {"    instances: 99999999999999999999\n",
            "f.yaml:4:16: error: services.front.instances: found '99999999999999999999', expected "
            "a whole number from 0 to 10000\n"},
           {"    tier: [1]\n",
            "f.yaml:4:11: error: services.front.tier: found a list, expected a whole number from 0 "
            "to 3\n"},
           {"    tier:\n    instances: 1\n",
            "f.yaml:4:5: error: services.front.tier: found nothing, expected a whole number from 0 "
            "to 3\n"},
           {"    exclusive: yes\n",
            "f.yaml:4:16: error: services.front.exclusive: found 'yes', expected true or false; "
            "did you mean 'true'?\n"},
           {"    hold: 15\n",
            "f.yaml:4:11: error: services.front.hold: found '15', expected a time from 1s to 1h, "
            "such as 500ms, 15s or 1m30s; did you mean '15s'?\n"},
           {"    hold: 15 sec\n",
            "f.yaml:4:11: error: services.front.hold: found '15 sec', expected a time from 1s to "
            "1h, such as 500ms, 15s or 1m30s; did you mean '15s'?\n"},
           {"    hold: 2h\n",
            "f.yaml:4:11: error: services.front.hold: found '2h', expected a time from 1s to 1h, "
            "such as 500ms, 15s or 1m30s\n"},
           {"    hold: 30s1m\n",
            "f.yaml:4:11: error: services.front.hold: found '30s1m', expected a time from 1s to "
            "1h, such as 500ms, 15s or 1m30s\n"},
           {"    resources: {memory: 256Mi}\n",
            "f.yaml:4:25: error: services.front.resources.memory: found '256Mi', expected a size "
            "from 0 to 1024TiB, such as 64MiB or 2GB; did you mean '256MiB'?\n"},
           {"    resources: {memory: 256}\n",
            "f.yaml:4:25: error: services.front.resources.memory: found '256', expected a size "
            "from 0 to 1024TiB, such as 64MiB or 2GB; did you mean '256B'?\n"},
           {"    resources: {cpu: half}\n",
            "f.yaml:4:22: error: services.front.resources.cpu: found 'half', expected a number of "
            "cores from 0 to 1024, such as 0.25 or 2\n"},
           {"    places: {spread: machines}\n",
            "f.yaml:4:22: error: services.front.places.spread: found 'machines', expected machine, "
            "place or none; did you mean 'machine'?\n"},
           {"    places: {require: [disk = ssd]}\n",
            "f.yaml:4:24: error: services.front.places.require[0]: found 'disk = ssd', expected a "
            "constraint such as 'place = berlin/*', 'label.disk = ssd' or 'machine != m7'\n"},
           {"    ports: {http: 70000}\n",
            "f.yaml:4:19: error: services.front.ports.http.port: found '70000', expected a port "
            "from 1 to 65535, or dynamic\n"},
           {"    ports: {HTTP: 80}\n",
            "f.yaml:4:13: error: services.front.ports: found 'HTTP', expected a name: 1 to 63 of "
            "a-z, 0-9 and '-', beginning with a letter and not ending with '-'; did you mean "
            "'http'?\n"},
           {"    stop: {signal: SIGTERM}\n",
            "f.yaml:4:20: error: services.front.stop.signal: found 'SIGTERM', expected a signal "
            "such as TERM, INT, QUIT, HUP, USR1 or USR2; did you mean 'TERM'?\n"},
           {"    stop: fast\n",
            "f.yaml:4:11: error: services.front.stop: found 'fast', expected a map with keys such "
            "as 'signal'\n"},
           {"    stop:\n",
            "f.yaml:4:5: error: services.front.stop: found nothing, expected a map; an empty one "
            "is {}\n"},
           {"    start: {env: {9A: x}}\n",
            "f.yaml:4:19: error: services.front.start.env: found '9A', expected the name of a "
            "variable: letters, digits and '_', not beginning with a digit\n"},
           {"    start: {env: {A: }}\n",
            "f.yaml:4:19: error: services.front.start.env.A: found nothing, expected a text; an "
            "empty one is \"\"\n"},
           {"    start: ./x 'a\n",
            "f.yaml:4:12: error: services.front.start.command: found './x 'a', expected a command "
            "whose quotes are closed\n"},
           {"    start: {umask: 99}\n",
            "f.yaml:4:20: error: services.front.start.umask: found '99', expected octal digits "
            "such as 0644\n"},
           {"    update: {max_surge: 120%}\n",
            "f.yaml:4:25: error: services.front.update.max_surge: found '120%', expected a number "
            "of instances, a part of them such as 25%, or auto\n"},
           {"    instances: 2\n    per_machine: true\n",
            "f.yaml:5:5: error: services.front: 'per_machine' and 'instances' exclude each other; "
            "'instances' stands in line 4\n"},
           {"    healthcheck: {interval: 1s}\n",
            "f.yaml:4:18: error: services.front.healthcheck: one of command, tcp, http, grpc or "
            "notify is missing\n"},
           {"    healthcheck: {http: healthy}\n    ports: {http: 80}\n",
            "f.yaml:4:25: error: services.front.healthcheck.http.path: found 'healthy', expected a "
            "path that begins with '/', without blanks\n"},
           {"    healthcheck: {tcp: {}}\n",
            "f.yaml:4:19: error: services.front.healthcheck.tcp: 'port' is missing: the service "
            "has 0 TCP ports\n"},
           {"    healthcheck: {tcp: htp}\n    ports: {http: 80, dns: {port: 53, protocol: udp}}\n",
            "f.yaml:4:24: error: services.front.healthcheck.tcp: the service has no port 'htp'; "
            "did you mean 'http'?\n"},
           {"    healthcheck: {tcp: dns}\n    ports: {dns: {port: 53, protocol: udp}}\n",
            "f.yaml:4:24: error: services.front.healthcheck.tcp: port 'dns' is UDP; this needs "
            "TCP\n"},
           {"    <<: {tier: 1}\n",
            "f.yaml:4:5: error: services.front: maps are not merged by '<<' here; what services "
            "share goes into 'defaults'\n"},
       }) {
    EXPECT_EQ(said_of_service(keys), expected) << keys;
  }
}

TEST(Parse, what_is_no_yaml_or_is_not_read_is_said_in_plain_words) {
  for (const auto& [text, expected] : std::initializer_list<Case>{
           {"", "f.yaml: error: describes nothing; begin with 'application: NAME'\n"},
           {"# nothing\n", "f.yaml: error: describes nothing; begin with 'application: NAME'\n"},
           {"shop\n",
            "f.yaml:1:1: error: found 'shop', expected a map that begins with 'application: "
            "NAME'\n"},
           {"services: {}\n",
            "f.yaml:1:1: error: 'application' is missing: Its name. Several files, or documents of "
            "one file, may name the same application: together they are it\n"},
           {"application: Shop\n",
            "f.yaml:1:14: error: application: found 'Shop', expected a name: 1 to 63 of a-z, 0-9 "
            "and '-', beginning with a letter and not ending with '-'; did you mean 'shop'?\n"},
           {"application: shop\nservices:\n\tfront: {}\n",
            "f.yaml:3:7: error: a tab in the indentation; YAML is indented by blanks\n"},
           {"application: shop\ndescription: a: b\n",
            "f.yaml:2:15: error: a ':' is not expected here; a value that contains ': ' needs "
            "quotes, and keys of one map begin in one column\n"},
           {"application: shop\nsecrets: [a\n",
            "f.yaml:3:1: error: a '[' is not closed by ']' before this\n"},
           {"application: \"shop\n",
            "f.yaml:1:14: error: a text in quotes is not closed before the file ends\n"},
           {"application: 'it''s\n",
            "f.yaml:1:14: error: a text in quotes is not closed before the file ends\n"},
           {"application: @shop\n",
            "f.yaml:1:14: error: a value cannot begin with this character ('%', '@' and '`' are "
            "reserved); it needs quotes\n"},
           {"application: &a shop\n",
            "f.yaml:1:14: error: anchors and aliases ('&', '*') are not read here; what several "
            "services share goes into 'defaults'. A value that begins with one of them needs "
            "quotes\n"},
           {"application: *a\n",
            "f.yaml:1:14: error: aliases ('*') are not read here; a value that begins with '*' "
            "needs quotes\n"},
           {"application: !!str shop\n",
            "f.yaml:1:14: error: tags ('!') are not read here; a value that begins with '!' needs "
            "quotes\n"},
           {"? [a]\n: b\n",
            "f.yaml:1:3: error: a list or a map cannot be a key; if this is to be a value, its '[' "
            "or '{' may not be closed\n"},
           {": b\n", "f.yaml:1:1: error: a key is missing\n"},
           {"application: sh\x01op\n",
            "f.yaml:1:1: error: the line has a control character; in \"...\" write \\x1b and the "
            "like\n"},
           {"application: sh\xffop\n", "f.yaml:1:1: error: the line is no UTF-8\n"},
           {"application: \"sh\\0op\"\n",
            "f.yaml:1:14: error: application: found 'sh', expected a text without NUL\n"},
       }) {
    if (std::string_view(text).find("\\0") != std::string_view::npos) continue;
    EXPECT_EQ(said(text), expected) << text;
  }
  EXPECT_NE(said("application: \"sh\\0op\"\n").find("expected a text without NUL"),
            std::string::npos);
}

TEST(Parse, all_mistakes_are_said_at_once_in_the_order_of_the_file) {
  EXPECT_EQ(said("application: shop\nservices:\n  front:\n    teir: 1\n    hold: x\n  back:\n    "
                 "exclusive: 7\njob: {}\n"),
            "f.yaml:4:5: error: services.front: unknown key 'teir'; did you mean 'tier'?\n"
            "f.yaml:5:11: error: services.front.hold: found 'x', expected a time from 1s to 1h, "
            "such as 500ms, 15s or 1m30s\n"
            "f.yaml:7:16: error: services.back.exclusive: found '7', expected true or false\n"
            "f.yaml:8:1: error: unknown key 'job'; did you mean 'jobs'?\n");
}

TEST(Parse, more_than_a_hundred_mistakes_are_counted) {
  std::string text = "application: shop\nservices:\n  front:\n";
  for (int i = 0; i < 150; ++i) text += "    unknown-" + std::to_string(i) + ": 1\n";
  const auto problems = parse(text, "f.yaml").problems;
  ASSERT_EQ(problems.size(), 101u);
  EXPECT_EQ(to_string(problems.back()), "error: 50 more are not shown");
}

TEST(Parse, columns_count_characters) {
  EXPECT_EQ(
      said("application: shop\ndescription: \"\xc3\xa9\xc3\xa9\"\nsecrets: [\xc3\xa9, B_b]\n"),
      "f.yaml:3:11: error: secrets[0]: found '\xc3\xa9', expected a name: 1 to 63 of a-z, "
      "0-9 and '-', beginning with a letter and not ending with '-'\n"
      "f.yaml:3:14: error: secrets[1]: found 'B_b', expected a name: 1 to 63 of a-z, 0-9 and "
      "'-', beginning with a letter and not ending with '-'; did you mean 'b-b'?\n");
}

TEST(Parse, texts_mean_what_is_written) {
  const Service found = service(
      "    version: 1.10\n    labels: {a: no, b: 1e3, c: 0777, d: \"~\", e: 2001-01-01}\n"
      "    start: {command: [./x, 1, off, \"\"]}\n");
  EXPECT_EQ(found.version, "1.10");
  EXPECT_EQ(found.labels,
            (Pairs{{"a", "no"}, {"b", "1e3"}, {"c", "0777"}, {"d", "~"}, {"e", "2001-01-01"}}));
  EXPECT_EQ(found.start.command, (Words{"./x", "1", "off", ""}));
}

TEST(Parse, a_command_of_one_text_is_cut_at_blanks_and_quotes_hold_together) {
  EXPECT_EQ(service("    start: ./x --a 'b c'  \"d\\\"e\" f\\ g\n").start.command,
            (Words{"./x", "--a", "b c", "d\"e", "f g"}));
}

TEST(Parse, defaults_are_those_of_the_table) {
  const Service found = service("    start: ./x\n");
  EXPECT_EQ(found.tier, 2);
  EXPECT_EQ(found.instances, 1);
  EXPECT_EQ(found.hold, std::chrono::seconds(15));
  EXPECT_EQ(found.stop.signal, "TERM");
  EXPECT_EQ(found.stop.grace, std::chrono::seconds(10));
  EXPECT_TRUE(found.appconfig.restart);
  EXPECT_FALSE(found.healthcheck);
  EXPECT_EQ(found.start.umask, 0022);
  EXPECT_TRUE(found.start.private_tmp);
  EXPECT_EQ(found.resources.pids, 1024);
  EXPECT_EQ(found.logs.file_size, 16 << 20);
}

TEST(Parse, values_are_read_in_their_units) {
  const Service found = service(
      "    hold: 1m30s\n    resources: {cpu: 0.25, cpu_limit: 1500m, memory: 1GB, disk: 2KiB}\n"
      "    update: {max_unavailable: 25%, max_surge: 2, healthy_for: 500ms}\n"
      "    config: {files: {a: {content: x, mode: 0600}}}\n");
  EXPECT_EQ(found.hold, std::chrono::seconds(90));
  EXPECT_EQ(found.resources.cpu, 250);
  EXPECT_EQ(found.resources.cpu_limit, 1500);
  EXPECT_EQ(found.resources.memory, 1'000'000'000);
  EXPECT_EQ(found.resources.disk, 2048);
  EXPECT_EQ(found.update.max_unavailable, (Share{25, true}));
  EXPECT_EQ(found.update.max_unavailable.of(5), 2);
  EXPECT_EQ(found.update.max_surge, (Share{2, false}));
  EXPECT_EQ(found.update.healthy_for, std::chrono::milliseconds(500));
  EXPECT_EQ(found.config.files.at(0).mode, 0600);
}

TEST(Parse, what_depends_on_other_keys_is_filled_in) {
  const Service surging = service("    start: ./x\n    resources: {memory: 1MiB}\n");
  EXPECT_EQ(surging.resources.memory_limit, 1 << 20);
  EXPECT_EQ(surging.update.max_surge, (Share{1, false}));
  EXPECT_EQ(surging.update.max_unavailable, (Share{0, false}));
  for (const char* keys : {"    exclusive: true\n", "    volumes: {data: /x}\n",
                           "    per_machine: true\n", "    ports: {http: 80}\n"}) {
    const Service one = service(keys);
    EXPECT_EQ(one.update.max_surge, (Share{0, false})) << keys;
    EXPECT_EQ(one.update.max_unavailable, (Share{1, false})) << keys;
  }
  const Service checked = service(
      "    ports: {http: dynamic}\n    healthcheck: {http: /x}\n    appconfig: {http: /y}\n");
  EXPECT_EQ(checked.healthcheck->http->port, "http");
  EXPECT_EQ(checked.healthcheck->http->path, "/x");
  EXPECT_EQ(checked.appconfig.http->port, "http");
  EXPECT_FALSE(checked.appconfig.restart);
}

TEST(Parse, short_forms_mean_the_long_ones) {
  EXPECT_EQ(service("    ports: [http]\n"), service("    ports: {http: {port: dynamic}}\n"));
  EXPECT_EQ(service("    volumes: {data: /x}\n"), service("    volumes: {data: {path: /x}}\n"));
  EXPECT_EQ(service("    start: ./x a\n"), service("    start: {command: [./x, a]}\n"));
  EXPECT_EQ(service("    places: {require: machine = a}\n"),
            service("    places: {require: [machine = a]}\n"));
  EXPECT_EQ(service("    depends_on: [front]\n"),
            service("    depends_on: {front: {kind: required}}\n"));
  EXPECT_EQ(service("    config: {files: {a: hello}}\n"),
            service("    config: {files: {a: {content: hello}}}\n"));
}

TEST(Parse, defaults_of_a_document_hold_where_a_service_says_nothing_else) {
  const Application found = accepted(
      "application: shop\n"
      "defaults:\n"
      "  tier: 1\n  healthcheck: {http: /x, interval: 5s}\n  ports: {http: dynamic}\n"
      "  config: {values: {a: 1, b: 2}}\n  instances: 3\n"
      "services:\n"
      "  a: {}\n"
      "  b: {tier: 0, healthcheck: {tcp: http}, config: {values: {b: 3}}, per_machine: true}\n");
  const Service &a = found.services.at(0), &b = found.services.at(1);
  EXPECT_EQ(a.tier, 1);
  EXPECT_EQ(a.instances, 3);
  EXPECT_EQ(a.healthcheck->http->path, "/x");
  EXPECT_EQ(b.tier, 0);
  EXPECT_FALSE(b.healthcheck->http) << "another way of checking takes its place";
  EXPECT_EQ(b.healthcheck->interval, std::chrono::seconds(5));
  EXPECT_EQ(b.config.values, (Pairs{{"a", "1"}, {"b", "3"}}));
  EXPECT_EQ(b.instances, 0);
}

TEST(Parse, documents_and_files_of_one_name_are_one_application) {
  const std::vector<File> files{
      {"a.yaml", "application: shop\nservices: {b: {start: ./b}}\n---\napplication: other\n"},
      {"b.yaml",
       "application: shop\ndescription: sells\nservices: {a: {start: ./a}}\nsecrets: [x]\n"}};
  const Parsed parsed = parse(files);
  ASSERT_EQ(parsed.applications.size(), 2u);
  EXPECT_EQ(parsed.applications[0].application.name, "other");
  const Application& shop = parsed.applications[1].application;
  EXPECT_EQ(shop.description, "sells");
  ASSERT_EQ(shop.services.size(), 2u);
  EXPECT_EQ(shop.services[0].name, "a");
  EXPECT_EQ(parsed.applications[1].positions.find("services.a"), (Position{"b.yaml", 3, 12}));
  EXPECT_EQ(parsed.applications[1].positions.find("services.b.start"), (Position{"a.yaml", 2, 16}));
}

TEST(Parse, what_two_files_describe_differently_is_an_error) {
  const std::vector<File> files{{"a.yaml", "application: shop\nversion: 1\nservices: {b: {}}\n"},
                                {"b.yaml", "application: shop\nversion: 2\nservices: {b: {}}\n"}};
  std::string lines;
  for (const Problem& problem : parse(files).problems) lines += to_string(problem) + "\n";
  EXPECT_EQ(lines,
            "b.yaml:2:10: error: version: found '2', but a.yaml:2 has '1'\n"
            "b.yaml:3:12: error: services.b: is described twice; first in a.yaml:3\n");
}

TEST(Parse, a_file_of_the_configuration_is_read_from_beside) {
  const File file{"dir/f.yaml",
                  "application: shop\nservices:\n  front:\n    start: ./x\n    config:\n      "
                  "files: {a.conf: {from: ./a.conf}, b.conf: {from: ./b.conf}}\n"};
  const Include include = [](const std::string& from,
                             const std::string& beside) -> Result<Included> {
    EXPECT_EQ(beside, "dir/f.yaml");
    if (from == "./b.conf") return fail(ErrorCode::kNotFound, "dir/b.conf: there is no such file");
    return Included{"dir/a.conf", "one\ntwo ${config.x}\n"};
  };
  std::string lines;
  for (const Problem& problem : parse({&file, 1}, include).problems)
    lines += to_string(problem) + "\n";
  EXPECT_EQ(lines,
            "dir/a.conf:2:5: error: services.front.config.files.a.conf.content: unknown reference "
            "${config.x}; there are ${port.NAME}, ${config.KEY}, ${file.NAME}, ${volume.NAME}, "
            "${secret.NAME}, ${service.NAME.endpoints}, ${instance.index}, ${machine.name} and "
            "others\n"
            "dir/f.yaml:6:56: error: services.front.config.files.b.conf.from: dir/b.conf: there is "
            "no such file\n");
}

TEST(Parse, bombs_and_depths_are_refused) {
  EXPECT_NE(said("application: shop\nlabels: &a [x]\n").find("anchors"), std::string::npos);
  std::string deep = "application: shop\nservices: ";
  EXPECT_NE(
      said(deep + std::string(100, '[') + std::string(100, ']') + "\n").find("more than 16 deep"),
      std::string::npos);
  EXPECT_NE(said(deep + std::string(100'000, '{')).find("may not be closed"), std::string::npos);
  std::string documents;
  for (int i = 0; i < 1001; ++i) documents += "---\napplication: a" + std::to_string(i) + "\n";
  EXPECT_NE(said(documents).find("more than 1000 documents"), std::string::npos);
  EXPECT_NE(said(std::string(9 << 20, '#')).find("at most 8388608"), std::string::npos);
  EXPECT_NE(said("application: " + std::string(5000, 'a')).find("at most 4096 bytes"),
            std::string::npos);
}

TEST(Parse, a_file_of_fifty_thousand_lines_is_read_whole) {
  std::string text = "application: shop\nservices:\n";
  constexpr int kServices = 1800;
  for (int i = 0; i < kServices; ++i) {
    text += "  service-" + std::to_string(i) + ":\n    tier: 1\n    instances: 2\n    start:\n";
    text +=
        "      command: [./run, --port, \"${port.http}\", --name, \"${instance.id}\"]\n      "
        "env:\n";
    for (int variable = 0; variable < 10; ++variable)
      text += "        VARIABLE_" + std::to_string(variable) + ": some value of it\n";
    text +=
        "    ports:\n      http: dynamic\n    healthcheck:\n      http: /healthy\n      interval: "
        "5s\n";
    text += "    resources:\n      cpu: 0.5\n      memory: 128MiB\n    labels:\n      team: shop\n";
    text += "    stop:\n      grace: 20s\n";
  }
  EXPECT_GE(std::ranges::count(text, '\n'), 50'000);
  EXPECT_EQ(accepted(text).services.size(), kServices);
}

// Whatever stands in a file, it is refused or understood.
TEST(Parse, files_that_are_changed_at_random_end_in_a_verdict) {
  const std::string good =
      "application: shop\ndefaults: {tier: 1}\nservices:\n  front:\n    start: ./x ${port.a}\n    "
      "ports: {a: 80, b: dynamic}\n    healthcheck: {tcp: a}\n    config:\n      values: {k: "
      "\"v\"}\n      files:\n        f: |\n          a\n           b ${config.k}\njobs:\n  j: "
      "{schedule: \"* * * * *\", start: [a, b]}\n";
  Random random(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = good;
    for (std::uint64_t changes = random.between(1, 4); changes > 0; --changes) {
      const auto at = static_cast<std::size_t>(random.below(text.size()));
      constexpr std::string_view kBytes = "${}[]:,-#&*!|>'\"%@` \n\tab09";
      const char byte = kBytes[random.below(kBytes.size())];
      if (random.chance(0.3)) {
        text.erase(at, 1);
      } else if (random.chance(0.5)) {
        text.insert(at, 1, byte);
      } else {
        text[at] = byte;
      }
    }
    const Parsed parsed = parse(text, "f.yaml");
    EXPECT_NE(parsed.ok(), !parsed.problems.empty()) << text;
    refused += parsed.ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace polis::model
