// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/books.h"

#include <algorithm>
#include <string>
#include <utility>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

// Of one signature. Far below what a batch may be, so that only an entry which carries an estate
// makes a large one.
constexpr std::size_t kEntriesAtOnce = 4'096;

std::unexpected<Error> senseless(const std::string& what) {
    return fail(ErrorCode::kCorrupt, "a record of the journal " + what);
}

seal::Bytes encode(const Batch& batch) {
    seal::Bytes out;
    seal::Writer(out).fixed(batch.signature.bytes).fixed(batch.bytes);
    return out;
}

}  // namespace

Result<void> Books::read(std::uint8_t kind, seal::ByteView bytes) {
    CHECK(!begun_);
    switch (static_cast<Record::Kind>(kind)) {
        case Record::Kind::kBoot: {
            seal::Reader reader(bytes);
            const std::uint32_t boot = reader.u32();
            if (!reader.done() || boot != boot_.value + 1) return senseless("counts no start");
            boot_.value = boot;
            return {};
        }
        case Record::Kind::kBatch:
            return read_batch(bytes);
        case Record::Kind::kSealed:
            return read_seal(bytes);
    }
    return senseless("is of a kind that this program does not know: run the newer one");
}

Result<void> Books::read_batch(seal::ByteView bytes) {
    seal::Signature signature;
    if (bytes.size() < signature.bytes.size()) return senseless("is too short");
    std::ranges::copy(bytes.first(signature.bytes.size()), signature.bytes.begin());
    auto batch = decode_batch(mesh_, bytes.subspan(signature.bytes.size()), signature);
    if (!batch) return std::unexpected(batch.error());
    const auto ref = std::make_shared<const Batch>(std::move(*batch));
    if (ref->log.ledger != self()) {
        if (auto kept = keep(ref); !kept) return senseless("does not fit: " + kept.error().message);
        due_.clear();  // it is there
        KeptLog& copy = kept_.at(ref->log);
        copy.custody.on_synced(copy.head.seq);
        copy.synced = copy.head;
        return {};
    }
    if (ref->header) own_.try_emplace(ref->log, OwnLog{Ledger(*ref->header, boot_), {}, {}});
    const auto found = own_.find(ref->log);
    if (found == own_.end()) return senseless("goes on with a log that has no beginning");
    OwnLog& log = found->second;
    if (auto next = follows(log.written, *ref); !next) {
        return senseless("does not fit: " + next.error().message);
    }
    log.batches.push_back(ref);
    log.written = ref->head;
    return {};
}

Result<void> Books::read_seal(seal::ByteView bytes) {
    seal::Reader reader(bytes);
    LogId log;
    reader.into(log.ledger.bytes);
    log.generation = reader.u32();
    const auto found = kept_.find(log);
    if (!reader.done() || found == kept_.end()) return senseless("seals a log that is not here");
    (void)found->second.custody.seal();
    found->second.seal_written = true;
    return {};
}

Result<Boot> Books::begin() {
    CHECK(!begun_);
    begun_ = true;
    boot_due_ = true;
    ++boot_.value;
    for (auto& [id, log] : own_) {
        std::vector<EntryRef> entries;
        for (const BatchRef& batch : log.batches) {
            entries.insert(entries.end(), batch->entries.begin(), batch->entries.end());
        }
        auto ledger = Ledger::reopen(log.header(), entries, boot_);
        if (!ledger) return std::unexpected(ledger.error());
        log.ledger = std::move(*ledger);
    }
    for (auto& [id, copy] : kept_) {
        std::vector<EntryRef> entries(copy.custody.entries().begin(), copy.custody.entries().end());
        auto custody = Custody::reopen(copy.custody.header(), entries, copy.seal_written);
        if (!custody) return std::unexpected(custody.error());
        copy.custody = std::move(*custody);
    }
    return boot_;
}

OwnLog& Books::open_log(LogHeader header) {
    CHECK(begun_ && header.id.ledger == self());
    CHECK(header.id.generation == (own_.empty() ? 1 : newest()->header().id.generation + 1));
    const LogId id = header.id;
    return own_.try_emplace(id, OwnLog{Ledger(std::move(header), boot_), {}, {}}).first->second;
}

KeptLog* Books::kept(const LogId& log) {
    const auto found = kept_.find(log);
    return found == kept_.end() ? nullptr : &found->second;
}

Result<void> Books::keep(const BatchRef& batch) {
    auto found = kept_.find(batch->log);
    if (found == kept_.end()) {
        if (!batch->header) {
            return fail(ErrorCode::kConflict, "the beginning of that log is not here");
        }
        const auto& named = batch->header->custodians;
        if (batch->log.ledger == self() || std::ranges::find(named, self()) == named.end()) {
            return fail(ErrorCode::kConflict, "that log does not name this volume as custodian");
        }
        found = kept_.try_emplace(batch->log, KeptLog{Custody(*batch->header), {}, {}, {}}).first;
    }
    KeptLog& copy = found->second;
    const auto same = [&](const BatchRef& known) { return known->head == batch->head; };
    if (std::ranges::any_of(copy.batches, same)) return {};
    if (auto next = follows(copy.head, *batch); !next) return next;
    if (auto taken = copy.custody.on_append(batch->before.seq, batch->entries); !taken) {
        return taken;
    }
    copy.batches.push_back(batch);
    copy.head = batch->head;
    due_.push_back({Record::Kind::kBatch, encode(*batch)});
    return {};
}

void Books::seal(const LogId& log) {
    KeptLog* copy = kept(log);
    CHECK(copy != nullptr);
    if (copy->custody.sealed()) return;
    (void)copy->custody.seal();
    seals_due_.push_back(log);
}

void Books::write_batches(OwnLog& log, std::vector<Record>& out) {
    for (;;) {
        const auto left = log.ledger.entries().subspan(log.written.seq);
        if (left.empty()) return;
        const auto entries = left.first(std::min(left.size(), kEntriesAtOnce));
        log.batches.push_back(std::make_shared<const Batch>(
            make_batch(mesh_, log.header(), log.written, entries, key_)));
        log.written = log.batches.back()->head;
        out.push_back({Record::Kind::kBatch, encode(*log.batches.back())});
    }
}

std::vector<Record> Books::take_records() {
    CHECK(begun_ && !writing_);
    std::vector<Record> out;
    if (std::exchange(boot_due_, false)) {
        seal::Bytes bytes;
        seal::Writer(bytes).u32(boot_.value);
        out.push_back({Record::Kind::kBoot, std::move(bytes)});
    }
    for (Record& record : due_) out.push_back(std::move(record));
    due_.clear();
    Writing writing;
    for (const LogId& log : seals_due_) {  // behind all that was appended to the copy before
        seal::Bytes bytes;
        seal::Writer(bytes).fixed(log.ledger.bytes).u32(log.generation);
        out.push_back({Record::Kind::kSealed, std::move(bytes)});
    }
    writing.seals = std::exchange(seals_due_, {});
    for (auto& [id, log] : own_) {
        write_batches(log, out);
        writing.own[id] = log.written.seq;
    }
    for (const auto& [id, copy] : kept_) writing.kept[id] = copy.head;
    if (!out.empty()) writing_ = std::move(writing);
    return out;
}

void Books::on_committed() {
    CHECK(writing_.has_value());
    const Writing done = std::move(*std::exchange(writing_, std::nullopt));
    for (const auto& [id, upto] : done.own) {
        if (const auto log = own_.find(id); log != own_.end()) log->second.ledger.on_synced(upto);
    }
    for (const auto& [id, head] : done.kept) {
        KeptLog* copy = kept(id);
        if (copy == nullptr) continue;
        copy->custody.on_synced(head.seq);
        copy->synced = head;
    }
    for (const LogId& id : done.seals) {
        if (KeptLog* copy = kept(id)) copy->seal_written = true;
    }
}

}  // namespace vidai::mesh::budget
