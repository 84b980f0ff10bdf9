# polis-shim: a static program of its own that the binary carries. There are many of it on a machine, for months: it must be small in
# memory and depend on nothing. So it is not position-independent (no relocation dirties a page), has no runtime of C++ (linked by the C
# driver, which does not add it: what needs it does not link), and no sanitizer.
set(POLIS_SHIM_PROGRAM ${PROJECT_BINARY_DIR}/shim/polis-shim)

function(polis_shim_program)
  add_executable(polis_shim_program ${ARGN})
  set_target_properties(polis_shim_program PROPERTIES OUTPUT_NAME polis-shim RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/shim
    LINKER_LANGUAGE C DISABLE_PRECOMPILE_HEADERS ON)
  target_include_directories(polis_shim_program PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(polis_shim_program PRIVATE POLIS_VERSION="${PROJECT_VERSION}")
  target_compile_options(polis_shim_program PRIVATE -Os -g0 -fno-pie -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-unwind-tables
    -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fno-sanitize=all)
  target_link_options(polis_shim_program PRIVATE -static -no-pie -s -Wl,--gc-sections -fuse-ld=bfd -fno-sanitize=all)
endfunction()

# The source takes the program in by .incbin.
function(polis_embed_shim target source)
  set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS POLIS_SHIM_PROGRAM="${POLIS_SHIM_PROGRAM}"
    OBJECT_DEPENDS ${POLIS_SHIM_PROGRAM} SKIP_PRECOMPILE_HEADERS ON)
  add_dependencies(${target} polis_shim_program)
endfunction()
