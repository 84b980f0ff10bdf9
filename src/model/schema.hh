#pragma once

// The table of keys for other readers.
//
// Threads: any; pure.

#include <string>

namespace polis::model {

// A JSON schema (draft 2020-12) of a document of an application file: with it editors complete
// keys, explain them and mark what is wrong. It allows a little more than parse() does.
std::string json_schema();

// All keys with form, default and meaning, as a part of a Markdown page.
std::string reference_page();

// The stored form as a .proto file: api/polis/model.proto is this text.
std::string proto_text();

}  // namespace polis::model
