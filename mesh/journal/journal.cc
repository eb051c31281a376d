// SPDX-License-Identifier: Apache-2.0
#include "mesh/journal/journal.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "mesh/seal/domain.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::journal {

namespace {

constexpr std::string_view kMagic = "VIDAIJNL";
constexpr std::uint32_t kFormat = 1;

using Sum = std::array<std::uint8_t, 16>;

Sum sum_of(std::initializer_list<seal::ByteView> parts) {
    Sum out;
    seal::digest(seal::Domain::kJournal, parts, {}, out);
    return out;
}

std::unexpected<Error> damaged(const Volume& volume, const std::string& what) {
    return fail(ErrorCode::kCorrupt,
                volume.name() + " is damaged: " + what +
                    ". Keep the file; restore the volume if that is possible",
                volume.name());
}

}  // namespace

Journal::Check Journal::next_check(const Check& before, seal::ByteView head, seal::ByteView bytes) {
    return sum_of({before, head, bytes});
}

seal::Bytes Journal::encode(const Mark& mark, const Check& first) {
    seal::Bytes out;
    seal::Writer writer(out);
    writer.u64(mark.number).u64(mark.end).fixed(mark.check);
    const Sum sum = sum_of({first, out});
    writer.fixed(sum);
    return out;
}

Result<void> Journal::create(Volume& volume, const Owner& owner, seal::RandomSource& random) {
    seal::Bytes header;
    seal::Writer writer(header);
    std::array<std::uint8_t, 16> nonce;
    random.fill(nonce);
    writer.fixed(seal::bytes_of(kMagic)).u32(kFormat).fixed(owner.mesh.bytes);
    writer.fixed(owner.ledger.bytes).fixed(nonce);
    const Check first = sum_of({header});
    writer.fixed(first);
    const seal::Bytes mark = encode({1, kFirstRecord, first}, first);
    // The header last, and alone: a file with one has all that is made here.
    if (auto done = volume.truncate(kFirstRecord); !done) return done;
    if (auto done = volume.write(kBlock, mark); !done) return done;
    if (auto done = volume.sync(); !done) return done;
    if (auto done = volume.write(0, header); !done) return done;
    return volume.sync();
}

Result<Journal::Header> Journal::read_header(Volume& volume) {
    seal::Bytes bytes(8 + 4 + 16 + 32 + 16 + 16);
    const auto got = volume.read(0, bytes);
    if (!got) return std::unexpected(got.error());
    seal::Reader reader(seal::ByteView(bytes).first(*got));
    const seal::ByteView magic = reader.fixed(kMagic.size());
    const std::uint32_t format = reader.u32();
    Header found;
    reader.into(found.owner.mesh.bytes);
    reader.into(found.owner.ledger.bytes);
    (void)reader.fixed(16);
    reader.into(found.check);
    if (!reader.ok() || seal::text_of(magic) != kMagic) return damaged(volume, "it has no header");
    if (format != kFormat) {
        return fail(ErrorCode::kCorrupt,
                    volume.name() + " was written by another version of this program (format " +
                        std::to_string(format) + ", this one reads " + std::to_string(kFormat) +
                        "): run that version",
                    volume.name());
    }
    const std::size_t summed = bytes.size() - found.check.size();
    if (found.check != sum_of({seal::ByteView(bytes).first(summed)})) {
        return damaged(volume, "the checksum of its header is wrong");
    }
    return found;
}

Result<Journal::Check> Journal::read_header(Volume& volume, const Owner& owner) {
    const auto found = read_header(volume);
    if (!found) return std::unexpected(found.error());
    if (found->owner != owner) {
        return fail(ErrorCode::kCorrupt,
                    volume.name() +
                        " is the journal of another volume or mesh: a data directory "
                        "is never put together from parts of several",
                    volume.name());
    }
    return found->check;
}

Result<std::optional<Journal::Mark>> Journal::read_mark(Volume& volume, const Check& first,
                                                        int slot) {
    seal::Bytes bytes(8 + 8 + 16 + 16);
    const auto got = volume.read((1 + static_cast<std::uint64_t>(slot)) * kBlock, bytes);
    if (!got) return std::unexpected(got.error());
    seal::Reader reader(seal::ByteView(bytes).first(*got));
    Mark mark;
    mark.number = reader.u64();
    mark.end = reader.u64();
    reader.into(mark.check);
    Sum sum;
    reader.into(sum);
    if (!reader.ok()) return std::nullopt;
    const std::size_t summed = bytes.size() - sum.size();
    if (sum != sum_of({first, seal::ByteView(bytes).first(summed)})) return std::nullopt;
    return mark;
}

Result<Journal::Mark> Journal::newest_mark(const Check& first) {
    std::optional<Mark> newest;
    for (const int slot : {0, 1}) {
        const auto mark = read_mark(*volume_, first, slot);
        if (!mark) return std::unexpected(mark.error());
        if (*mark && (!newest || (*mark)->number > newest->number)) newest = **mark;
    }
    // One is torn at a time.
    if (!newest) return damaged(*volume_, "neither of its marks can be read");
    return *newest;
}

// False where the file, or what can be read of it, ends.
Result<bool> Journal::read_record(std::uint64_t left, const Read& read) {
    std::array<std::uint8_t, kRecordHead> head;
    constexpr std::size_t kOverhead = head.size() + Check().size();
    if (left < kOverhead) return false;
    const auto got = volume_->read(end_, head);
    if (!got) return std::unexpected(got.error());
    if (*got < head.size()) return false;
    seal::Reader reader(head);
    const std::uint32_t size = reader.u32();
    const std::uint8_t kind = reader.u8();
    if (size > kRecordBytesMax || size > left - kOverhead) return false;
    seal::Bytes bytes(size + Check().size());
    const auto rest = volume_->read(end_ + head.size(), bytes);
    if (!rest) return std::unexpected(rest.error());
    const seal::ByteView payload = seal::ByteView(bytes).first(size);
    const Check check = next_check(check_, head, payload);
    if (*rest < bytes.size() || !std::equal(check.begin(), check.end(), bytes.begin() + size)) {
        return false;
    }
    if (auto sense = read(kind, payload); !sense) return std::unexpected(sense.error());
    check_ = check;
    end_ += kOverhead + size;
    ++recovered_.records;
    return true;
}

Result<void> Journal::recover(const Read& read) {
    const auto mark = newest_mark(first_);
    if (!mark) return std::unexpected(mark.error());
    const auto size = volume_->size();
    if (!size) return std::unexpected(size.error());
    bool reached = false;
    for (end_ = kFirstRecord;;) {
        if (end_ == mark->end) {
            reached = true;
            if (check_ != mark->check) {
                return damaged(*volume_, "its records are not those that were synced");
            }
        }
        const auto more = read_record(*size - std::min(*size, end_), read);
        if (!more) return std::unexpected(more.error());
        if (!*more) break;
    }
    if (!reached) {
        return damaged(*volume_, "the record at byte " + std::to_string(end_) +
                                     " cannot be read, and all up to byte " +
                                     std::to_string(mark->end) + " had been synced");
    }
    marks_ = mark->number;
    marked_ = mark->end;
    appended_ = check_;
    if (*size > end_) {
        recovered_.cut = *size - end_;
        if (auto done = volume_->truncate(end_); !done) return done;
    }
    // What was read may have been written and not synced by the process before.
    return volume_->sync();
}

// A crash while it was made leaves zeros where the header belongs, and no record.
Result<bool> Journal::begun(Volume& volume) {
    const auto size = volume.size();
    if (!size) return std::unexpected(size.error());
    std::array<std::uint8_t, 8> begin{};
    const auto got = volume.read(0, begin);
    if (!got) return std::unexpected(got.error());
    return *size > kFirstRecord ||
           std::ranges::any_of(begin, [](std::uint8_t byte) { return byte != 0; });
}

Result<Journal> Journal::open(Volume& volume, const Owner& owner, seal::RandomSource& random,
                              const Read& read) {
    const auto made = begun(volume);
    if (!made) return std::unexpected(made.error());
    if (!*made) {
        if (auto done = create(volume, owner, random); !done) return std::unexpected(done.error());
    }
    return reopen(volume, owner, read);
}

Result<Journal> Journal::reopen(Volume& volume, const Owner& owner, const Read& read) {
    const auto first = read_header(volume, owner);
    if (!first) return std::unexpected(first.error());
    Journal journal(volume, *first);
    journal.first_ = *first;
    if (auto done = journal.recover(read); !done) return std::unexpected(done.error());
    return journal;
}

void Journal::append(std::uint8_t kind, seal::ByteView bytes) {
    CHECK(bytes.size() <= kRecordBytesMax);
    const std::size_t at = pending_.size();
    seal::Writer writer(pending_);
    writer.u32(static_cast<std::uint32_t>(bytes.size())).u8(kind).fixed(bytes);
    const seal::ByteView written = seal::ByteView(pending_).subspan(at);
    appended_ = next_check(appended_, written.first(kRecordHead), written.subspan(kRecordHead));
    writer.fixed(appended_);
}

Result<void> Journal::write_mark() {
    const Mark mark{++marks_, end_, check_};
    marked_ = end_;
    return volume_->write((1 + (marks_ + 1) % 2) * kBlock, encode(mark, first_));
}

Result<void> Journal::sync() {
    return volume_->sync();
}

Result<void> Journal::commit() {
    if (failed_) return std::unexpected(*failed_);
    if (pending_.empty()) return {};
    const auto all = [&]() -> Result<void> {
        if (auto done = volume_->write(end_, pending_); !done) return done;
        if (marked_ != end_) {
            if (auto done = write_mark(); !done) return done;
        }
        return sync();
    };
    if (auto done = all(); !done) {
        failed_ = done.error();
        return done;
    }
    end_ += pending_.size();
    check_ = appended_;
    pending_.clear();
    ++commits_;
    return {};
}

Result<void> Journal::mark() {
    if (failed_) return std::unexpected(*failed_);
    if (marked_ == end_) return {};
    const auto all = [&]() -> Result<void> {
        if (auto done = write_mark(); !done) return done;
        return sync();
    };
    auto done = all();
    if (!done) failed_ = done.error();
    return done;
}

Result<void> make_journal(const std::string& path, const Owner& owner, seal::RandomSource& random) {
    auto volume = open_file(path);
    if (!volume) return std::unexpected(std::move(volume).error());
    const auto nothing = [](std::uint8_t, seal::ByteView) -> Result<void> { return {}; };
    auto made = Journal::open(**volume, owner, random, nothing);
    if (!made) return std::unexpected(std::move(made).error());
    return {};
}

}  // namespace vidai::mesh::journal
