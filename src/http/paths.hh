#pragma once

// Paths of requests, as Go's router takes them: clients of etcd have come to rely on it.
//
// Pure. Source: Go's path.Clean and net/http's ServeMux.

#include <string>
#include <string_view>

namespace polis::http {

// Without percent-encoding; what is no encoding stays as it is.
std::string decoded_path(std::string_view path);
// Whether the path has an empty part, or "." or ".." for one.
bool is_clean(std::string_view path);
// Without them; with the slash at the end that it had.
std::string cleaned_path(std::string_view path);
// With percent-encoding where it must be: fit for a header field.
std::string encoded_path(std::string_view path);

}  // namespace polis::http
