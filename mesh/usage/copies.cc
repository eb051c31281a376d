// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/copies.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include <unistd.h>

#include "mesh/seal/disk.h"
#include "mesh/usage/archive.h"
#include "mesh/usage/batch.h"
#include "mesh/usage/folder.h"

namespace vidai::mesh::usage {

namespace {

constexpr std::string_view kAbout = "/about";
constexpr std::string_view kNode = "node ";
constexpr std::string_view kFloor = "floor ";
constexpr std::size_t kAboutBytesMax = 1'024;

Result<void> delete_file(const std::string& path) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return seal::io_error(errno, "delete", path);
}

}  // namespace

std::string Copies::folder(const seal::PublicKey& origin) const {
    return origin_folder(options_.archive, origin);
}

// --- what is there

void Copies::load(const std::stop_token& stop) {
    const auto origins = list_origins(options_.archive);
    if (!origins) {
        unread_.push_back({options_.archive, 0, origins.error()});
        return;
    }
    for (const seal::PublicKey& origin : *origins) {
        if (origin != options_.own.ledger) find_files(origin, stop);
    }
}

void Copies::find_files(const seal::PublicKey& origin, const std::stop_token& stop) {
    const auto files = list_segments(folder(origin));
    if (!files) {
        unread_.push_back({folder(origin), 0, files.error()});
        return;
    }
    Holding& holding = holdings_[origin];
    read_about(origin, holding);
    for (const File& file : *files) {
        if (stop.stop_requested()) return;
        if (file.last == 0) {
            find_file(origin, file);
            continue;
        }
        holding.held.insert(Span{file.first, file.last});
        shut_[{origin, file.first}] = {file.last, file.bytes, file.written};
    }
}

// One that was written to when its process ended.
void Copies::find_file(const seal::PublicKey& origin, const File& file) {
    const std::uint64_t first = file.first;
    const std::string path = segment_path(folder(origin), file);
    Numbers found;
    const std::size_t damaged = unread_.size();
    read_segment(
        path, owner(origin), [&](const Event& event) { found.insert(event.number); }, unread_);
    const bool sound = unread_.size() == damaged;
    if (sound && found.empty()) return static_cast<void>(delete_file(path));
    holdings_[origin].held.insert(found);
    const std::uint64_t last = found.empty() ? 0 : found.spans().back().through;
    const bool whole = sound && found.contains(Span{first, last});
    const std::string to = segment_path(folder(origin), first, last);
    const bool named = whole && seal::system_disk().rename(path, to).has_value() &&
                       seal::system_disk().sync_directory(folder(origin)).has_value();
    shut_[{origin, first}] = {named ? last : 0, file.bytes, file.written};
}

// Two lines; what cannot be read says nothing.
void Copies::read_about(const seal::PublicKey& origin, Holding& holding) const {
    const auto bytes = seal::system_disk().read(folder(origin) + std::string(kAbout),
                                                seal::Privacy::kPublic, kAboutBytesMax);
    if (!bytes) return;
    std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.starts_with(kNode)) {
            if (auto node = parse_node_id(line.substr(kNode.size()))) holding.node = *node;
        } else if (line.starts_with(kFloor)) {
            const std::string_view digits = line.substr(kFloor.size());
            std::from_chars(digits.data(), digits.data() + digits.size(), holding.floor);
        }
    }
}

Result<void> Copies::write_about(const seal::PublicKey& origin, const Holding& holding) const {
    const std::string text = std::string(kNode) + holding.node.str() + "\n" + std::string(kFloor) +
                             std::to_string(holding.floor) + "\n";
    return seal::system_disk().replace(folder(origin) + std::string(kAbout), seal::bytes_of(text));
}

// --- what comes

Result<Holding*> Copies::holding_of(const seal::PublicKey& origin, const NodeId& node) {
    auto found = holdings_.find(origin);
    if (found == holdings_.end()) {
        if (holdings_.size() >= kOriginsMax) {
            return fail(
                ErrorCode::kResourceExhausted,
                "this node keeps usage of " + std::to_string(kOriginsMax) + " volumes already");
        }
        if (auto made = make_folder(folder(origin)); !made) return std::unexpected(made.error());
        found = holdings_.try_emplace(origin).first;
    }
    Holding& holding = found->second;
    if (holding.node != node) {
        holding.node = node;
        if (auto told = write_about(origin, holding); !told) return std::unexpected(told.error());
    }
    return &holding;
}

// One that goes on with that number, or a new one.
Result<Copies::Open*> Copies::open_for(const seal::PublicKey& origin, std::uint64_t number) {
    const auto found = std::ranges::find_if(open_, [&](const Open& one) {
        return one.place.origin == origin && one.segment.last() + 1 == number;
    });
    if (found != open_.end()) {
        open_.splice(open_.begin(), open_, found);
        return &open_.front();
    }
    if (shut_.size() + open_.size() >= kFilesMax) {
        return fail(ErrorCode::kResourceExhausted,
                    "this node has " + std::to_string(kFilesMax) + " files of others' usage");
    }
    if (open_.size() >= kOpenMax) {
        commit();
        if (open_.size() >= kOpenMax) shut(std::prev(open_.end()), true);
    }
    const std::string path = segment_path(folder(origin), number);
    auto volume = journal::open_file(path);
    if (!volume) return std::unexpected(volume.error());
    Numbers there;
    auto segment = Segment::open(**volume, owner(origin), *random_,
                                 [&](const Event& event) { there.insert(event.number); });
    if (!segment) return std::unexpected(segment.error());
    open_.push_front({{origin, number}, std::move(*volume), std::move(*segment), {}});
    // Left by a write that failed here: it is on the disk after all.
    holdings_.at(origin).held.insert(there);
    shut_.erase({origin, number});
    return &open_.front();
}

Result<void> Copies::add(const seal::PublicKey& origin, const NodeId& node, seal::ByteView batch) {
    if (origin == options_.own.ledger) {
        return fail(ErrorCode::kInvalidRequest, "usage of this node's own volume is no copy");
    }
    const auto holding = holding_of(origin, node);
    if (!holding) return std::unexpected(holding.error());
    Open* open = nullptr;
    auto done = read_batch(batch, [&](const Event& event) -> Result<void> {
        if ((*holding)->held.contains(event.number)) return {};
        if (open == nullptr || open->segment.last() + 1 != event.number) {
            const bool pending = std::ranges::any_of(open_, [&](const Open& one) {
                return one.place.origin == origin && one.added.contains(event.number);
            });
            if (pending) return {};
            auto next = open_for(origin, event.number);
            if (!next) return std::unexpected(next.error());
            open = *next;
            if ((*holding)->held.contains(event.number)) return {};
        }
        open->segment.append(event);
        open->added.insert(event.number);
        return {};
    });
    if (!done) ++failures_;
    return done;
}

// `sound`: all that was appended is synced, and can be named by its last number.
void Copies::shut(std::list<Open>::iterator which, bool sound) {
    const Place place = which->place;
    Shut closed{0, which->segment.bytes(), which->segment.newest()};
    const std::string path = segment_path(folder(place.origin), place.first);
    const std::uint64_t last = which->segment.last();
    const bool marked = sound && last != 0 && which->segment.mark().has_value();
    open_.erase(which);
    if (marked &&
        seal::system_disk().rename(path, segment_path(folder(place.origin), place.first, last))) {
        closed.last = last;
        (void)seal::system_disk().sync_directory(folder(place.origin));
    }
    shut_[place] = closed;
}

void Copies::commit() {
    for (auto at = open_.begin(); at != open_.end();) {
        const auto one = at++;
        if (one->added.empty()) continue;
        const bool synced = one->segment.commit().has_value();
        if (synced) {
            holdings_.at(one->place.origin).held.insert(one->added);
            changed_.insert(one->place.origin);
        } else {
            ++failures_;
        }
        one->added = {};
        if (!synced || one->segment.bytes() >= options_.segment_bytes) shut(one, synced);
    }
}

// --- what goes

std::uint64_t Copies::bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [place, file] : shut_) bytes += file.bytes;
    for (const Open& one : open_) bytes += one.segment.bytes();
    return bytes;
}

Result<void> Copies::tidy(WallTime now) {
    std::uint64_t bytes = this->bytes();
    const auto old = [&](const Shut& file) { return file.newest < now - options_.keep.age; };
    for (;;) {
        const auto oldest =
            std::ranges::min_element(shut_, {}, [](const auto& one) { return one.second.newest; });
        if (oldest == shut_.end()) return {};
        if (!old(oldest->second) && bytes <= options_.keep.bytes) return {};
        const auto [place, file] = *oldest;
        Holding& holding = holdings_.at(place.origin);
        const auto spans = holding.held.spans();
        // What it has, as far as is known: up to its last one, or to where the next file begins.
        std::uint64_t last = file.last;
        if (last == 0) {
            const auto next = std::next(oldest);
            const bool same = next != shut_.end() && next->first.origin == place.origin;
            last = same ? next->first.first - 1 : UINT64_MAX - 1;
            for (const Open& one : open_) {
                if (one.place.origin == place.origin && one.place.first > place.first) {
                    last = std::min(last, one.place.first - 1);
                }
            }
        }
        const std::string path = segment_path(folder(place.origin), place.first, file.last);
        if (auto gone = delete_file(path); !gone) return gone;
        holding.held.erase({place.first, last});
        if (!spans.empty()) {
            holding.floor = std::max(holding.floor, std::min(last, spans.back().through) + 1);
        }
        bytes -= std::min(bytes, file.bytes);
        shut_.erase(oldest);
        changed_.insert(place.origin);
        if (auto told = write_about(place.origin, holding); !told) return told;
    }
}

}  // namespace vidai::mesh::usage
