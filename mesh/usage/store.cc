// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/store.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "mesh/seal/disk.h"
#include "mesh/usage/folder.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::usage {

Result<std::unique_ptr<Store>> Store::open(const Options& options, seal::RandomSource& random) {
    CHECK(options.segment_bytes <= kSegmentBytesMax);
    const std::string& folder = options.folder;
    if (::mkdir(folder.c_str(), 0700) == 0) {
        const auto named = seal::system_disk().sync_directory(seal::folder_of(folder));
        if (!named) return std::unexpected(named.error());
    } else if (errno != EEXIST) {
        return seal::io_error(errno, "create", folder);
    }
    auto files = list_segments(folder);
    if (!files) return std::unexpected(files.error());
    if (files->empty()) files->push_back({.first = 1, .bytes = 0, .written = {}});
    const File last = files->back();
    files->pop_back();

    auto store = std::unique_ptr<Store>(new Store(options, random));
    for (const File& file : *files)
        store->closed_.push_back({file.first, file.bytes, file.written});
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

Result<void> Store::commit() {
    if (auto done = segment_->commit(); !done) return done;
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

Result<Dropped> Store::tidy(WallTime now) {
    CHECK(segment_->bytes() == committed_);
    if (segment_->bytes() >= options_.segment_bytes && segment_->events() > 0) {
        const Held full{first_, segment_->bytes(), segment_->newest()};
        if (auto marked = segment_->mark(); !marked) return std::unexpected(marked.error());
        if (auto begun = begin(next_); !begun) return std::unexpected(begun.error());
        closed_.push_back(full);
    }
    std::vector<Held> held = closed_;
    held.push_back({first_, segment_->bytes(), segment_->newest()});
    Dropped wanted = to_drop(held, options_.keep, now);
    for (const std::uint64_t first : wanted.ids) {
        const std::string path = segment_path(options_.folder, first);
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

namespace {

Result<void> read_file(const std::string& path, const journal::Owner& origin,
                       const Segment::Read& read) {
    const auto copy = copy_segment(path);
    if (!copy) return std::unexpected(copy.error());
    const auto segment = Segment::open(**copy, origin, seal::system_random(), read);
    if (!segment) return std::unexpected(segment.error());
    return {};
}

}  // namespace

std::vector<Error> read_folder(const std::string& folder, const journal::Owner& origin,
                               const Span& span, const Segment::Read& read,
                               const std::stop_token& stop) {
    const auto files = list_segments(folder);
    if (!files) return {files.error()};
    std::vector<Error> failed;
    std::uint64_t last = 0;
    const Segment::Read once = [&](const Event& event) {
        if (event.number <= last || event.number < span.from || event.number > span.through) return;
        last = event.number;
        read(event);
    };
    for (std::size_t i = 0; i < files->size(); ++i) {
        const File& file = (*files)[i];
        if (file.first > span.through || stop.stop_requested()) break;
        if (i + 1 < files->size() && (*files)[i + 1].first <= span.from) continue;
        const std::string path = segment_path(folder, file.first);
        auto done = read_file(path, origin, once);
        // A file that was being made while it was copied lacks its header in the copy, and may have
        // records there. Records come after the header, so that it has one by now.
        if (!done && done.error().code == ErrorCode::kCorrupt) done = read_file(path, origin, once);
        if (done || done.error().code == ErrorCode::kNotFound) continue;  // deleted meanwhile
        failed.push_back(done.error());
    }
    return failed;
}

}  // namespace vidai::mesh::usage
