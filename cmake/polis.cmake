# polis_folder(NAME SOURCES ... DEPS ... TESTS ...): one folder of the house as a static library, with its unit tests beside it.
# DEPS names the folders that it may include; tools/tidy checks the order of the whole house.
add_library(polis_pch INTERFACE)
target_precompile_headers(polis_pch INTERFACE ${PROJECT_SOURCE_DIR}/cmake/prelude.hh)

function(polis_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;TESTS;TEST_DEPS" ${ARGN})
  add_library(polis_${name} STATIC ${ARG_SOURCES})
  target_include_directories(polis_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(polis_${name} PUBLIC ${ARG_DEPS} PRIVATE polis_pch)
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
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gtest_main GTest::gmock polis_pch)
  target_compile_definitions(${name} PRIVATE POLIS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
