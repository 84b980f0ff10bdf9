#include "model/references.hh"

#include <gtest/gtest.h>

#include "model/parse.hh"

namespace polis::model {
namespace {

TEST(Render, values_take_the_place_of_references) {
  const Values values{{"port.http", "8080"}, {"config.a.b", "${port.http}"}, {"empty", ""}};
  EXPECT_EQ(render("", values), "");
  EXPECT_EQ(render("--port ${port.http}!", values), "--port 8080!");
  EXPECT_EQ(render("${port.http}${empty}${port.http}", values), "80808080");
  EXPECT_EQ(render("${config.a.b}", values), "${port.http}") << "what stands in a value is text";
}

TEST(Render, two_dollars_before_a_brace_stand_for_one_and_other_dollars_for_themselves) {
  EXPECT_EQ(render("$${port.http} $5 $ $$ $", {}), "${port.http} $5 $ $$ $");
  EXPECT_EQ(render("$$${x}", {{"x", "1"}}), "$${x}");
}

TEST(Render, what_has_no_value_or_is_not_closed_is_an_error) {
  EXPECT_EQ(render("a ${x} b", {}).error().text, "${x} has no value");
  EXPECT_EQ(render("a ${x b", {}).error().text,
            "'${x b' is not closed by '}'; write $${ for ${ itself");
  EXPECT_EQ(render("${x y}", {{"x y", "1"}}).error().text,
            "'${x y}' is no reference; write $${ for ${ itself");
  EXPECT_EQ(render("${a${b}}", {}).error().text,
            "'${a${b}' is no reference; write $${ for ${ itself");
}

TEST(Render, the_result_has_a_bound) {
  const Values values{{"big", std::string(1 << 20, 'x')}};
  std::string text;
  for (int i = 0; i < 100; ++i) text += "${big}";
  EXPECT_EQ(render(text, values).error().code, ErrorCode::kInvalid);
}

// What is said of one command.
std::string said(const std::string& command, const std::string& more = "") {
  const std::string text =
      "application: shop\nsecrets: [key]\nservices:\n  front:\n    start: [./x, '" + command +
      "']\n" +
      "    ports: {http: 80}\n    depends_on: [stock, bank/ledger]\n    volumes: {data: /d}\n" +
      "    config: {values: {level: a, log.file: b" + more + "}, files: {x.conf: \"\"}}\n" +
      "  stock: {ports: {api: 1, admin: 2}, start: y}\n  lone: {start: y}\n";
  std::string lines;
  for (const Problem& problem : parse(text, "f").problems) lines += to_string(problem) + "\n";
  return lines;
}

TEST(References, what_there_is_can_be_named) {
  for (const char* name :
       {"port.http", "config.level", "config.log.file", "file.x.conf", "volume.data", "secret.key",
        "service.stock.endpoints.api", "service.front.endpoints", "service.bank/ledger.endpoints",
        "service.bank/ledger.endpoints.sql", "instance.index", "instance.id", "instance.directory",
        "machine.name", "machine.place", "application.name"})
    EXPECT_EQ(said("${" + std::string(name) + "}"), "") << name;
  EXPECT_EQ(said("$${nothing} $x"), "");
}

TEST(References, what_there_is_not_is_said_with_the_nearest_name_at_its_place) {
  EXPECT_EQ(said("a ${port.htp}"),
            "f:5:21: error: services.front.start.command[1]: unknown reference ${port.htp}; did "
            "you mean '${port.http}'?\n");
  EXPECT_EQ(said("${config.levl} ${instance.idx}"),
            "f:5:19: error: services.front.start.command[1]: unknown reference ${config.levl}; did "
            "you mean '${config.level}'?\n"
            "f:5:34: error: services.front.start.command[1]: unknown reference ${instance.idx}; "
            "did you mean "
            "'${instance.id}' or '${instance.index}'?\n");
  EXPECT_EQ(said("${env.HOME}"),
            "f:5:19: error: services.front.start.command[1]: ${env.HOME} would differ from machine "
            "to machine; put the "
            "value into 'config' or 'secrets'\n");
  EXPECT_EQ(said("${service.lone.endpoints}"),
            "f:5:19: error: services.front.start.command[1]: ${service.lone.endpoints}: "
            "'depends_on' does not name "
            "service 'lone'\n");
  EXPECT_EQ(said("${service.stock.endpoints}"),
            "f:5:19: error: services.front.start.command[1]: ${service.stock.endpoints}: service "
            "'stock' has 2 ports; "
            "name one, such as ${service.stock.endpoints.admin}\n");
  EXPECT_EQ(said("${port.http"),
            "f:5:19: error: services.front.start.command[1]: '${port.http' is not closed by '}'; "
            "write $${ for ${ itself\n");
}

TEST(References, a_value_of_the_configuration_names_no_other_one) {
  EXPECT_EQ(said("", ", p: \"${port.http}\""), "");
  EXPECT_EQ(said("", ", p: \"${config.level}\""),
            "f:9:50: error: services.front.config.values.p: ${config.level}: a value of the "
            "configuration cannot name "
            "another one\n");
}

}  // namespace
}  // namespace polis::model
