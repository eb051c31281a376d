// SPDX-License-Identifier: Apache-2.0
// A mergeable latency histogram: log-linear buckets (32 per power of two, as in Tene's
// HdrHistogram), so any quantile is within 1/32 = 3.1 % of the truth from 0 to 2^40 units, and the
// sum of two histograms is the histogram of both. Unit-less; by convention nanoseconds.
// record() from one thread, everything else from any: a reader sees each bucket at most one
// record old.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "schema/base/counter.h"

namespace vidai {

inline constexpr int kHistogramSubBits = 5;
inline constexpr int kHistogramMaxBits = 40;
inline constexpr std::size_t kHistogramBuckets = (kHistogramMaxBits - kHistogramSubBits + 1)
                                                 << kHistogramSubBits;

// The bucket of a value, values beyond 2^40-1 in the last; and the largest value of a bucket.
std::size_t histogram_bucket(std::uint64_t value);
std::uint64_t histogram_bucket_top(std::size_t bucket);

// A plain sum of histograms, for reading.
class HistogramSum {
  public:
    void add(std::size_t bucket, std::uint64_t count) { counts_[bucket] += count; }
    void add_extremes(std::uint64_t max, std::uint64_t sum);
    void merge(const HistogramSum& other);

    std::uint64_t count() const;
    std::uint64_t sum() const { return sum_; }
    std::uint64_t max() const { return max_; }
    // Smallest recorded bucket top with at least q of all values at or below, at most max().
    // 0 <= q <= 1; 0 when empty.
    std::uint64_t quantile(double q) const;
    // How many values are at or below `value`, to bucket resolution (rounded down).
    std::uint64_t count_at_or_below(std::uint64_t value) const;

  private:
    std::array<std::uint64_t, kHistogramBuckets> counts_{};
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
};

class Histogram {
  public:
    void record(std::uint64_t value);      // owner thread; no allocation
    void add_to(HistogramSum& sum) const;  // any thread

  private:
    std::array<Counter, kHistogramBuckets> counts_;
    Counter sum_;
    Counter max_;
};

}  // namespace vidai
