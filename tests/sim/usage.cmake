# SPDX-License-Identifier: Apache-2.0
# Unknown flags, empty ranges and mutants in the ordinary build are refused with exit code 2; fresh
# seeds follow from the revision.
foreach(bad IN ITEMS "--no-such-flag" "--seeds;9..1" "--nodes;0" "--mutant;no-refutation"
        "--only;1,x" "--seeds" "--tier;3" "--tier;2;--nodes;21"
        "--tier;money;--nodes;21")
  execute_process(COMMAND ${SIM} ${bad} RESULT_VARIABLE code ERROR_VARIABLE said)
  if(NOT code EQUAL 2 OR NOT said MATCHES "exit codes:")
    message(FATAL_ERROR "'${bad}' ended with ${code}: ${said}")
  endif()
endforeach()
execute_process(COMMAND ${SIM} --seeds 9..3 ERROR_VARIABLE said)
if(NOT said MATCHES "did you mean 3\\.\\.9")
  message(FATAL_ERROR "a range that is turned round: ${said}")
endif()
# From anywhere, as a scheduled job runs it. Outside a repository there is none to tell.
execute_process(COMMAND git -C ${CMAKE_CURRENT_LIST_DIR} rev-parse --short=12 HEAD
                OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND ${SIM} --seeds 1 --json WORKING_DIRECTORY / OUTPUT_VARIABLE said)
string(JSON told GET "${said}" revision)
if(revision AND NOT told STREQUAL revision)
  message(FATAL_ERROR "run from elsewhere it is of revision '${told}' and not '${revision}'")
endif()
execute_process(COMMAND ${SIM} --help RESULT_VARIABLE code OUTPUT_VARIABLE said)
if(NOT code EQUAL 0 OR NOT said MATCHES "5 a core crashed")
  message(FATAL_ERROR "--help ended with ${code}: ${said}")
endif()
foreach(revision IN ITEMS aaaa bbbb)
  execute_process(COMMAND ${SIM} --seeds fresh --count 2 --revision ${revision} --json
                  OUTPUT_VARIABLE said RESULT_VARIABLE code)
  string(JSON first_${revision} GET "${said}" first)
  string(JSON last GET "${said}" last)
  math(EXPR count "${last} - ${first_${revision}} + 1")
  if(NOT code EQUAL 0 OR NOT count EQUAL 2)
    message(FATAL_ERROR "fresh seeds: ${code} ${said}")
  endif()
endforeach()
if(first_aaaa EQUAL first_bbbb)
  message(FATAL_ERROR "two revisions have the same fresh seeds")
endif()
