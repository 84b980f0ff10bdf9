#pragma once

// Rules about one service or one job alone (model/check.hh).
//
// Threads: any; pure.

#include <functional>
#include <string>

#include "model/application.hh"

namespace polis::model {

struct Report {
  std::function<void(const std::string& path, std::string text)> error, note;
};

// `path`: of the service or job.
void check_parts(const Service& service, const std::string& path, const Report& report);
void check_parts(const Job& job, const std::string& path, const Report& report);

}  // namespace polis::model
