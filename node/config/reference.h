// SPDX-License-Identifier: Apache-2.0
// docs/reference/config.md, written from the option tables. Pure; any thread.
#pragma once

#include <string>

namespace vidai::node::config {

std::string config_markdown();

}  // namespace vidai::node::config
