# One INTERFACE target, linked by every target of ours: warnings, hardening, sanitizers.
include(CheckCCompilerFlag)
add_library(build_flags INTERFACE)

set(c_warnings -Wall -Wextra -Wshadow -Wformat=2 -Wvla -Wundef -Wpointer-arith -Wwrite-strings)
target_compile_options(build_flags INTERFACE
  ${c_warnings}
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
  $<$<BOOL:${VITRINE_WERROR}>:-Werror>)
target_compile_definitions(build_flags INTERFACE _GNU_SOURCE)

# Assertions stay on in what users run: they guard against our own bugs, and a broker that goes on with one is worse.
target_compile_options(build_flags INTERFACE -UNDEBUG)

# Frame pointers cost little and let a crash report tell where it came from.
target_compile_options(build_flags INTERFACE -fno-omit-frame-pointer)

if(VITRINE_SANITIZE)
  target_compile_options(build_flags INTERFACE -fsanitize=${VITRINE_SANITIZE} -fno-sanitize-recover=undefined)
  target_link_options(build_flags INTERFACE -fsanitize=${VITRINE_SANITIZE})
  target_compile_definitions(build_flags INTERFACE VITRINE_SANITIZED=1)
  # The check of C++ types makes pipes to look at memory, which the filter forbids.
  target_compile_options(build_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=vptr>)
else()
  target_compile_options(build_flags INTERFACE -fstack-protector-strong -fstack-clash-protection)
  check_c_compiler_flag(-fcf-protection=full HAVE_CF_PROTECTION)
  if(HAVE_CF_PROTECTION)
    target_compile_options(build_flags INTERFACE -fcf-protection=full)
  endif()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(build_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
endif()

# Everything is bound before lockdown, and what was relocated is read-only from then on.
target_link_options(build_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
