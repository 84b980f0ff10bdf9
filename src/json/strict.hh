#pragma once

// Whether a text is JSON, and only that.
//
// libprotobuf's parser takes more: single quotes, names without quotes, a comma before the end, a
// field twice, also once under each of its two names. Two readers of such a text (a proxy that
// decides by it, and we) could see different requests, and etcd refuses all of it. So the text is
// looked at before the parser sees it. What is wrong is told in etcd's words.
//
// Pure. Source: RFC 8259; the answers of etcd 3.7's gateway.

#include <google/protobuf/descriptor.h>

#include <string_view>

#include "base/error.hh"

namespace polis::json {

// kInvalid: `text` is not one JSON object for a message of this type, with nothing but blanks
// around it. Whether a value fits its field is the parser's to say, and so is what a string holds.
Result<void> check_strict(const google::protobuf::Descriptor& type, std::string_view text);

}  // namespace polis::json
