// SPDX-License-Identifier: Apache-2.0
// Refusals: who was turned away and why, for people. Each reason is counted for ever; a line is due
// for the first and then at most once in kQuiet per reason, saying how many it stands for, so that
// a flood fills neither the log nor the disk; what was left out when a flood ends is told without
// waiting for the next, with the last one's address. Those of the last ten minutes are for the
// doctor. Pure; mesh thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/node_report.h"
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
    // Of each reason that there was in the last kRefusalsLately, to the minute; the most first.
    std::vector<RefusalReport> lately(MonoTime now) const;

    // Every reason there is, in a fixed order: those of mesh/seal, then this folder's.
    static const std::vector<std::string_view>& reasons();

  private:
    static constexpr std::size_t kMinutes = kRefusalsLately.count();
    struct Row {
        std::uint64_t total = 0, untold = 0;
        std::optional<MonoTime> told;
        std::string last;  // `who` of the latest
        std::array<std::uint64_t, kMinutes> by_minute{};
        std::int64_t minute = 0;  // of the latest
    };
    std::map<std::string_view, Row> rows_;  // exactly reasons()
};

}  // namespace vidai::mesh::rpc
