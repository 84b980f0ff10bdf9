#pragma once

// The table of keys: for each key of the application file its name, form, range, default, meaning,
// example, and its number in the stored form. Everything else follows from it: the parser
// (model/reader.hh), the stored form and api/polis/model.proto (model/stored.hh,
// model/schema.hh), the canonical text (model/canonical.hh), differences (model/diff.hh), the
// JSON schema and the reference page (model/schema.hh).
//
// A new key is a member in model/application.hh and a row here. Its number has never been used in
// its section, and the zero of its member means what its absence meant before.
//
// Threads: constant data.

#include "model/key.hh"

namespace polis::model::keys {

extern const Section kApplication, kService, kJob;
// Parts of services and jobs.
extern const Section kStart, kArtifact, kResources, kPlaces, kDependency, kConfig, kConfigFile,
    kLogs;
// Parts of services alone.
extern const Section kStop, kAppConfig, kHttpReload, kHealthcheck, kHttpCheck, kTcpCheck,
    kGrpcCheck, kPort, kRestart, kUpdate, kVolume;

// All of them, each once, outer ones first.
std::vector<const Section*> all();

}  // namespace polis::model::keys
