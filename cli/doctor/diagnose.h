// SPDX-License-Identifier: Apache-2.0
// The judgement of `vidaictl mesh doctor`: facts in, findings out, each with what to do. To add a
// check: a function and its line in kChecks. Pure; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/doctor/facts.h"

namespace vidai::cli::doctor {

enum class Severity : std::uint8_t { kOk, kInfo, kWarning, kError };
std::string_view severity_name(Severity severity);  // "ok", ...

struct Finding {
    Severity severity = Severity::kOk;
    std::string_view check;  // "links": stable, for programs
    std::string where;       // a node, "a <-> b", or "mesh"
    std::string what;
    std::string todo;  // empty when there is nothing to do
};

// Where a fact becomes a finding.
inline constexpr std::chrono::hours kGhostAge{24};
inline constexpr std::chrono::hours kCertificateSoon{48};
inline constexpr std::chrono::milliseconds kClockWarn{1'000}, kClockError{5 * 60'000};
inline constexpr std::chrono::milliseconds kOwedWarn{2'000}, kOwedError{10'000};
inline constexpr std::uint32_t kHealthWarn = 3;       // steps of Lifeguard's multiplier
inline constexpr std::size_t kFindingsPerCheck = 20;  // the rest is counted

// One `ok` for each check that found nothing wrong, so that one sees what was proven.
std::vector<Finding> diagnose(const Facts& facts);
Severity worst(const std::vector<Finding>& findings);

// Whether the nodes that answered hold different registers: then it is worth asking again.
bool digests_differ(const Facts& facts);
// Whether two of them lack a connection, or only one of the two has it: it may be on its way.
bool links_differ(const Facts& facts);

}  // namespace vidai::cli::doctor
