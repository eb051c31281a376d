# SPDX-License-Identifier: Apache-2.0
# The deliberate bugs leave no symbol in the library that ships, and do in the one that has them.
function(mutant_symbols library out)
  execute_process(COMMAND ${NM} -C ${library} OUTPUT_VARIABLE symbols RESULT_VARIABLE code
                  ERROR_QUIET)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "nm ${library} ended with ${code}")
  endif()
  string(REGEX MATCHALL "[^\n]*mutant[^\n]*" found "${symbols}")
  set(${out} "${found}" PARENT_SCOPE)
endfunction()
mutant_symbols(${REAL} real)
mutant_symbols(${MUTANTS} mutants)
if(real)
  message(FATAL_ERROR "the library that ships holds ${real}")
endif()
if(NOT mutants)
  message(FATAL_ERROR "no mutant symbol in the mutants' library: this test sees nothing")
endif()
