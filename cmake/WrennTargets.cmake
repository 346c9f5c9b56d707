# wrenn_library(NAME SOURCES ... LINK ...): the static library of one folder, target wrenn_NAME.
function(wrenn_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(wrenn_${name} STATIC ${ARG_SOURCES})
  target_include_directories(wrenn_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(wrenn_${name} PUBLIC wrenn_flags ${ARG_LINK})
endfunction()

# wrenn_test(NAME SOURCES ... LINK ...): the unit tests of one folder in one binary, run by ctest.
function(wrenn_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES TIMEOUT 120)
endfunction()

# wrenn_program(NAME SOURCES ... LINK ...): a binary people run; it lands in builds/.
function(wrenn_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
endfunction()

# wrenn_fuzz(NAME SOURCES ... LINK ...): a libFuzzer target, built only with -DWRENN_FUZZ=ON.
function(wrenn_fuzz name)
  if(NOT WRENN_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_compile_options(${name}_fuzz PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(${name}_fuzz PRIVATE ${ARG_LINK})
endfunction()
