#pragma once

// An application as bytes: what `polis apply` stores, and what its digest is of.
//
// The bytes are a protobuf message, polis.model.v1.Application of api/polis/model.proto, written by
// the table of keys: fields by number, zero values left out, maps by key. The same value always
// gives the same bytes, which protobuf's own encoder does not promise. Fields that this release
// does not know are kept and written again, behind those that it knows.
//
// Bytes and digest are made once, at apply, and travel with the release; nobody makes them anew.
//
// Threads: any; pure. Format: docs/formats/application.md.

#include <string>
#include <string_view>

#include "base/error.hh"
#include "model/application.hh"

namespace polis::model {

// A release is written in one transaction, which holds 1.5 MiB.
inline constexpr std::size_t kStoredMax = 1 << 20;

std::string encode(const Application& application);
// kCorrupt: these are not the bytes of an application; the text names the field.
Result<Application> decode(std::string_view bytes);

// A part on its own, for what holds parts: the plan of an instance holds its Service.
std::string encode(const Service& service);
Result<Service> decode_service(std::string_view bytes);

struct Sealed {
  std::string bytes;
  std::string digest;  // sha256:HEX of the bytes
};
// kInvalid: a configuration file has not been read yet (model/parse.hh, Include), or the bytes are
// more than kStoredMax.
Result<Sealed> seal(const Application& application);

}  // namespace polis::model
