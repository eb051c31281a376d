// SPDX-License-Identifier: Apache-2.0
// The two sides of custody: this volume's logs to their custodians, and others' logs kept here.
#include <algorithm>
#include <chrono>

#include "mesh/budget/bank.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::budget {

namespace {

constexpr Duration kSendAgain = std::chrono::milliseconds(500);
// Of one message; an estate may be a batch of its own beyond it.
constexpr std::size_t kAppendBytes = 1U << 20;

// As many as fit, from the one behind `after` on; none where that is not between two of them.
std::vector<BatchRef> batches_behind(const std::vector<BatchRef>& all, Seq after) {
    std::vector<BatchRef> out;
    const auto behind = [](const BatchRef& batch, Seq seq) { return batch->before.seq < seq; };
    auto from = std::lower_bound(all.begin(), all.end(), after, behind);
    std::size_t bytes = 0;
    for (; from != all.end(); ++from) {
        bytes += (*from)->bytes.size();
        if (!out.empty() && bytes > kAppendBytes) break;
        out.push_back(*from);
    }
    return out;
}

bool has_head(const std::vector<BatchRef>& all, const Head& head) {
    if (head == Head{}) return true;
    const auto before = [](const BatchRef& batch, Seq seq) { return batch->head.seq < seq; };
    const auto at = std::lower_bound(all.begin(), all.end(), head.seq, before);
    return at != all.end() && (*at)->head == head;
}

}  // namespace

// --- as owner

bool Bank::confirmed(const LogHeader& log) const {
    if (opened_here_.contains(log.id) || VIDAI_MUTANT("head-not-confirmed")) return true;
    const auto found = custodians_.find(log.id);
    if (found == custodians_.end()) return log.custodians.empty();
    const auto heard =
        std::ranges::count_if(found->second, [](const auto& one) { return one.second.heard; });
    return static_cast<std::size_t>(heard) >= quorum_of(log.custodians.size()).act;
}

std::size_t Bank::sealed_by(const LogHeader& log) const {
    if (over_.contains(log.id)) return log.custodians.size();
    const auto found = custodians_.find(log.id);
    if (found == custodians_.end()) return 0;
    return static_cast<std::size_t>(
        std::ranges::count_if(found->second, [](const auto& one) { return one.second.sealed; }));
}

void Bank::replicate(MonoTime now) {
    for (const auto& [id, log] : books_.own()) {
        auto& custodians = custodians_[id];
        for (const LedgerKey& key : log.header().custodians) {
            replicate(log, key, custodians[key], now);
        }
    }
}

void Bank::replicate(const OwnLog& log, const LedgerKey& to, Custodian& at, MonoTime now) {
    if (!at.heard && !opened_here_.contains(log.header().id)) {  // it says first what it has
        if (now - at.sent_at < kSendAgain || !connected(to)) return;
        at.sent_at = now;
        send(to, AskAck{log.header().id});
        return;
    }
    if (at.sealed || !connected(to) || frozen_logs_.contains(log.header().id)) return;
    const bool again = at.has.seq < at.sent && now - at.sent_at >= kSendAgain;
    const Seq from = again ? at.has.seq : std::max(at.sent, at.has.seq);
    // What is not on this disk leaves it for nobody.
    std::vector<BatchRef> batches = batches_behind(log.batches, from);
    std::erase_if(batches,
                  [&](const BatchRef& one) { return one->head.seq > log.ledger.synced(); });
    if (batches.empty()) return;
    at.sent = batches.back()->head.seq;
    at.sent_at = now;
    send(to, Append{std::move(batches)});
}

void Bank::on(const LedgerKey& from, const Ack& ack, MonoTime now) {
    (void)now;
    // Of a log that somebody may take over, or of which this node wants something proven.
    if (ack.sealed) {
        if (Legacy* of = legacy(ack.log)) of->seals[from] = ack.head;
    }
    if (const auto of = legacies_.find(ack.log); of != legacies_.end()) {
        of->second.kept_by[from] = ack.head.seq;
    }
    for (auto& [name, taking] : taking_) {
        if (taking.log.id == ack.log && ack.head.seq >= taking.at) taking.attested.insert(from);
    }
    const auto log = books_.own().find(ack.log);
    const auto custodians = custodians_.find(ack.log);
    if (log == books_.own().end() || custodians == custodians_.end()) return;
    const auto found = custodians->second.find(from);
    if (found == custodians->second.end()) return;
    Custodian& at = found->second;
    if (!has_head(log->second.batches, ack.head) && !VIDAI_MUTANT("head-not-confirmed")) {
        freeze(ack.log,
               "a custodian has entry " + std::to_string(ack.head.seq) +
                   " of it, which is not on this volume: the volume was rolled back or copied");
        return;
    }
    at.heard = true;
    at.has = ack.head;
    if (ack.sealed) at.sealed = true;
    if (!ack.sealed) log->second.ledger.on_ack(from, ack.head.seq);
}

// --- as custodian

bool Bank::keeps(const Legacy& of) const {
    if (!of.header) return true;
    const auto copy = books_.kept().find(of.header->id);
    if (copy != books_.kept().end()) return !copy->second.custody.sealed();
    const std::vector<LedgerKey>& custodians = of.header->custodians;
    return std::ranges::find(custodians, books_.self()) != custodians.end();
}

void Bank::on(const LedgerKey& from, const Append& append, MonoTime now) {
    (void)now;
    for (const BatchRef& batch : append.batches) {
        const auto of = legacies_.find(batch->log);
        const bool known = of != legacies_.end();
        // Whoever fetched a log to take it over may have it of a custodian or of its owner.
        if (batch->log.ledger != from || (known && !keeps(of->second))) {
            if (!known) continue;  // nobody asked for it
            auto& fetched = of->second.fetched;
            const Head end = fetched.empty() ? Head{} : fetched.back()->head;
            if (follows(end, *batch)) fetched.push_back(batch);
            continue;
        }
        if (frozen_logs_.contains(batch->log)) return;
        const auto kept = books_.keep(batch);
        if (kept) {
            acknowledged_.erase(batch->log);
            continue;
        }
        if (kept.error().code == ErrorCode::kCorrupt) freeze(batch->log, kept.error().message);
        on(from, AskAck{batch->log}, now);  // what is missing, or why it is not taken any more
        return;
    }
}

void Bank::on(const LedgerKey& from, const AskAck& ask, MonoTime now) {
    (void)now;
    if (const KeptLog* copy = books_.kept(ask.log)) {
        acknowledge(from, *copy);
    } else if (from == ask.log.ledger && books_.is_gone(ask.log)) {
        send(from, Over{ask.log, books_.is_passed(ask.log)});
    } else {
        send(from, Ack{ask.log, {}, false});
    }
}

void Bank::acknowledge(const LedgerKey& to, const KeptLog& copy) {
    // A seal is told once it is on the disk; before that nothing is.
    const bool sealed = copy.custody.sealed() && !VIDAI_MUTANT("acknowledged-after-seal");
    if (sealed && !copy.seal_written) return;
    const Head& head = VIDAI_MUTANT("acknowledged-before-sync") ? copy.head : copy.synced;
    send(to, Ack{copy.custody.header().id, head, sealed});
}

void Bank::acknowledge() {
    for (const auto& [id, copy] : books_.kept()) {
        if (frozen_logs_.contains(id)) continue;
        if (copy.custody.sealed() && !VIDAI_MUTANT("acknowledged-after-seal")) {
            if (!copy.seal_written || !seal_told_.insert(id).second) continue;
            news_.push_back({BankNews::Kind::kSealed, id, {}});
            acknowledge(copy.custody.header().successor.ledger, copy);
            if (Legacy* of = legacy(id)) of->seals[books_.self()] = copy.synced;
            continue;
        }
        Head& told = acknowledged_[id];
        const Head& has = VIDAI_MUTANT("acknowledged-before-sync") ? copy.head : copy.synced;
        if (told == has || !connected(id.ledger)) continue;
        told = has;
        acknowledge(id.ledger, copy);
    }
}

void Bank::on(const LedgerKey& from, const Fetch& fetch, MonoTime now) {
    (void)now;
    std::vector<BatchRef> batches;
    const auto own = books_.own().find(fetch.log);
    if (const KeptLog* copy = books_.kept(fetch.log); copy != nullptr && copy->seal_written) {
        batches = batches_behind(copy->batches, fetch.after);
    } else if (own != books_.own().end() && own->second.ledger.state().closed()) {
        batches = batches_behind(own->second.batches, fetch.after);
        std::erase_if(batches, [&](const BatchRef& one) {
            return one->head.seq > own->second.ledger.synced();
        });
    }
    if (!batches.empty()) send(from, Append{std::move(batches)});
}

}  // namespace vidai::mesh::budget
