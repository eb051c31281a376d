// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/store.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <unistd.h>

#include "mesh/seal/disk.h"
#include "mesh/usage/folder.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::usage {

Result<std::unique_ptr<Store>> Store::open(const Options& options, seal::RandomSource& random) {
    CHECK(options.segment_bytes <= kSegmentBytesMax);
    const std::string& folder = options.folder;
    if (auto made = make_folder(folder); !made) return std::unexpected(made.error());
    auto files = list_segments(folder);
    if (!files) return std::unexpected(files.error());
    if (files->empty()) files->push_back({.first = 1});
    // That one is not written to any more: this volume was put aside, and has come back.
    if (files->back().last != 0) files->push_back({.first = files->back().last + 1});
    const File last = files->back();
    files->pop_back();

    auto store = std::unique_ptr<Store>(new Store(options, random));
    for (const File& file : *files) {
        store->closed_.push_back({file.first, file.bytes, file.written});
        store->last_of_.emplace(file.first, file.last);
    }
    const auto begun = store->begin(last.first);
    if (begun) return store;
    if (begun.error().code != ErrorCode::kCorrupt) return std::unexpected(begun.error());
    // Numbers in a file follow one another, and none takes less than a byte.
    store->damage_ = begun.error();
    store->closed_.push_back({last.first, last.bytes, last.written});
    if (auto next = store->begin(last.first + last.bytes); !next) {
        return std::unexpected(next.error());
    }
    return store;
}

// On failure what was written to before still is.
Result<void> Store::begin(std::uint64_t first) {
    auto volume = journal::open_file(segment_path(options_.folder, first));
    if (!volume) return std::unexpected(volume.error());
    auto segment = Segment::open(**volume, options_.origin, *random_, [](const Event&) {});
    if (!segment) return std::unexpected(segment.error());
    segment_ = std::move(*segment);
    volume_ = std::move(*volume);
    first_ = first;
    next_ = std::max(first, segment_->last() + 1);
    committed_ = segment_->bytes();
    return {};
}

Result<std::uint64_t> Store::append(Event& event) {
    if (segment_->bytes() - committed_ >= kUncommittedBytesMax) {
        return fail(ErrorCode::kResourceExhausted,
                    "too many usage events wait for the disk: " + options_.folder);
    }
    event.number = next_;
    segment_->append(event);
    return next_++;
}

Result<void> Store::commit(std::vector<Record>* written) {
    if (auto done = segment_->commit(written); !done) return done;
    committed_ = segment_->bytes();
    return {};
}

Result<void> Store::renew() {
    CHECK(next_ > first_);
    const Held left{first_, volume_->size().value_or(committed_), segment_->newest()};
    if (auto begun = begin(next_); !begun) return begun;
    closed_.push_back(left);
    return {};
}

Result<Dropped> Store::tidy(WallTime now, std::uint64_t settled) {
    CHECK(segment_->bytes() == committed_);
    if (segment_->bytes() >= options_.segment_bytes && segment_->events() > 0) {
        const Held full{first_, segment_->bytes(), segment_->newest()};
        if (auto marked = segment_->mark(); !marked) return std::unexpected(marked.error());
        if (auto begun = begin(next_); !begun) return std::unexpected(begun.error());
        closed_.push_back(full);
    }
    std::vector<Held> held = closed_;
    held.push_back({first_, segment_->bytes(), segment_->newest()});
    for (std::size_t i = 0; i + 1 < held.size(); ++i) {
        held[i].settled = held[i + 1].id <= settled + 1;
    }
    Dropped wanted = to_drop(held, options_.keep, now);
    for (const std::uint64_t first : wanted.ids) {
        const auto named = last_of_.find(first);
        const std::string path =
            segment_path(options_.folder, first, named == last_of_.end() ? 0 : named->second);
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
            return seal::io_error(errno, "delete", path);
        }
        closed_.erase(closed_.begin());
    }
    return wanted;
}

std::uint64_t Store::bytes() const {
    std::uint64_t bytes = segment_->bytes();
    for (const Held& one : closed_) bytes += one.bytes;
    return bytes;
}

}  // namespace vidai::mesh::usage
