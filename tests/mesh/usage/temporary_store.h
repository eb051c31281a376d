// SPDX-License-Identifier: Apache-2.0
// A store in a folder that is gone with it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/usage/reading.h"
#include "mesh/usage/store.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::usage {

class TemporaryStore {
  public:
    TemporaryStore() {
        std::string text = (std::filesystem::temp_directory_path() / "vidai-usage-XXXXXX");
        CHECK(::mkdtemp(text.data()) != nullptr);
        data_ = text;
        options = {.folder = (data_ / "usage").string(),
                   .origin = {{{1}}, {{2}}},
                   .keep = {1U << 30, WallTime::duration(1'000'000)}};
    }
    ~TemporaryStore() { std::filesystem::remove_all(data_); }
    TemporaryStore(const TemporaryStore&) = delete;
    TemporaryStore& operator=(const TemporaryStore&) = delete;

    std::unique_ptr<Store> open() const {
        auto store = Store::open(options, seal::system_random());
        EXPECT_TRUE(store) << store.error().message;
        return store ? std::move(*store) : nullptr;
    }
    std::vector<Event> read(std::size_t failures = 0, std::uint64_t through = UINT64_MAX,
                            std::uint64_t from = 1) const {
        std::vector<Event> found;
        const auto failed = read_folder(options.folder, options.origin, {from, through},
                                        [&](const Event& event) { found.push_back(event); });
        EXPECT_EQ(failed.size(), failures) << (failed.empty() ? "" : failed.front().why.message);
        return found;
    }

    std::string archive() const { return data_.string(); }

    Store::Options options;

  private:
    std::filesystem::path data_;
};

}  // namespace vidai::mesh::usage
