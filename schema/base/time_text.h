// SPDX-License-Identifier: Apache-2.0
// A time as people read it in logs and tables. Any thread.
#pragma once

#include <string>

#include "schema/vocabulary/time.h"

namespace vidai {

std::string time_text(WallTime time);  // 2026-11-22T07:16:06.123Z (RFC 3339, UTC)

}  // namespace vidai
