#pragma once

// Whether each ${...} of an application names something that there is.
//
// Threads: any; pure.

#include <functional>
#include <string>
#include <string_view>

#include "model/application.hh"
#include "model/key.hh"
#include "model/problem.hh"

namespace polis::model {

// Calls `visit` with each text below the object in which references may stand, and with its path.
using VisitText =
    std::function<void(const Key& key, const std::string& path, const std::string& text)>;
void each_text(const Section& section, const void* object, const std::string& path,
               const VisitText& visit);

// Where `part` stands, which is within the value at `path`.
using Locate = std::function<Position(const std::string& path, std::string_view part)>;

// The application is normalised.
void check_references(const Application& application, const Locate& locate, Problems& problems);

}  // namespace polis::model
