// SPDX-License-Identifier: Apache-2.0
// Refusals: who was turned away and why, for people. Each reason is counted for ever; a line is due
// for the first and then at most once in kQuiet per reason, saying how many it stands for, so that
// a flood fills neither the log nor the disk; what was left out when a flood ends is told without
// waiting for the next, with the last one's address. Pure; mesh thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

class Refusals {
  public:
    static constexpr std::chrono::seconds kQuiet{10};

    Refusals();
    struct Untold {
        std::string_view reason;
        std::uint64_t count = 0;
        std::string last;  // `who` of the latest of them
    };
    // How many were not told since the last line; nothing: no line now. A reason that is not in
    // reasons() counts as "other". `who`: the address, or the node where that is proved.
    std::optional<std::uint64_t> count(std::string_view reason, std::string_view who, MonoTime now);
    std::uint64_t total(std::string_view reason) const;
    // Reasons whose last line is kQuiet old and that were not told since: a line is due for each,
    // and counted as told.
    std::vector<Untold> overdue(MonoTime now);

    // Every reason there is, in a fixed order: those of mesh/seal, then this folder's.
    static const std::vector<std::string_view>& reasons();

  private:
    struct Row {
        std::uint64_t total = 0, untold = 0;
        std::optional<MonoTime> told;
        std::string last;  // of those untold
    };
    std::map<std::string_view, Row> rows_;  // exactly reasons()
};

}  // namespace vidai::mesh::rpc
