#pragma once

namespace polis::host {

inline constexpr const char* kVersion = "0.2.0";
// The etcd API that is served, as etcd's clients ask for it.
inline constexpr const char* kEtcdApiVersion = "3.7.3";
// What an etcd of that version says of its cluster and its files: without the patch level.
inline constexpr const char* kEtcdClusterVersion = "3.7.0";

}  // namespace polis::host
