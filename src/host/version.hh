#pragma once

namespace polis::host {

// The version of this release of Polis.
inline constexpr const char* kVersion = "0.2.0";
// The version of etcd whose API is served. Replicas tell it to etcd's clients as their own.
inline constexpr const char* kEtcdApiVersion = "3.7.3";
// The same version without its patch level: etcd gives this one for its cluster and its files.
inline constexpr const char* kEtcdClusterVersion = "3.7.0";

}  // namespace polis::host
