// SPDX-License-Identifier: Apache-2.0
// Bounded label values: which (alias, provider) pairs have metrics of their own. Only names from
// the configuration ever get one, never a client's text; a pair keeps its number across reloads,
// and beyond the bound everything counts as "other". Main thread adds, any thread reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace vidai::node::observe {

inline constexpr std::size_t kSeriesMax = 256;  // the first, 0, is "other"

struct Series {
    std::string alias;     // label gen_ai_request_model or model
    std::string provider;  // label gen_ai_provider_name or provider
};

class SeriesTable {
  public:
    SeriesTable();
    // The pair's number, new or known; 0 when the table is full.
    std::uint16_t intern(std::string_view alias, std::string_view provider);
    std::vector<Series> list() const;

  private:
    mutable std::mutex mutex_;
    std::vector<Series> series_;
};

}  // namespace vidai::node::observe
