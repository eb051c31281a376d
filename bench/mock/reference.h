// SPDX-License-Identifier: Apache-2.0
// docs/reference/vidai-mock.md, around the program's own --help. Pure; any thread.
#pragma once

#include <string>

namespace vidai::bench::mock {

std::string reference_markdown();

}  // namespace vidai::bench::mock
