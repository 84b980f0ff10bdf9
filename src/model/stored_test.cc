#include "model/stored.hh"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "api/polis/model.pb.h"
#include "base/random.hh"
#include "model/canonical.hh"
#include "model/check.hh"
#include "model/diff.hh"
#include "model/keys.hh"
#include "model/order.hh"
#include "model/parse.hh"
#include "model/schema.hh"

namespace polis::model {
namespace {

std::string file(const std::string& name) {
  std::ifstream in(std::string(POLIS_SOURCE_DIR) + "/" + name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Application parsed(const std::string& text) {
  Parsed found = parse(text, "f");
  for (const Problem& problem : found.problems) ADD_FAILURE() << to_string(problem) << "\n" << text;
  return found.applications.empty() ? Application{} : found.applications.front().application;
}

Application shop() { return parsed(file("examples/shop/shop.yaml")); }

// A value of each key, at random; most of them absent.
class Inventor {
 public:
  explicit Inventor(std::uint64_t seed) : random_(seed) {}

  void fill(const Section& section, void* object) {
    if (section.label != nullptr) *section.label(object) = "n" + std::to_string(++names_);
    for (const Key& key : section.keys) {
      if (key.member != nullptr && key.number != 0 && random_.chance(0.4)) this->key(key, object);
    }
  }

 private:
  std::string text() {
    static constexpr const char* kTexts[] = {
        "a",     "no",   "1e3", "\xc3\xa9 b",   "x\ny\n", "'\"\\", "- a: [b",
        " lead", "a\tb", "",    "\xe2\x80\xa8", "# c",    "\x07"};
    return kTexts[random_.below(std::size(kTexts))];
  }
  void key(const Key& key, void* object) {
    void* member = key.member(object);
    switch (key.shape()) {
      case Shape::kNumber: {
        const Form& form = *key.form;
        const auto last = form.kind == Form::Kind::kBool || form.kind == Form::Kind::kShare ? 1
                          : form.kind == Form::Kind::kChoice
                              ? static_cast<std::int64_t>(form.words.size()) - 1
                              : form.max;
        key.access->set_number(
            member, static_cast<std::int64_t>(random_.between(static_cast<std::uint64_t>(form.min),
                                                              static_cast<std::uint64_t>(last))));
        return;
      }
      case Shape::kText:
        *static_cast<std::string*>(member) = text();
        return;
      case Shape::kWords:
        for (auto n = random_.below(3); n > 0; --n) static_cast<Words*>(member)->push_back(text());
        return;
      case Shape::kPairs:
        for (auto n = random_.below(3); n > 0; --n)
          (*static_cast<Pairs*>(member))["k" + std::to_string(n)] = text();
        return;
      case Shape::kSection:
      case Shape::kOptional:
        return fill(*key.section, key.access->make(member));
      case Shape::kNamed:
        for (auto n = random_.below(3); n > 0; --n) fill(*key.section, key.access->add(member));
        return;
    }
  }

  Random random_;
  int names_ = 0;
};

Application invented(std::uint64_t seed) {
  Application application;
  Inventor(seed).fill(keys::kApplication, &application);
  return application;
}

TEST(Stored, every_value_comes_back_as_it_was) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Application application = invented(seed);
    const std::string bytes = encode(application);
    const auto back = decode(bytes);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_TRUE(*back == application) << "seed " << seed;
    EXPECT_EQ(encode(*back), bytes);
  }
}

TEST(Stored, protobuf_reads_the_bytes_and_writes_the_same) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const std::string bytes = encode(invented(seed));
    polis::model::v1::Application message;
    ASSERT_TRUE(message.ParseFromString(bytes));
    const auto back = decode(message.SerializeAsString());
    ASSERT_TRUE(back);
    EXPECT_EQ(encode(*back), bytes) << "seed " << seed;
  }
}

TEST(Stored, the_proto_file_is_that_of_the_table) {
  EXPECT_TRUE(file("api/polis/model.proto") == proto_text())
      << "run: polis schema --form proto > api/polis/model.proto";
}

TEST(Stored, the_page_has_the_table) {
  EXPECT_NE(file("docs/formats/application.md").find(reference_page()), std::string::npos)
      << "put what `polis schema --form markdown` prints at the end of docs/formats/application.md";
}

TEST(Stored, the_schema_beside_the_page_is_that_of_the_table) {
  EXPECT_TRUE(file("docs/application.schema.json") == json_schema())
      << "run: polis schema > docs/application.schema.json";
}

TEST(Stored, fields_of_a_later_release_survive_a_rewrite) {
  polis::model::v1::Application message;
  ASSERT_TRUE(message.ParseFromString(encode(shop())));
  for (auto& service : *message.mutable_services()) {
    service.GetReflection()->MutableUnknownFields(&service)->AddVarint(1000, 7);
    auto* start = service.mutable_start();
    start->GetReflection()->MutableUnknownFields(start)->AddLengthDelimited(999, "new");
    auto* unknown = start->GetReflection()->MutableUnknownFields(start);
    unknown->AddFixed32(998, 1);
    unknown->AddFixed64(997, 2);
  }
  const std::string bytes = message.SerializeAsString();
  auto known = decode(bytes);
  ASSERT_TRUE(known);
  known->description = "changed by this release";
  const std::string rewritten = encode(*known);
  polis::model::v1::Application again;
  ASSERT_TRUE(again.ParseFromString(rewritten));
  EXPECT_EQ(again.services(0).GetReflection()->GetUnknownFields(again.services(0)).field_count(),
            1);
  const auto& start = again.services(0).start();
  EXPECT_EQ(start.GetReflection()->GetUnknownFields(start).field_count(), 3);
  // Protobuf writes maps in any order, so its bytes are not compared.
  message.set_description("changed by this release");
  EXPECT_EQ(encode(decode(message.SerializeAsString()).value()), rewritten);
  EXPECT_FALSE(diff(shop(), *known).empty());
}

// Something of each section. Neither the text nor the digest may change: releases that were stored
// long ago must mean the same.
constexpr const char* kGolden = R"(application: golden
version: "1"
secrets: [key]
services:
  a:
    tier: 0
    exclusive: true
    artifact:
      url: https://example.com/a
      digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    start: {command: "./a ${port.http} ${secret.key}", env: {B: 2, A: 1}, user: shop}
    appconfig: {http: /reload}
    healthcheck: {http: /, interval: 1500ms}
    ports: {http: dynamic, dns: {port: 53, protocol: udp}}
    resources: {cpu: 0.25, memory: 64MiB}
    places: {require: [label.disk = ssd], spread: place}
    config: {values: {k: v}, files: {f: {content: "x\n", mode: "0600"}}}
    volumes: {data: {path: /d, size: 1GB}}
    labels: {team: x}
  b:
    image: redis
    per_machine: true
    healthcheck: {tcp: p}
    ports: {p: 1}
    depends_on: {a: {kind: optional, without: nothing}}
    update: {max_unavailable: 25%}
  c: {start: c, healthcheck: {grpc: {}}, ports: [g], stop: {command: d}}
jobs:
  j: {schedule: "@daily", start: j, time_zone: Europe/Berlin}
)";

TEST(Stored, the_digest_of_an_application_is_what_it_always_was) {
  const Application golden = parsed(kGolden);
  const auto sealed = seal(golden);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->digest,
            "sha256:37b54608847ba12d077f414147d0bac43d84677ef8e014c82d7fa1cebbf6d48d");
  EXPECT_EQ(sealed->bytes, encode(golden));
}

TEST(Stored, the_example_is_right_and_starts_from_the_bottom) {
  Parsed found = parse(file("examples/shop/shop.yaml"), "shop.yaml");
  ASSERT_TRUE(found.ok());
  const auto& [application, positions] = found.applications.front();
  for (const Problem& problem : check(application, positions))
    ADD_FAILURE() << to_string(problem) << ": an example has not even notes";
  EXPECT_EQ(start_order(application).levels,
            (std::vector<std::vector<std::string>>{
                {"prepare-stock"}, {"stock"}, {"checkout", "reports"}, {"front"}}));
}

TEST(Stored, bytes_that_are_none_are_refused_with_the_field) {
  EXPECT_EQ(decode("\x0a\x05"
                   "ab")
                .error()
                .text,
            "stored application: field 1 of Application: ends early, or is none");
  EXPECT_EQ(decode("\x08\x01").error().text,
            "stored application: field 1 of Application: has another type");
  EXPECT_EQ(decode("\x0a\x01\xff").error().text,
            "stored application: field 1 of Application: is no UTF-8");
  EXPECT_EQ(decode(std::string(kStoredMax + 1, '\0')).error().code, ErrorCode::kCorrupt);
  std::string many;
  for (std::size_t i = 0; i <= kNamedMax; ++i) many += std::string("\x22\0", 2);
  EXPECT_EQ(decode(many).error().text,
            "stored application: field 4 of Application: there are too many");
  Random random(7);
  const std::string good = encode(shop());
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good.substr(0, random.below(good.size() + 1));
    for (auto n = random.below(4); n > 0 && !bytes.empty(); --n)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const auto any = decode(bytes);
    EXPECT_TRUE(!any || decode(encode(*any)) == *any);
  }
}

TEST(Stored, an_application_that_is_too_large_or_not_complete_is_not_sealed) {
  Application application{.name = "x"};
  application.services.push_back({.name = "a"});
  Config& config = application.services[0].config;
  config.files.push_back({.name = "f", .from = "./f"});
  EXPECT_EQ(seal(application).error().text,
            "application x: the configuration file './f' has not been read");
  config.files[0].from.clear();
  for (int i = 0; i < 5; ++i)
    config.files.push_back(
        {.name = "g" + std::to_string(i), .content = std::string(kContentMax, 'x')});
  EXPECT_NE(seal(application).error().text.find("takes 1310"), std::string::npos)
      << seal(application).error().text;
}

TEST(Stored, a_part_can_be_stored_alone) {
  const Service service = shop().services.front();
  EXPECT_EQ(decode_service(encode(service)), service);
}

TEST(Canonical, a_file_of_an_application_is_that_application) {
  for (const Detail detail : {Detail::kFull, Detail::kShort}) {
    const std::string text = to_yaml(shop(), detail);
    EXPECT_TRUE(parsed(text) == shop()) << text;
    EXPECT_EQ(to_yaml(parsed(text), detail), text);
  }
  EXPECT_LT(to_yaml(shop(), Detail::kShort).size(), to_yaml(shop(), Detail::kFull).size() / 2);
}

TEST(Canonical, every_text_is_written_so_that_it_is_read_as_the_same) {
  const char* texts[] = {"",
                         "a",
                         "no",
                         "~",
                         "null",
                         "1",
                         "-",
                         "- a",
                         "a: b",
                         "a #b",
                         "'",
                         "\"",
                         "\\",
                         "x\ny\n",
                         "x\n\ny\n",
                         "x\n",
                         "\nx\n",
                         "x\n\n",
                         " x\n",
                         "x\n  y\n",
                         "x\n \n",
                         "a\tb",
                         "\xc3\xa9\n",
                         "\xc2\x85",
                         "\xe2\x80\xa8",
                         "\xef\xbb\xbf",
                         "\x01",
                         "\x7f",
                         "%a",
                         "@a",
                         "&a",
                         "*a",
                         "!a",
                         "|",
                         ">",
                         "{}",
                         "[]",
                         "?",
                         ": ",
                         "x\r\ny\n",
                         "---\n",
                         "x\n---\ny\n",
                         "x\n...\n",
                         "\xf0\x9f\x98\x80",
                         "trailing \n",
                         "# x\ny\n"};
  for (const char* text : texts) {
    Application application = parsed(
        "application: x\nservices: {a: {start: [b], config: {files: {f: {content: \"\", render: "
        "false}}}}}\n");
    Service& service = application.services[0];
    service.config.files[0].content = text;
    service.start.command = {text, "b"};
    service.start.env["A"] = text;
    EXPECT_TRUE(parsed(to_yaml(application, Detail::kShort)) == application)
        << to_yaml(application, Detail::kShort);
  }
}

Application with(const std::string& keys, const std::string& more = "") {
  return parsed(
      "application: x\nservices:\n  a: {start: [./a, \"${config.k}\"], config: {values: {k: v, l: "
      "w}, files: {f: old}}, appconfig: {signal: HUP}}\n  b: {" +
      keys + "}\n" + more);
}

std::string changes(const std::string& before, const std::string& after) {
  return to_text(diff(with(before), with(after)));
}

TEST(Diff, equal_applications_have_none) {
  EXPECT_TRUE(diff(shop(), shop()).empty());
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    EXPECT_TRUE(diff(invented(seed), invented(seed)).empty());
    EXPECT_FALSE(diff(invented(seed), invented(seed + 1)).empty());
  }
}

TEST(Diff, each_change_is_said_with_what_it_asks_for) {
  EXPECT_EQ(changes("start: ./b, tier: 2, instances: 1", "start: [./b, -v], tier: 1, instances: 3"),
            "~ services.b.tier: 2 -> 1 (placement)\n"
            "~ services.b.instances: 1 -> 3 (placement)\n"
            "~ services.b.start.command: [./b] -> [./b, \"-v\"] (restart)\n");
  EXPECT_EQ(
      changes("start: {command: b, env: {A: 1, B: 2}}", "start: {command: b, env: {B: 3, C: 4}}"),
      "- services.b.start.env.A: \"1\" (restart)\n"
      "~ services.b.start.env.B: \"2\" -> \"3\" (restart)\n"
      "+ services.b.start.env.C: \"4\" (restart)\n");
  EXPECT_EQ(changes("start: b, ports: {p: 80}",
                    "start: b, ports: {p: 80, q: 81}, healthcheck: {tcp: p}, restart: {delay: 1s}"),
            "+ services.b.healthcheck\n"
            "+ services.b.ports.q (restart)\n"
            "~ services.b.restart.delay: 200ms -> 1s\n");
}

TEST(Diff, services_come_and_go) {
  Application fewer = with("start: b");
  fewer.services.pop_back();
  EXPECT_EQ(to_text(diff(fewer, with("start: b"))), "+ services.b (placement)\n");
  EXPECT_EQ(to_text(diff(with("start: b"), fewer)), "- services.b (placement)\n");
  EXPECT_EQ(effects(diff(with("start: b"), fewer)),
            (std::map<std::string, Effect>{{"b", Effect::kPlacement}}));
}

TEST(Diff, a_changed_configuration_asks_for_what_its_interface_says) {
  Application before = with("start: b"), after = before;
  after.services[0].config.values["l"] = "other";
  after.services[0].config.files[0].content = "new";
  EXPECT_EQ(to_text(diff(before, after)),
            "~ services.a.config.values.l: w -> other (reconfigure)\n"
            "~ services.a.config.files.f.content: old -> new (reconfigure)\n");
  after = before;
  after.services[0].config.values["k"] = "other";
  EXPECT_EQ(to_text(diff(before, after)), "~ services.a.config.values.k: v -> other (restart)\n")
      << "its command names the value, and only a start reads that";
  before.services[0].appconfig = after.services[0].appconfig = {.restart = true};
  after.services[0].config.values = {{"k", "v"}};
  EXPECT_EQ(to_text(diff(before, after)), "- services.a.config.values.l: w (restart)\n");
}

TEST(Diff, a_job_s_changes_ask_nothing_of_what_runs) {
  const std::string job = "jobs: {j: {schedule: \"@daily\", start: ";
  EXPECT_EQ(to_text(diff(with("start: b", job + "c}}\n"), with("start: b", job + "d}}\n"))),
            "~ jobs.j.start.command: [c] -> [d]\n");
}

}  // namespace
}  // namespace polis::model
