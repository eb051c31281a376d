// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/shrink.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace vidai::sim {
namespace {

class Shrinker {
  public:
    Shrinker(Trim failing, std::size_t faults, const std::string& rule, const Trial& trial,
             std::uint32_t runs_max, std::span<const Switch> switches)
        : best_(std::move(failing)),
          rule_(rule),
          trial_(trial),
          switches_(switches),
          left_(runs_max) {
        if (best_.only) return;
        best_.only.emplace(faults);
        std::iota(best_.only->begin(), best_.only->end(), 1U);
    }

    void run() {
        for (const Switch without : switches_) {
            Trim candidate = best_;
            candidate.*without = true;
            (void)keep_if_failing(std::move(candidate));
        }
        fewer_faults();
        while (best_.halvings < 10 && !best_.only->empty()) {
            Trim candidate = best_;
            ++candidate.halvings;
            if (!keep_if_failing(std::move(candidate))) break;
        }
    }
    const Trim& best() const { return best_; }
    std::uint32_t left() const { return left_; }

  private:
    bool keep_if_failing(Trim candidate) {
        if (left_ == 0) return false;
        --left_;
        if (trial_(candidate) != rule_) return false;
        best_ = std::move(candidate);
        return true;
    }

    // Tries to do without each of `parts` equal parts, in ever smaller ones.
    void fewer_faults() {
        std::size_t parts = 1;
        while (!best_.only->empty() && left_ > 0) {
            const std::size_t size = best_.only->size();
            parts = std::min(parts, size);
            bool progress = false;
            for (std::size_t part = 0; part < parts && !progress; ++part) {
                Trim candidate = best_;
                const auto begin = candidate.only->begin();
                candidate.only->erase(
                    begin + static_cast<std::ptrdiff_t>(part * size / parts),
                    begin + static_cast<std::ptrdiff_t>((part + 1) * size / parts));
                progress = keep_if_failing(std::move(candidate));
            }
            if (progress) {
                parts = std::max<std::size_t>(parts, 2) - 1;
            } else if (parts == size) {
                return;
            } else {
                parts = std::min(size, parts * 2);
            }
        }
    }

    Trim best_;
    const std::string rule_;
    const Trial& trial_;
    const std::span<const Switch> switches_;
    std::uint32_t left_;
};

}  // namespace

Shrunk shrink(const Trim& failing, std::size_t faults, const std::string& rule, const Trial& trial,
              std::uint32_t runs_max, std::span<const Switch> switches) {
    Shrinker shrinker(failing, faults, rule, trial, runs_max, switches);
    shrinker.run();
    const Trim& best = shrinker.best();
    return {best, best.only->size(), runs_max - shrinker.left()};
}

}  // namespace vidai::sim
