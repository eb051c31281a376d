// SPDX-License-Identifier: Apache-2.0
#include "schema/base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace vidai {

std::size_t histogram_bucket(std::uint64_t value) {
    constexpr std::uint64_t kMax = (std::uint64_t{1} << kHistogramMaxBits) - 1;
    value = std::min(value, kMax);
    const int width = static_cast<int>(std::bit_width(value));
    if (width <= kHistogramSubBits) return static_cast<std::size_t>(value);
    const int shift = width - kHistogramSubBits - 1;
    // value >> shift lies in [32, 64): the power of two, then the 32 steps within it.
    return (static_cast<std::size_t>(shift) << kHistogramSubBits) +
           static_cast<std::size_t>(value >> shift);
}

std::uint64_t histogram_bucket_top(std::size_t bucket) {
    constexpr std::size_t kSteps = std::size_t{1} << kHistogramSubBits;
    if (bucket < 2 * kSteps) return bucket;
    const std::size_t shift = bucket / kSteps - 1;
    const std::uint64_t step = bucket % kSteps + kSteps;
    return ((step + 1) << shift) - 1;
}

void HistogramSum::add_extremes(std::uint64_t max, std::uint64_t sum) {
    max_ = std::max(max_, max);
    sum_ += sum;
}

void HistogramSum::merge(const HistogramSum& other) {
    for (std::size_t i = 0; i < kHistogramBuckets; ++i) counts_[i] += other.counts_[i];
    add_extremes(other.max_, other.sum_);
}

std::uint64_t HistogramSum::count() const {
    std::uint64_t total = 0;
    for (const std::uint64_t n : counts_) total += n;
    return total;
}

std::uint64_t HistogramSum::quantile(double q) const {
    const std::uint64_t total = count();
    if (total == 0) return 0;
    const double exact = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total));
    const std::uint64_t rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(exact));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kHistogramBuckets; ++i) {
        seen += counts_[i];
        if (seen >= rank) return std::min(histogram_bucket_top(i), max_);
    }
    return max_;
}

std::uint64_t HistogramSum::count_at_or_below(std::uint64_t value) const {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kHistogramBuckets && histogram_bucket_top(i) <= value; ++i) {
        seen += counts_[i];
    }
    return seen;
}

void Histogram::record(std::uint64_t value) {
    counts_[histogram_bucket(value)].add();
    sum_.add(value);
    if (value > max_.get()) max_.add(value - max_.get());
}

void Histogram::add_to(HistogramSum& sum) const {
    for (std::size_t i = 0; i < kHistogramBuckets; ++i) {
        if (const std::uint64_t n = counts_[i].get(); n != 0) sum.add(i, n);
    }
    sum.add_extremes(max_.get(), sum_.get());
}

}  // namespace vidai
