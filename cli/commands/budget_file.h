// SPDX-License-Identifier: Apache-2.0
// Definitions of budgets as a file: what `vidaictl budget export` writes and `import` reads. What
// was spent is not in it. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/operator.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::commands {

inline constexpr std::size_t kBudgetFileBytesMax = 32U << 20;

struct BudgetDefinition {
    BudgetId budget;
    MicroUsd limit;
    std::string window = "none";  // as in mesh::BudgetStanding
    std::string zone{};           // empty: UTC
    bool enforce = true;
    std::vector<std::uint8_t> alerts{};  // percent
    friend bool operator==(const BudgetDefinition&, const BudgetDefinition&) = default;
};
BudgetDefinition definition_of(const mesh::BudgetStanding& budget);

// "50%,80%"; "none". Nothing for another form, or where they do not rise.
std::optional<std::vector<std::uint8_t>> parse_percents(std::string_view text);
std::string percents_text(const std::vector<std::uint8_t>& percents);

std::string write_budget_file(const std::vector<BudgetDefinition>& definitions);
// kConfigInvalid, with "NAME:LINE: what". What is left out of a definition is as in a new budget.
Result<std::vector<BudgetDefinition>> read_budget_file(const std::string& text,
                                                       const std::string& name);

}  // namespace vidai::cli::commands
