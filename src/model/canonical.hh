#pragma once

// An application as a file: what `polis check --canonical` prints, and what differences are shown
// in. parse() of it gives the same application again.
//
// Threads: any; pure.

#include <string>
#include <string_view>

#include "model/application.hh"

namespace polis::model {

enum class Detail {
  kFull,   // with every default
  kShort,  // what is as the table's default is left out
};
std::string to_yaml(const Application& application, Detail detail);

// A text as one line of YAML: plain where every reader takes it as this text, else in quotes.
std::string yaml_text(std::string_view text);

}  // namespace polis::model
