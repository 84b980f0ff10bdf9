#pragma once

// ${...} in the texts of an application: what is only known on the machine where an instance runs.
//
//   ${port.NAME}                       a port of the service
//   ${config.KEY}                      a value of its configuration
//   ${file.NAME}                       the path of a file of its configuration
//   ${volume.NAME}                     the directory of a volume
//   ${secret.NAME}                     a secret that the application declares
//   ${service.NAME.endpoints}          HOST:PORT of each healthy instance of a service with one
//   port, with commas
//   ${service.NAME.endpoints.PORT}     likewise, of one of several ports
//   ${instance.index} and others         what every instance is told: see kFacts
//   $${                                stands for ${ itself; a lone $ is a $
//
// There is no ${env...}: an application file says nothing about where it runs, and a value that
// came from some agent's environment would differ from machine to machine.
//
// Threads: any; pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"

namespace polis::model {

inline constexpr std::size_t kReferenceMax = 512;             // bytes of one
inline constexpr std::size_t kRenderedMax = 4 * 1024 * 1024;  // bytes of one rendered text

struct Reference {
  std::size_t begin = 0, end = 0;  // of "${...}" in the text
  std::string name;                // "port.http"
};

// In the order of the text. kInvalid: one is not closed, is empty, or is too long.
Result<std::vector<Reference>> references_in(std::string_view text);

// What each name stands for.
using Values = std::map<std::string, std::string, std::less<>>;

// The text with values in the place of references and ${ in the place of $${. Values are not
// looked through again. kNotFound: a name has no value; the text says which. kInvalid: as
// references_in, or the result is longer than kRenderedMax.
Result<std::string> render(std::string_view text, const Values& values);

// "instance.index" and the like: what every instance is told, with what it is.
struct Fact {
  const char* name;
  const char* doc;
};
inline constexpr Fact kFacts[] = {
    {"application.name", "the application"},
    {"instance.service", "the service or job"},
    {"instance.index", "its number, from 0; it stays the same wherever the instance runs"},
    {"instance.id", "a name that no other instance has: APPLICATION.SERVICE.INDEX"},
    {"instance.directory", "a directory of its own, which goes with it"},
    {"machine.name", "the machine"},
    {"machine.address", "an address of the machine that the other machines reach"},
    {"machine.place", "the failure domain that the machine is in"},
};

}  // namespace polis::model
