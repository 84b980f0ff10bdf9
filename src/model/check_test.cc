#include "model/check.hh"

#include <gtest/gtest.h>

#include "model/order.hh"
#include "model/parse.hh"

namespace polis::model {
namespace {

enum class Said { kAll, kErrors };

std::string said(const std::string& services, Said which = Said::kErrors,
                 const std::string& more = "") {
  const Parsed parsed = parse("application: shop\n" + more + "services:\n" + services, "f");
  for (const Problem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  std::string lines;
  for (const auto& one : parsed.applications) {
    for (const Problem& problem : check(one.application, one.positions)) {
      if (which == Said::kAll || problem.severity == Severity::kError)
        lines += to_string(problem) + "\n";
    }
  }
  return lines;
}

// One service with these keys.
std::string said_of(const std::string& keys, Said which = Said::kErrors) {
  return said("  a: {start: ./a, " + keys + "}\n", which);
}

TEST(Check, a_required_dependency_on_a_less_critical_tier_is_refused_with_the_way) {
  EXPECT_EQ(said("  front: {tier: 0, start: x, depends_on: [middle]}\n"
                 "  middle: {tier: 0, start: x, depends_on: [reports]}\n"
                 "  reports: {tier: 3, start: x}\n"),
            "f:4:44: error: services.middle.depends_on.reports: requires a service that is less "
            "critical: middle (tier "
            "0) -> reports (tier 3); make the dependency optional, or give 'reports' tier 0\n");
  EXPECT_EQ(said("  front: {tier: 0, start: x, depends_on: [middle]}\n"
                 "  middle: {tier: 1, start: x, depends_on: [reports]}\n"
                 "  reports: {tier: 3, start: x}\n"),
            "f:3:43: error: services.front.depends_on.middle: requires a service that is less "
            "critical: front (tier 0) "
            "-> middle (tier 1); make the dependency optional, or give 'middle' tier 0\n"
            "f:4:44: error: services.middle.depends_on.reports: requires a service that is less "
            "critical: front (tier "
            "0) -> middle (tier 1) -> reports (tier 3); make the dependency optional, or give "
            "'reports' tier 1\n");
  EXPECT_EQ(
      said("  front: {tier: 0, start: x, depends_on: {reports: {kind: optional, without: less}}}\n"
           "  reports: {tier: 3, start: x}\n"),
      "");
}

TEST(Check, a_cycle_is_refused_with_the_cycle) {
  EXPECT_EQ(said("  b: {start: x, depends_on: [c]}\n  c: {start: x, depends_on: [a]}\n  a: {start: "
                 "x, depends_on: [b]}\n"
                 "  d: {start: x, depends_on: [a]}\n"),
            "f:5:3: error: services.a: needs itself, so nothing of this can start: a -> b -> c -> "
            "a; make one of these "
            "dependencies optional\n");
  EXPECT_EQ(said_of("depends_on: [a]"),
            "f:3:3: error: services.a: needs itself, so nothing of this can start: a -> a; make "
            "one of these "
            "dependencies optional\n");
  EXPECT_EQ(said("  b: {start: x, depends_on: [c]}\n  c: {start: x, depends_on: {b: {kind: "
                 "optional, without: y}}}\n"),
            "");
}

TEST(Check, a_job_that_needs_what_waits_for_it_is_a_cycle) {
  EXPECT_EQ(said("  stock: {start: x}\n", Said::kErrors,
                 "jobs: {migrate: {before_start: [stock], start: x, depends_on: [stock]}}\n"),
            "f:2:8: error: jobs.migrate: needs itself, so nothing of this can start: migrate -> "
            "stock -> migrate; make "
            "one of these dependencies optional\n");
}

TEST(Check, what_nobody_has_is_said_with_the_nearest_name) {
  EXPECT_EQ(said("  stock: {start: x}\n  a: {start: x, depends_on: [stok], places: {near: [stck], "
                 "apart_from: [a]}}\n"),
            "f:4:30: error: services.a.depends_on.stok: there is no service 'stok'; did you mean "
            "'stock'?\n"
            "f:4:53: error: services.a.places.near[0]: there is no service 'stck'; did you mean "
            "'stock'?\n"
            "f:4:73: error: services.a.places.apart_from[0]: names the service itself\n");
  EXPECT_EQ(
      said("  stock: {start: x}\n", Said::kErrors, "jobs: {j: {before_start: [stok], start: x}}\n"),
      "f:2:27: error: jobs.j.before_start[0]: there is no service 'stok'; did you mean 'stock'?\n");
}

TEST(Check, a_job_has_no_name_of_a_service) {
  EXPECT_EQ(said("  stock: {start: x}\n", Said::kErrors, "jobs: {stock: {once: true, start: x}}\n"),
            "f:2:8: error: jobs.stock: a service has this name, too\n");
}

TEST(Check, services_that_cannot_be_are_refused) {
  EXPECT_EQ(said("  a: {tier: 1}\n"),
            "f:3:3: error: services.a: 'start.command' is missing: what is to run?\n");
  EXPECT_EQ(said_of("exclusive: true, instances: 2"),
            "f:3:30: error: services.a.exclusive: an exclusive service has one instance, and this "
            "one has 2\n");
  EXPECT_EQ(said_of("exclusive: true, per_machine: true"),
            "f:3:30: error: services.a.exclusive: an exclusive service has one instance, and this "
            "one has one on each "
            "machine\n");
  EXPECT_EQ(said_of("per_machine: true, volumes: {d: /d}"),
            "f:3:38: error: services.a.volumes: a volume belongs to an index, and with "
            "'per_machine' there is none; use "
            "'instances'\n");
  EXPECT_EQ(said_of("exclusive: true, update: {max_surge: 1}"),
            "f:3:56: error: services.a.update.max_surge: must be 0: the service is exclusive, so "
            "no instance can run in "
            "addition\n");
  EXPECT_EQ(said_of("update: {max_surge: 0, max_unavailable: 0}"),
            "f:3:19: error: services.a.update: max_unavailable and max_surge are both 0, so no "
            "instance could ever be "
            "replaced\n");
  EXPECT_EQ(said_of("ports: {a: 80, b: {port: 80, protocol: udp}, c: 80}"),
            "f:3:64: error: services.a.ports.c: port 80 is also that of 'a'\n");
  EXPECT_EQ(said_of("volumes: {a: /d, b: /d}"),
            "f:3:36: error: services.a.volumes.b: '/d' is also the path of 'a'\n");
  EXPECT_EQ(said_of("restart: {delay: 2s, delay_max: 1s}"),
            "f:3:19: error: services.a.restart: 'delay' is longer than 'delay_max'\n");
  EXPECT_EQ(
      said_of("resources: {memory: 2MiB, memory_limit: 1MiB, cpu: 2, cpu_limit: 1}"),
      "f:3:59: error: services.a.resources.memory_limit: is less than 'memory', which is reserved\n"
      "f:3:84: error: services.a.resources.cpu_limit: is less than 'cpu', which is reserved\n");
  EXPECT_EQ(
      said_of("artifact: {url: \"https://example.com/a\"}"),
      "f:3:19: error: services.a.artifact: 'digest' is missing: what a URL gives may change\n");
}

TEST(Check, a_schedule_that_never_comes_is_refused) {
  EXPECT_EQ(
      said("  a: {start: x}\n", Said::kErrors, "jobs: {j: {schedule: 0 0 31 4 *, start: x}}\n"),
      "f:2:22: error: jobs.j.schedule: '0 0 31 4 *' never comes\n");
}

TEST(Check, what_is_allowed_and_may_surprise_is_a_note) {
  EXPECT_EQ(said("  a: {start: [./a, '|', b], tier: 0, depends_on: {other/b: required, c: "
                 "optional}, ports: {p: 80}, instances: 2}\n"
                 "  c: {image: redis, ports: {p: 80}, healthcheck: {tcp: {}}}\n",
                 Said::kAll, "secrets: [s]\n"),
            "f:2:1: note: secrets: nobody uses 's'\n"
            "f:4:3: note: services.a: has no healthcheck: it counts as healthy as long as its "
            "process runs, and a release "
            "of it as good\n"
            "f:4:3: note: services.a: reserves no memory (resources.memory), so nobody can tell "
            "whether all of tier 0 "
            "still fits when a machine is lost\n"
            "f:4:14: note: services.a.start.command: no shell reads this, so '|' is an argument "
            "like the others; write "
            "[sh, -c, \"...\"] if you want one\n"
            "f:4:51: note: services.a.depends_on.other/b: 'other/b' is of another application, and "
            "not known here\n"
            "f:4:70: note: services.a.depends_on.c: say in 'without' what happens without it\n"
            "f:4:92: note: services.a.ports.p: with the fixed port 80 each of the 2 instances "
            "needs a machine of its own; "
            "'dynamic' does not\n"
            "f:5:14: note: services.c.image: has no digest (@sha256:...), so it may change under "
            "its name\n"
            "f:5:29: note: services.c.ports.p: port 80 is also one of 'a': the two never run on "
            "one machine\n");
}

TEST(Check, without_positions_problems_have_paths) {
  Application application{.name = "x"};
  application.services.push_back({.name = "a"});
  const auto problems = check(application, {});
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(to_string(problems.front()),
            "error: services.a: 'start.command' is missing: what is to run?");
}

TEST(Check, a_tier_of_another_application_counts_where_it_is_known) {
  const Parsed parsed =
      parse("application: shop\nservices: {a: {tier: 0, start: x, depends_on: [bank/b]}}\n", "f");
  const auto problems = check(parsed.applications.at(0).application, {}, {{{"bank/b", 2}}});
  EXPECT_TRUE(std::ranges::any_of(problems, [](const Problem& problem) {
    return problem.text.find("a (tier 0) -> bank/b (tier 2)") != std::string::npos;
  }));
}

TEST(Check, large_graphs_are_looked_at_and_long_ways_are_shortened) {
  Application chain{.name = "x"};
  for (int i = 0; i < 2000; ++i) {
    Service service{.name = "s" + std::to_string(i), .tier = i == 1999 ? 3 : 0};
    service.start.command = {"x"};
    service.update.max_surge = {1, false};
    if (i < 1999) service.depends_on.push_back({.name = "s" + std::to_string(i + 1)});
    chain.services.push_back(std::move(service));
  }
  EXPECT_EQ(start_order(chain).levels.size(), 2000u);
  const auto text = [](const std::vector<Problem>& problems) {
    for (const Problem& problem : problems) {
      if (problem.severity == Severity::kError) return problem.text;
    }
    return std::string();
  };
  EXPECT_EQ(text(check(chain, {})).substr(0, 80),
            "requires a service that is less critical: s1998 (tier 0) -> s1999 (tier 3); make");
  chain.services.back().depends_on.push_back({.name = "s0"});
  chain.services.back().tier = 0;
  EXPECT_EQ(text(check(chain, {})),
            "needs itself, so nothing of this can start: s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> ... "
            "-> s1995 -> s1996 -> "
            "s1997 -> s1998 -> s1999 -> s0; make one of these dependencies optional");
}

TEST(StartOrder, has_levels_of_what_may_start_at_the_same_time) {
  const Parsed parsed = parse(
      "application: shop\nservices:\n  front: {start: x, depends_on: {checkout: required, reports: "
      "optional}}\n"
      "  checkout: {start: x, depends_on: [stock]}\n  stock: {start: x}\n  reports: {start: x}\n"
      "jobs:\n  migrate: {before_start: [stock], start: x}\n  nightly: {schedule: \"@daily\", "
      "start: x}\n",
      "f");
  const StartOrder order = start_order(parsed.applications.at(0).application);
  EXPECT_EQ(order.levels, (std::vector<std::vector<std::string>>{
                              {"migrate", "reports"}, {"stock"}, {"checkout"}, {"front"}}));
  EXPECT_TRUE(order.cycles.empty());
}

TEST(StartOrder, who_needs_a_cycle_is_in_none) {
  const Parsed parsed = parse(
      "application: x\nservices:\n  a: {start: x, depends_on: [b]}\n  b: {start: x, depends_on: "
      "[a]}\n"
      "  c: {start: x, depends_on: [a]}\n  d: {start: x, depends_on: [e]}\n  e: {start: x, "
      "depends_on: [d]}\n  f: {start: x}\n",
      "f");
  const StartOrder order = start_order(parsed.applications.at(0).application);
  EXPECT_EQ(order.cycles, (std::vector<std::vector<std::string>>{{"a", "b"}, {"d", "e"}}));
  EXPECT_EQ(order.levels, (std::vector<std::vector<std::string>>{{"f"}}));
}

}  // namespace
}  // namespace polis::model
