// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/books.h"

#include <algorithm>
#include <string>
#include <utility>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

// Of one signature. Far below what a batch may be, so that only an entry which carries an estate
// makes a large one.
constexpr std::size_t kEntriesAtOnce = 4'096;

constexpr std::size_t kGoneMax = 65'536;  // of one volume, besides those before a generation

std::unexpected<Error> senseless(const std::string& what) {
    return fail(ErrorCode::kCorrupt, "a record of the journal " + what);
}

seal::Bytes encode(const Batch& batch) {
    seal::Bytes out;
    seal::Writer(out).fixed(batch.signature.bytes).fixed(batch.bytes);
    return out;
}

Record boot_record(Boot boot) {
    Record out{Record::Kind::kBoot, {}};
    seal::Writer(out.bytes).u32(boot.value);
    return out;
}

Record seal_record(const LogId& log) {
    Record out{Record::Kind::kSealed, {}};
    seal::Writer(out.bytes).fixed(log.ledger.bytes).u32(log.generation);
    return out;
}

bool takes_over(const EntryRef& entry) {
    return std::holds_alternative<Inherit>(*entry) || std::holds_alternative<Adopt>(*entry) ||
           std::holds_alternative<AdoptCircle>(*entry);
}

void add(const BatchRef& batch, OwnLog& log) {
    log.bytes += batch->bytes.size();
    if (std::ranges::any_of(batch->entries, takes_over)) log.carried += batch->bytes.size();
    log.written = batch->head;
    log.batches.push_back(batch);
}

// Of those up to there nobody needs the entries but who reads the log anew.
void strip(std::vector<BatchRef>& batches, std::size_t& bare, Seq upto) {
    for (; bare < batches.size() && batches[bare]->head.seq <= upto; ++bare) {
        batches[bare] = std::make_shared<const Batch>(without_entries(*batches[bare]));
    }
}
void strip(OwnLog& log) {
    const Seq upto = std::min(log.ledger.committed(), log.ledger.synced());
    log.ledger.drop_entries(upto);
    strip(log.batches, log.bare, upto);
}
void strip(KeptLog& copy) {
    copy.custody.drop_entries();
    strip(copy.batches, copy.bare, copy.synced.seq);
}

}  // namespace

Result<void> Books::read(std::uint8_t kind, seal::ByteView bytes) {
    CHECK(!begun_);
    switch (static_cast<Record::Kind>(kind)) {
        case Record::Kind::kBoot: {
            seal::Reader reader(bytes);
            const std::uint32_t boot = reader.u32();
            if (!reader.done() || boot <= boot_.value) return senseless("counts no start");
            boot_.value = boot;
            return {};
        }
        case Record::Kind::kBatch:
            return read_batch(bytes);
        case Record::Kind::kSealed:
            return read_seal(bytes);
        case Record::Kind::kGone:
            return read_gone(bytes);
    }
    return senseless("is of a kind that this program does not know: run the newer one");
}

Result<void> Books::read_batch(seal::ByteView bytes) {
    seal::Signature signature;
    if (bytes.size() < signature.bytes.size()) return senseless("is too short");
    std::ranges::copy(bytes.first(signature.bytes.size()), signature.bytes.begin());
    auto batch = decode_batch(mesh_, bytes.subspan(signature.bytes.size()), signature, journal_);
    if (!batch) return std::unexpected(batch.error());
    const auto ref = std::make_shared<const Batch>(std::move(*batch));
    if (ref->log.ledger != self()) {
        if (auto kept = keep(ref); !kept) return senseless("does not fit: " + kept.error().message);
        due_.clear();  // it is there
        KeptLog& copy = kept_.at(ref->log);
        copy.custody.on_synced(copy.head.seq);
        copy.synced = copy.head;
        strip(copy);
        return {};
    }
    if (ref->header) own_.try_emplace(ref->log, OwnLog{Ledger(*ref->header, boot_), {}, {}});
    const auto found = own_.find(ref->log);
    if (found == own_.end()) return senseless("goes on with a log that has no beginning");
    OwnLog& log = found->second;
    if (auto next = follows(log.written, *ref); !next) {
        return senseless("does not fit: " + next.error().message);
    }
    add(ref, log);
    return {};
}

Result<void> Books::read_gone(seal::ByteView bytes) {
    seal::Reader reader(bytes);
    LedgerKey ledger;
    reader.into(ledger.bytes);
    Gone gone;
    gone.before = reader.u32();
    const std::uint32_t count = reader.u32();
    if (count > kGoneMax) return senseless("forgets more logs than there can be");
    for (std::uint32_t i = 0; i < count; ++i) gone.besides.insert(reader.u32());
    if (!reader.done() || ledger == self()) return senseless("forgets no log");
    gone_[ledger] = std::move(gone);
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
        copy.custody.restart();
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
        if (is_gone(batch->log)) {
            return fail(ErrorCode::kConflict, "a later log has what that one had");
        }
        const auto& named = batch->header->custodians;
        if (batch->log.ledger == self() || std::ranges::find(named, self()) == named.end()) {
            return fail(ErrorCode::kConflict, "that log does not name this volume as custodian");
        }
        found = kept_.try_emplace(batch->log, KeptLog{Custody(*batch->header), {}, {}, {}}).first;
    }
    KeptLog& copy = found->second;
    const auto known = std::ranges::lower_bound(copy.batches, batch->head.seq, {},
                                                [](const BatchRef& one) { return one->head.seq; });
    if (known != copy.batches.end() && (*known)->head == batch->head) return {};
    if (auto next = follows(copy.head, *batch); !next) return next;
    if (auto taken = copy.custody.on_append(batch->before.seq, entries_of(*batch)); !taken) {
        return taken;
    }
    copy.batches.push_back(batch);
    copy.bytes += batch->bytes.size();
    copy.head = batch->head;
    due_.push_back(batch);
    return {};
}

void Books::seal(const LogId& log) {
    KeptLog* copy = kept(log);
    CHECK(copy != nullptr);
    if (copy->custody.sealed()) return;
    (void)copy->custody.seal();
    seals_due_.push_back(log);
}

void Books::forget_oldest() {
    CHECK(own_.size() > 1);
    own_.erase(own_.begin());
}

bool Books::is_gone(const LogId& log) const {
    const auto found = gone_.find(log.ledger);
    if (found == gone_.end() || VIDAI_MUTANT("forgotten-begun-again")) return false;
    return log.generation < found->second.before || found->second.besides.contains(log.generation);
}

bool Books::is_passed(const LogId& log) const {
    const auto found = gone_.find(log.ledger);
    return found != gone_.end() && log.generation < found->second.before;
}

void Books::forget_kept(const LogId& log) {
    CHECK(kept(log) != nullptr);
    Gone& gone = gone_[log.ledger];
    if (gone.besides.size() >= kGoneMax) return;
    gone.besides.insert(log.generation);
    drop(log);
}

void Books::forget_before(const LedgerKey& ledger, std::uint32_t generation) {
    if (ledger == self() || generation == 0) return;
    for (;;) {
        const auto first = kept_.lower_bound({ledger, 0});
        if (first == kept_.end() || first->first.ledger != ledger) break;
        if (first->first.generation >= generation) break;
        drop(LogId(first->first));
    }
    Gone& gone = gone_[ledger];
    gone.before = std::max(gone.before, generation);
    gone.besides.erase(gone.besides.begin(), gone.besides.lower_bound(gone.before));
}

void Books::drop(const LogId& log) {
    std::erase(seals_due_, log);
    std::erase_if(due_, [&](const BatchRef& batch) { return batch->log == log; });
    kept_.erase(log);
}

std::vector<std::function<Record()>> Books::snapshot() const {
    CHECK(begun_ && !writing_);
    std::vector<std::function<Record()>> out;
    const auto add = [&](Record record) {
        out.push_back([record = std::move(record)]() { return record; });
    };
    const auto add_batch = [&](const BatchRef& batch) {
        out.push_back([batch]() { return Record{Record::Kind::kBatch, encode(*batch)}; });
    };
    if (!boot_due_) add(boot_record(boot_));
    for (const auto& [ledger, gone] : gone_) {
        Record record{Record::Kind::kGone, {}};
        seal::Writer writer(record.bytes);
        writer.fixed(ledger.bytes).u32(gone.before);
        writer.u32(static_cast<std::uint32_t>(gone.besides.size()));
        for (const std::uint32_t generation : gone.besides) writer.u32(generation);
        add(std::move(record));
    }
    for (const auto& [id, log] : own_) std::ranges::for_each(log.batches, add_batch);
    for (const auto& [id, copy] : kept_) {
        std::ranges::for_each(copy.batches, add_batch);
        if (copy.seal_written) add(seal_record(id));
    }
    return out;
}

std::uint64_t Books::snapshot_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [id, log] : own_) bytes += log.bytes;
    for (const auto& [id, copy] : kept_) bytes += copy.bytes;
    return bytes;
}

void Books::write_batches(OwnLog& log, std::vector<Record>& out) {
    for (;;) {
        const auto left = log.ledger.entries_behind(log.written.seq);
        if (left.empty()) return;
        const auto entries = left.first(std::min(left.size(), kEntriesAtOnce));
        add(std::make_shared<const Batch>(
                make_batch(mesh_, log.header(), log.written, entries, key_)),
            log);
        out.push_back({Record::Kind::kBatch, encode(*log.batches.back())});
    }
}

std::vector<Record> Books::take_records() {
    CHECK(begun_ && !writing_);
    std::vector<Record> out;
    if (std::exchange(boot_due_, false)) {
        out.push_back(boot_record(boot_));
    }
    for (const BatchRef& batch : due_) out.push_back({Record::Kind::kBatch, encode(*batch)});
    due_.clear();
    Writing writing;
    for (const LogId& log : seals_due_) {  // behind all that was appended to the copy before
        out.push_back(seal_record(log));
    }
    writing.seals = std::exchange(seals_due_, {});
    for (auto& [id, log] : own_) {
        strip(log);  // what has been committed since was heard of
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
        const auto log = own_.find(id);
        if (log == own_.end()) continue;
        log->second.ledger.on_synced(upto);
    }
    for (const auto& [id, head] : done.kept) {
        KeptLog* copy = kept(id);
        if (copy == nullptr) continue;
        copy->custody.on_synced(head.seq);
        copy->synced = head;
        strip(*copy);
    }
    for (const LogId& id : done.seals) {
        if (KeptLog* copy = kept(id)) copy->seal_written = true;
    }
}

}  // namespace vidai::mesh::budget
