// SPDX-License-Identifier: Apache-2.0
#include "schema/vocabulary/check.h"

#include <cstdio>
#include <cstdlib>

namespace vidai {

void check_failed(const char* expression, const char* file, int line, std::string_view note) {
    std::fprintf(stderr, "%s:%d: CHECK(%s) failed%s%.*s\n", file, line, expression,
                 note.empty() ? "" : ": ", static_cast<int>(note.size()), note.data());
    std::abort();
}

}  // namespace vidai
