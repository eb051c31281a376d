// SPDX-License-Identifier: Apache-2.0
#include "node/observe/series.h"

#include <algorithm>

namespace vidai::node::observe {

SeriesTable::SeriesTable() : series_{{"other", "other"}} {}

std::uint16_t SeriesTable::intern(std::string_view alias, std::string_view provider) {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(series_.begin() + 1, series_.end(), [&](const Series& one) {
        return one.alias == alias && one.provider == provider;
    });
    if (at != series_.end()) return static_cast<std::uint16_t>(at - series_.begin());
    if (series_.size() >= kSeriesMax) return 0;
    series_.push_back({std::string(alias), std::string(provider)});
    return static_cast<std::uint16_t>(series_.size() - 1);
}

std::vector<Series> SeriesTable::list() const {
    const std::lock_guard lock(mutex_);
    return series_;
}

}  // namespace vidai::node::observe
