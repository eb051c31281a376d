// SPDX-License-Identifier: Apache-2.0
#include "mesh/journal/rewrite.h"

#include <exception>

namespace vidai::mesh::journal {

namespace {
constexpr std::size_t kPiece = 1U << 20;
}  // namespace

Rewrite::Rewrite(std::unique_ptr<Volume> volume, Journal journal, std::vector<Source> records)
    : volume_(std::move(volume)), journal_(std::move(journal)), records_(std::move(records)) {}

Rewrite::Rewrite(Rewrite&& other) noexcept = default;

Rewrite::~Rewrite() {
    if (volume_ == nullptr) return;
    const std::string path = volume_->name();
    volume_.reset();
    remove_beside(path);
}

Result<Rewrite> Rewrite::begin(const std::string& path, const Owner& owner,
                               seal::RandomSource& random, std::vector<Source> records) {
    auto volume = create_beside(path);
    if (!volume) return std::unexpected(std::move(volume).error());
    const auto nothing = [](std::uint8_t, seal::ByteView) -> Result<void> { return {}; };
    auto journal = Journal::open(**volume, owner, random, nothing);
    if (!journal) {
        remove_beside(path);
        return std::unexpected(std::move(journal).error());
    }
    return Rewrite(std::move(*volume), std::move(*journal), std::move(records));
}

void Rewrite::add(std::uint8_t kind, seal::ByteView bytes) {
    behind_.push_back({kind, seal::Bytes(bytes.begin(), bytes.end())});
}

Result<bool> Rewrite::step() {
    while (written_ < records_.size() && journal_.pending_bytes() < kPiece) {
        const Record record = std::exchange(records_[written_++], nullptr)();
        journal_.append(record.kind, record.bytes);
    }
    if (auto done = journal_.commit(); !done) return std::unexpected(std::move(done).error());
    return written_ == records_.size();
}

Result<void> Rewrite::finish() {
    for (bool whole = false; !whole;) {
        auto done = step();
        if (!done) return std::unexpected(std::move(done).error());
        whole = *done;
    }
    for (const Record& record : std::exchange(behind_, {})) {
        journal_.append(record.kind, record.bytes);
    }
    if (auto done = journal_.commit(); !done) return done;
    return journal_.mark();
}

Result<Rewrite::Made> Rewrite::take_place() && {
    auto done = journal::take_place(*volume_);
    if (!done) {
        volume_.reset();  // whichever it is by now, it stays
        return std::unexpected(std::move(done).error());
    }
    return Made{std::move(volume_), std::move(journal_)};
}

}  // namespace vidai::mesh::journal
