// SPDX-License-Identifier: Apache-2.0
// A disk in memory that keeps its promises and no more: at a crash each sector of what was written
// since the last sync is there or not, as dice have it, and the file has any of the sizes that it
// had meanwhile. It can fail from any call on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "mesh/journal/volume.h"
#include "schema/base/rng.h"

namespace vidai::mesh::journal {

class MemoryVolume final : public Volume {
  public:
    static constexpr std::size_t kSector = 512;

    Result<std::uint64_t> size() override { return now_.size(); }
    Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) override {
        if (offset >= now_.size()) return 0;
        const std::size_t count = std::min<std::size_t>(out.size(), now_.size() - offset);
        std::copy_n(now_.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
        return count;
    }
    Result<void> write(std::uint64_t offset, seal::ByteView bytes) override {
        if (fails()) return fail(ErrorCode::kIo, "no space left on device");
        if (now_.size() < offset + bytes.size()) now_.resize(offset + bytes.size());
        std::ranges::copy(bytes, now_.begin() + static_cast<std::ptrdiff_t>(offset));
        sizes_.push_back(now_.size());
        return {};
    }
    Result<void> truncate(std::uint64_t size) override {
        if (fails()) return fail(ErrorCode::kIo, "no space left on device");
        now_.resize(size);
        sizes_.push_back(now_.size());
        return {};
    }
    Result<void> sync() override {
        if (fails()) return fail(ErrorCode::kIo, "input/output error");
        synced_ = now_;
        sizes_ = {now_.size()};
        ++syncs;
        return {};
    }
    const std::string& name() const override { return name_; }

    // The process ends: what it wrote is still on its way to the disk.
    void end() { calls_left = kNever; }
    // The power fails.
    void crash(Rng& rng) {
        const std::size_t size = sizes_.empty() ? 0 : sizes_[rng.below(sizes_.size())];
        std::vector<std::uint8_t> left(size);
        const auto all = rng.below(4);  // all, nothing, or each sector by itself
        for (std::size_t at = 0; at < size; at += kSector) {
            const bool fresh = all == 0 || (all != 1 && rng.chance(0.5));
            const auto& from = fresh ? now_ : synced_;
            for (std::size_t i = at; i < std::min(size, at + kSector); ++i) {
                left[i] = i < from.size() ? from[i] : 0;
            }
        }
        now_ = synced_ = std::move(left);
        sizes_ = {now_.size()};
        calls_left = kNever;
    }

    static constexpr std::uint64_t kNever = ~std::uint64_t{0};
    std::uint64_t calls_left = kNever;  // writes and syncs until all of them fail
    std::uint64_t syncs = 0;
    std::vector<std::uint8_t>& bytes() { return now_; }
    // What is there for good; and an old copy of that in its place, while no process has it.
    const std::vector<std::uint8_t>& synced() const { return synced_; }
    void put_back(const std::vector<std::uint8_t>& copy) {
        now_ = synced_ = copy;
        sizes_ = {now_.size()};
    }

  private:
    bool fails() { return calls_left != kNever && (calls_left == 0 || --calls_left == 0); }

    std::string name_ = "DATA_DIR/journal";
    std::vector<std::uint8_t> now_, synced_;
    std::vector<std::size_t> sizes_;
};

}  // namespace vidai::mesh::journal
