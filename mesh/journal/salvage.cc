// SPDX-License-Identifier: Apache-2.0
// What is left of a damaged journal.
#include <algorithm>
#include <cstddef>
#include <optional>

#include "mesh/journal/journal.h"

namespace vidai::mesh::journal {

class Journal::Debris {
  public:
    struct Record {
        std::size_t at = 0;      // its head
        std::size_t behind = 0;  // where the next one would stand
        seal::ByteView bytes;
        Check check{};
    };
    Debris(seal::ByteView bytes, std::uint8_t kind, std::size_t bytes_max)
        : bytes_(bytes), kind_(kind), bytes_max_(bytes_max) {}

    // The one at `at`, where it follows what has that check.
    std::optional<Record> at(std::size_t at, const Check& before) const {
        const auto size = size_at(at);
        if (!size) return std::nullopt;
        const seal::ByteView head = bytes_.subspan(at, kRecordHead);
        Record found{at, at + kRecordHead + *size, bytes_.subspan(at + kRecordHead, *size), {}};
        found.check = check_at(found.behind);
        found.behind += found.check.size();
        if (next_check(before, head, found.bytes) != found.check) return std::nullopt;
        return found;
    }
    // The first one that does not begin where a damaged one did, by the check before it.
    std::optional<Record> behind(std::size_t damaged) {
        constexpr std::size_t kCheck = Check().size();
        for (std::size_t at = damaged + kRecordHead + kCheck; at < bytes_.size(); ++at) {
            const auto size = size_at(at);
            if (!size) continue;
            if (*size > left_) return std::nullopt;
            left_ -= *size;
            if (auto found = this->at(at, check_at(at - kCheck))) return found;
        }
        return std::nullopt;
    }

  private:
    // Whatever stands in a damaged file, to look for the next record takes no more than this.
    static constexpr std::size_t kSummedBytesMax = 256U << 20;

    // Of what may be a record.
    std::optional<std::size_t> size_at(std::size_t at) const {
        if (at > bytes_.size()) return std::nullopt;
        const std::size_t left = bytes_.size() - at;
        constexpr std::size_t kOverhead = kRecordHead + Check().size();
        if (left < kOverhead) return std::nullopt;
        seal::Reader reader(bytes_.subspan(at, kRecordHead));
        const std::size_t size = reader.u32();
        if (reader.u8() != kind_ || size > bytes_max_ || size > left - kOverhead) {
            return std::nullopt;
        }
        return size;
    }
    Check check_at(std::size_t at) const {
        Check check;
        std::ranges::copy(bytes_.subspan(at, check.size()), check.begin());
        return check;
    }

    seal::ByteView bytes_;
    std::uint8_t kind_;
    std::size_t bytes_max_;
    std::size_t left_ = kSummedBytesMax;
};

Result<std::optional<Owner>> Journal::owner_of(Volume& volume) {
    const auto made = begun(volume);
    if (!made) return std::unexpected(made.error());
    if (!*made) return std::nullopt;
    const auto header = read_header(volume);
    if (!header) return std::unexpected(header.error());
    return header->owner;
}

Result<Journal::Salvaged> Journal::salvage(Volume& volume, const Owner& owner, std::uint8_t kind,
                                           std::size_t bytes_max, const Read& read) {
    const auto first = read_header(volume, owner);
    if (!first) return std::unexpected(first.error());
    const auto size = volume.size();
    if (!size) return std::unexpected(size.error());
    if (*size > kSalvageBytesMax) {
        return fail(ErrorCode::kCorrupt, volume.name() + " is too large to be looked through",
                    volume.name());
    }
    Journal journal(volume, *first);
    journal.first_ = *first;
    const auto mark = journal.newest_mark(*first);
    seal::Bytes bytes(*size);
    const auto got = volume.read(0, bytes);
    if (!got) return std::unexpected(got.error());
    bytes.resize(*got);

    Debris debris(bytes, kind, bytes_max);
    Salvaged done;
    std::size_t end = kFirstRecord;
    Check check = *first;
    while (end < bytes.size()) {
        auto found = debris.at(end, check);
        if (!found) found = debris.behind(end);
        if (!found) break;
        done.passed_over += found->at - end;
        if (read(kind, found->bytes)) {
            ++done.records;
        } else {
            done.passed_over += found->behind - found->at;
        }
        end = found->behind;
        check = found->check;
    }
    // Beyond what is known to be synced it is a torn tail.
    const std::uint64_t synced = mark ? mark->end : bytes.size();
    if (synced > end) done.passed_over += synced - end;
    return done;
}

}  // namespace vidai::mesh::journal
