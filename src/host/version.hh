#pragma once

namespace polis::host {

inline constexpr const char* kVersion = "0.2.0";
// The etcd API that is served, as etcd's clients ask for it.
inline constexpr const char* kEtcdApiVersion = "3.5.0";

}  // namespace polis::host
