#include "model/order.hh"

#include <algorithm>
#include <map>
#include <set>

namespace polis::model {
namespace {

// Each name with what it waits for.
using Graph = std::map<std::string, std::set<std::string>>;

void add_required(Graph& graph, const std::string& name, const std::vector<Dependency>& uses) {
  for (const Dependency& use : uses) {
    if (use.kind == DependencyKind::kRequired && graph.contains(use.name))
      graph[name].insert(use.name);
  }
}

Graph graph_of(const Application& application) {
  Graph graph;
  for (const Service& service : application.services) graph[service.name];
  for (const Job& job : application.jobs) {
    if (!job.before_start.empty()) graph[job.name];
  }
  for (const Service& service : application.services)
    add_required(graph, service.name, service.depends_on);
  for (const Job& job : application.jobs) {
    if (job.before_start.empty()) continue;
    add_required(graph, job.name, job.depends_on);
    for (const std::string& service : job.before_start) {
      if (graph.contains(service)) graph[service].insert(job.name);
    }
  }
  return graph;
}

void remove(Graph& graph, const std::vector<std::string>& names) {
  for (const std::string& name : names) graph.erase(name);
  for (auto& [name, needs] : graph) {
    for (const std::string& gone : names) needs.erase(gone);
  }
}

// Level by level, as long as somebody waits for nobody (Kahn 1962).
std::vector<std::vector<std::string>> take_levels(Graph& graph) {
  std::vector<std::vector<std::string>> levels;
  while (true) {
    std::vector<std::string> level;
    for (const auto& [name, needs] : graph) {
      if (needs.empty()) level.push_back(name);
    }
    if (level.empty()) return levels;
    remove(graph, level);
    levels.push_back(std::move(level));
  }
}

// Everybody waits for somebody here, so following leads into a circle.
std::vector<std::string> cycle_in(const Graph& graph) {
  std::vector<std::string> way{graph.begin()->first};
  while (true) {
    const std::string& next = *graph.at(way.back()).begin();
    const auto seen = std::ranges::find(way, next);
    if (seen == way.end()) {
      way.push_back(next);
      continue;
    }
    way.erase(way.begin(), seen);
    std::ranges::rotate(way, std::ranges::min_element(way));
    return way;
  }
}

}  // namespace

StartOrder start_order(const Application& application) {
  StartOrder order;
  Graph graph = graph_of(application);
  order.levels = take_levels(graph);
  while (!graph.empty()) {
    order.cycles.push_back(cycle_in(graph));
    remove(graph, order.cycles.back());
    take_levels(graph);
  }
  return order;
}

}  // namespace polis::model
