# SPDX-License-Identifier: Apache-2.0
# The four ways to add something to the build. Everything of ours is built through one of them,
# so that warnings, sanitizers and test labels are decided in one place.

set(VIDAI_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
    -Wimplicit-fallthrough -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports false positives of these from inlined std::expected and std::string.
  list(APPEND VIDAI_WARNINGS -Wno-maybe-uninitialized -Wno-restrict)
else()
  # clang 19 in C++20 and later rejects a comparison in capnproto 0.9.2's headers; see the shim.
  # libstdc++ 12's own stable_sort uses a function that it declares deprecated.
  list(APPEND VIDAI_WARNINGS -Wno-deprecated-declarations)
  set(shim "${CMAKE_SOURCE_DIR}/schema/compat/capnp_clang.h")
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include \"${shim}\">")
endif()

# vidai_library(NAME SOURCES a.cc ... DEPS target ...): a static library, one per folder.
function(vidai_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC ${arg_DEPS})
    target_compile_options(${name} PRIVATE ${VIDAI_WARNINGS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${arg_DEPS})
  endif()
endfunction()

# The rooms that have deliberate bugs compiled into a second library, NAME_mutants, and those
# between them: what links one of these must link no other build of the same.
set(vidai_mutated vidai_membership vidai_limits vidai_state vidai_seal vidai_wire vidai_transport
    vidai_seeds vidai_admission vidai_budget vidai_journal vidai_mesh)

# vidai_mutants(NAME): that library, last in its folder's file; for tests/sim alone.
function(vidai_mutants name)
  if(NOT BUILD_TESTING)
    return()
  endif()
  get_target_property(sources ${name} SOURCES)
  get_target_property(deps ${name} LINK_LIBRARIES)
  get_target_property(options ${name} COMPILE_OPTIONS)
  foreach(mutated IN LISTS vidai_mutated)
    list(TRANSFORM deps APPEND _mutants REGEX "^${mutated}$")
  endforeach()
  add_library(${name}_mutants STATIC EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(${name}_mutants PUBLIC ${deps})
  target_compile_options(${name}_mutants PRIVATE ${options})
  target_compile_definitions(${name}_mutants PUBLIC VIDAI_MUTANTS)
endfunction()

# vidai_program(NAME SOURCES ... DEPS ...): an executable in build/<preset>/bin.
function(vidai_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  target_compile_options(${name} PRIVATE ${VIDAI_WARNINGS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# What ThreadSanitizer runs, and so all that its build needs.
add_custom_target(thread_tests)

# vidai_test(NAME LABELS unit;threads SOURCES ... DEPS ...): one GoogleTest binary per folder.
function(vidai_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gtest_main GTest::gmock)
  target_compile_options(${name} PRIVATE ${VIDAI_WARNINGS})
  if("threads" IN_LIST arg_LABELS)
    add_dependencies(thread_tests ${name})
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60)
  # Not through PROPERTIES: CMake 3.25 flattens a list there, and with it every later property.
  set(properties ${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake)
  file(WRITE ${properties} "if(${name}_TESTS)
  set_tests_properties(\${${name}_TESTS} PROPERTIES LABELS \"${arg_LABELS}\" TIMEOUT ${arg_TIMEOUT})
endif()
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${properties})
endfunction()

# vidai_fuzz(NAME SOURCES ... DEPS ... CORPUS dir): a LLVMFuzzerTestOneInput target. Under clang
# with VIDAI_FUZZ it is a libFuzzer binary; always, its corpus replays under ctest (label fuzz).
function(vidai_fuzz name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_replay ${arg_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc)
  target_link_libraries(${name}_replay PRIVATE ${arg_DEPS})
  target_compile_options(${name}_replay PRIVATE ${VIDAI_WARNINGS})
  add_test(NAME fuzz.${name} COMMAND ${name}_replay ${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS "fuzz" TIMEOUT 120)
  if(VIDAI_FUZZ)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_DEPS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/fuzz)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_compile_options(${name} PRIVATE ${VIDAI_WARNINGS})
  endif()
endfunction()

# vidai_rooms(a b ...): the sub-folders of this one, in order of dependency.
function(vidai_rooms)
  foreach(room IN LISTS ARGN)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/CMakeLists.txt)
      add_subdirectory(${room})
    endif()
  endforeach()
endfunction()
