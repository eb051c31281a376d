// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/reading.h"

#include <algorithm>
#include <utility>

#include "mesh/usage/folder.h"

namespace vidai::mesh::usage {

namespace {

Result<void> read_whole(const std::string& path, const journal::Owner& origin,
                        const Segment::Read& read) {
    const auto copy = copy_segment(path);
    if (!copy) return std::unexpected(copy.error());
    const auto segment = Segment::open(**copy, origin, seal::system_random(), read);
    if (!segment) return std::unexpected(segment.error());
    return {};
}

Unread read_what_is_left(const std::string& path, const journal::Owner& origin,
                         const Segment::Read& read, Error why) {
    const auto copy = copy_segment(path);
    if (!copy) return {path, 0, std::move(why)};
    const auto passed_over = Segment::salvage(**copy, origin, read);
    if (!passed_over) return {path, 0, std::move(why)};
    why.message += ". " + std::to_string(*passed_over) +
                   " bytes of it are passed over, and the rest of it is read";
    return {path, *passed_over, std::move(why)};
}

}  // namespace

bool read_segment(const std::string& path, const journal::Owner& origin, const Segment::Read& read,
                  std::vector<Unread>& unread) {
    std::uint64_t last = 0;
    const Segment::Read once = [&](const Event& event) {
        if (event.number <= last) return;
        last = event.number;
        read(event);
    };
    auto done = read_whole(path, origin, once);
    // A file that was being made while it was copied lacks its header in the copy, and may have
    // records there. Records come after the header, so that it has one by now.
    if (!done && done.error().code == ErrorCode::kCorrupt) done = read_whole(path, origin, once);
    if (done) return true;
    if (done.error().code == ErrorCode::kNotFound) return false;
    if (done.error().code == ErrorCode::kCorrupt) {
        unread.push_back(read_what_is_left(path, origin, once, done.error()));
    } else {
        unread.push_back({path, 0, done.error()});
    }
    return true;
}

std::vector<Unread> read_folder(const std::string& folder, const journal::Owner& origin,
                                const Span& span, const Segment::Read& read,
                                const std::stop_token& stop) {
    const auto files = list_segments(folder);
    if (!files) return {{folder, 0, files.error()}};
    std::vector<Unread> unread;
    std::uint64_t last = 0;
    const Segment::Read within = [&](const Event& event) {
        if (event.number <= last || event.number < span.from || event.number > span.through) return;
        last = event.number;
        read(event);
    };
    for (std::size_t i = 0; i < files->size(); ++i) {
        const File& file = (*files)[i];
        if (file.first > span.through || stop.stop_requested()) break;
        if (i + 1 < files->size() && (*files)[i + 1].first <= span.from) continue;
        if (file.last != 0 && file.last < span.from) continue;
        if (read_segment(segment_path(folder, file), origin, within, unread)) continue;
        // It was deleted meanwhile, or closed, and has another name.
        const auto again = list_segments(folder);
        if (!again) {
            unread.push_back({folder, 0, again.error()});
            continue;
        }
        const auto closed = std::ranges::find(*again, file.first, &File::first);
        if (closed == again->end()) continue;
        read_segment(segment_path(folder, *closed), origin, within, unread);
    }
    return unread;
}

}  // namespace vidai::mesh::usage
