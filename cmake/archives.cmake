# The binary needs libc alone: everything else that it uses is taken from archives.

# polis_take_archives(TARGET...): these imported libraries, and all that they need, are linked from the archive beside the shared
# library that their packages name.
function(polis_take_archives)
  foreach(target IN LISTS ARGV)
    get_target_property(taken ${target} POLIS_TAKEN)
    if(taken)
      continue()
    endif()
    set_target_properties(${target} PROPERTIES POLIS_TAKEN ON)
    foreach(configuration IN ITEMS "" _NONE _RELEASE _RELWITHDEBINFO)
      get_target_property(path ${target} IMPORTED_LOCATION${configuration})
      if(path)
        polis_archive_of("${path}" archive)
        set_target_properties(${target} PROPERTIES IMPORTED_LOCATION${configuration} "${archive}")
      endif()
    endforeach()
    get_target_property(needed ${target} INTERFACE_LINK_LIBRARIES)
    set(archives "")
    foreach(each IN LISTS needed)
      if(TARGET "${each}")
        polis_take_archives(${each})
      elseif(each)
        polis_archive_of("${each}" each)
      endif()
      list(APPEND archives "${each}")
    endforeach()
    if(needed)
      set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${archives}")
    endif()
  endforeach()
endfunction()

# Anything but the path of a shared library stays as it is.
function(polis_archive_of path result)
  string(REGEX REPLACE "\\.so(\\.[0-9.]+)?$" ".a" archive "${path}")
  if(NOT EXISTS "${archive}" AND NOT archive STREQUAL path)
    message(FATAL_ERROR "${archive} is missing: ${path} can only be linked as a shared library, and the binary is to need libc alone")
  endif()
  set(${result} "${archive}" PARENT_SCOPE)
endfunction()

# Debian has no archives of fmt and spdlog. Both can be used by their headers alone; but with fmt that takes 2 to 3 seconds for each
# source file that formats anything (settings.cc 1.7 and 4.0, cell.cc 4.3 and 7.1). So the definitions in its headers are compiled
# once, here. Only one file includes spdlog.
find_path(FMT_HEADERS fmt/format-inl.h REQUIRED)
add_library(polis_fmt STATIC ${PROJECT_SOURCE_DIR}/cmake/fmt.cc)
target_include_directories(polis_fmt SYSTEM PUBLIC ${FMT_HEADERS})
target_compile_definitions(polis_fmt PUBLIC FMT_SHARED)  # default visibility, as wherever fmt is compiled once
add_library(fmt::fmt ALIAS polis_fmt)
find_path(SPDLOG_HEADERS spdlog/spdlog.h REQUIRED)
add_library(polis_spdlog INTERFACE)
target_include_directories(polis_spdlog SYSTEM INTERFACE ${SPDLOG_HEADERS})
target_compile_definitions(polis_spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
add_library(spdlog::spdlog ALIAS polis_spdlog)

# For what is shipped: also the runtime of the compiler, and of all archives only what is used. Sanitizers bring their own runtime.
# Not by mold: it imports what only unused parts ask for (std::random_device asks for arc4random, which glibc has from 2.36 on).
add_library(polis_alone INTERFACE)
if(NOT POLIS_SANITIZE)
  target_link_options(polis_alone INTERFACE -static-libstdc++ -static-libgcc -Wl,--gc-sections -fuse-ld=bfd)
endif()
