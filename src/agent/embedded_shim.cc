#include "agent/embedded_shim.hh"

// POLIS_SHIM_PROGRAM is the path of the program that was built.
asm(R"(
  .section .rodata
  .balign 16
  .type polis_shim_begin, @object
polis_shim_begin:
  .incbin ")" POLIS_SHIM_PROGRAM R"("
polis_shim_end:
  .byte 0
  .previous
)");

extern "C" {
extern const char polis_shim_begin[] __attribute__((visibility("hidden")));
extern const char polis_shim_end[] __attribute__((visibility("hidden")));
}

namespace polis::agent {

std::string_view embedded_shim() {
  return {polis_shim_begin, static_cast<std::size_t>(polis_shim_end - polis_shim_begin)};
}

}  // namespace polis::agent
