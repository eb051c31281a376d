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
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before.swap(above);
        above.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
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
