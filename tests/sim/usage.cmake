# SPDX-License-Identifier: Apache-2.0
# Unknown flags, empty ranges and mutants in the ordinary build are refused with exit code 2.
foreach(bad IN ITEMS "--no-such-flag" "--seeds;9..1" "--nodes;0" "--mutant;no-refutation")
  execute_process(COMMAND ${SIM} ${bad} RESULT_VARIABLE code ERROR_VARIABLE said)
  if(NOT code EQUAL 2 OR NOT said MATCHES "usage:")
    message(FATAL_ERROR "'${bad}' ended with ${code}: ${said}")
  endif()
endforeach()
