// SPDX-License-Identifier: Apache-2.0
#include "schema/base/near.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace vidai {
namespace {

constexpr std::size_t kLengthMax = 64;  // longer texts are not typing mistakes of our names
constexpr std::size_t kListedMax = 20;

std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates) {
    std::string_view best;
    std::size_t best_edits = 3;
    if (text.size() > kLengthMax) return best;
    for (const std::string_view candidate : candidates) {
        const std::size_t n = edits(text, candidate);
        if (n >= best_edits || 2 * n >= candidate.size()) continue;
        best = candidate;
        best_edits = n;
    }
    return best;
}

std::string suggestion(std::string_view text, std::span<const std::string_view> candidates) {
    if (const std::string_view near = nearest(text, candidates); !near.empty()) {
        return "; did you mean '" + std::string(near) + "'?";
    }
    std::string list;
    for (const std::string_view candidate :
         candidates.first(std::min(candidates.size(), kListedMax))) {
        list += (list.empty() ? "" : ", ") + std::string(candidate);
    }
    return list.empty() ? "" : "; known here: " + list;
}

}  // namespace vidai
