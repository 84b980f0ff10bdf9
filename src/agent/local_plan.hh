#pragma once

// What one machine has to run of an application: for each instance a plan with everything filled
// in that is only known here.
//
// Pure but for the users of the system, which are looked up by name. Threads: any.

#include <map>
#include <string>
#include <vector>

#include "agent/runner.hh"
#include "base/error.hh"
#include "model/application.hh"

namespace polis::agent {

// Where things lie on this machine.
struct Places {
  std::string files;    // the application file's directory: relative artifacts start here
  std::string state;    // of the agent, for this application
  std::string machine;  // its name
};

// "SERVICE.INDEX" -> port name -> number. Ports of one service's instances are all different.
using PortNumbers = std::map<std::string, std::map<std::string, std::uint16_t>>;

// A file that is written before the instance starts.
struct PlannedFile {
  std::string path;
  std::string content;
  std::uint32_t mode = 0600;
};

struct PlannedInstance {
  std::string name;     // APPLICATION.SERVICE.INDEX
  std::string service;  // its name
  std::string directory;
  std::vector<std::string> directories;  // to be made before it starts
  std::vector<PlannedFile> files;
  InstancePlan plan;
};

// The dynamic ports that the application needs: "SERVICE.INDEX" and the port's name.
std::vector<std::pair<std::string, std::string>> ports_needed(
    const model::Application& application);

// Each service's instances in the order of their index; a service that runs once per machine has
// one. kInvalid: the application needs what a single machine without a cell does not have yet
// (secrets, images, gRPC checks, jobs, artifacts that must be fetched); the text names it.
Result<std::vector<PlannedInstance>> plan_here(const model::Application& application,
                                               const Places& places, const PortNumbers& ports);

}  // namespace polis::agent
