# polis_folder(NAME SOURCES ... DEPS ... TESTS ...): one folder of the house as a static library, with its unit tests beside it.
# DEPS names the folders that it may include; tools/tidy checks the order of the whole house.
# The prelude is compiled once: all targets share their options, and it reads no macro that one of them defines.
file(WRITE ${PROJECT_BINARY_DIR}/prelude.cc "")
add_library(polis_prelude OBJECT ${PROJECT_BINARY_DIR}/prelude.cc)
target_include_directories(polis_prelude PRIVATE ${PROJECT_SOURCE_DIR})
target_precompile_headers(polis_prelude PRIVATE <cmake/prelude.hh>)  # no path in it: a compiler cache serves every checkout
function(polis_prelude)
  foreach(target IN LISTS ARGV)
    target_precompile_headers(${target} REUSE_FROM polis_prelude)
  endforeach()
endfunction()

function(polis_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;TESTS;TEST_DEPS" ${ARGN})
  add_library(polis_${name} STATIC ${ARG_SOURCES})
  target_include_directories(polis_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(polis_${name} PUBLIC ${ARG_DEPS})
  polis_prelude(polis_${name})
  # All of the folder together with what it says that it needs, and nothing else: what it takes from elsewhere does not link.
  add_executable(${name}_links ${PROJECT_SOURCE_DIR}/cmake/links.cc)
  target_link_libraries(${name}_links PRIVATE -Wl,--whole-archive polis_${name} -Wl,--no-whole-archive ${ARG_DEPS})
  set_target_properties(${name}_links PROPERTIES EXCLUDE_FROM_ALL ON)
  add_test(NAME links.${name} COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target ${name}_links)
  set_tests_properties(links.${name} PROPERTIES RESOURCE_LOCK build TIMEOUT 1500)
  if(ARG_TESTS)
    polis_test(${name}_test SOURCES ${ARG_TESTS} DEPS polis_${name} ${ARG_TEST_DEPS})
  endif()
endfunction()

function(polis_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gtest_main GTest::gmock)
  polis_prelude(${name})
  target_compile_definitions(${name} PRIVATE POLIS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
