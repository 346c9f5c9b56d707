# One place for the flags of every target: strict warnings, hardening, sanitizers.
# The compiler is clang 19 (CMakePresets.json): GCC 12 destroys aggregate temporaries twice when they
# stand in a co_await expression.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(WRENN_SANITIZE "" CACHE STRING "Value for -fsanitize=, empty for none")

# Where ccache is installed, a second clone or a branch gone back to is built in a minute. It sees paths
# relative to the clone, so that all clones share what it keeps.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(launcher env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_library(wrenn_flags INTERFACE)
target_compile_definitions(wrenn_flags INTERFACE _GLIBCXX_ASSERTIONS WRENN_VERSION="${PROJECT_VERSION}")
target_compile_options(wrenn_flags INTERFACE
  -Werror -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-align -Wformat=2 -Wimplicit-fallthrough -Wvla
  # Designated initializers leave the rest at its defaults on purpose.
  -Wno-missing-field-initializers
  -fno-omit-frame-pointer -fstack-protector-strong -fcf-protection)
if(WRENN_SANITIZE)
  target_compile_options(wrenn_flags INTERFACE -fsanitize=${WRENN_SANITIZE})
  target_link_options(wrenn_flags INTERFACE -fsanitize=${WRENN_SANITIZE})
else()
  target_compile_options(wrenn_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()
if(WRENN_FUZZ)
  # The libraries, too, must tell the fuzzer where their code goes.
  target_compile_options(wrenn_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(wrenn_flags INTERFACE -fsanitize=address,undefined)
endif()
target_link_options(wrenn_flags INTERFACE -Wl,-z,relro,-z,now)
