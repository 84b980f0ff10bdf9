# Earlier releases used prometheus-cpp for the page /metrics. tools/build-release builds them with this in its place: it
# has what they name, and their page is empty. Nobody asks an earlier release for it.
add_library(prometheus-cpp::core INTERFACE IMPORTED)
set_target_properties(prometheus-cpp::core PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_LIST_DIR}/include")
set(prometheus-cpp_core_FOUND TRUE)
