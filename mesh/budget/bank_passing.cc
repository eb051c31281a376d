// SPDX-License-Identifier: Apache-2.0
// Logs and buckets that change hands: a log's next generation, and a bucket given to another node.
// Each step is an entry of some log, so that a process which ends in the middle finds in its logs
// where to go on.
#include <algorithm>
#include <chrono>
#include <variant>

#include "mesh/budget/bank.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

using std::chrono::milliseconds;

constexpr Duration kAgain = milliseconds(500);
constexpr Duration kRebalanceEvery = milliseconds(1'000);
constexpr std::size_t kMovedAtOnce = 64;  // buckets
constexpr std::size_t kTakingMax = 4'096;

constexpr std::size_t kUnpassedMax = 4;  // logs of one volume, before a long one is ended

Seq last(const OwnLog& log) {
    return log.ledger.size();
}

}  // namespace

// --- generations

void Bank::open_first(MonoTime now) {
    for (const auto& [id, log] : books_.own()) {
        for (const LedgerKey& key : log.header().custodians) custodians_[id][key];
    }
    if (books_.newest() != nullptr) return;
    LogHeader header;
    header.id = {books_.self(), 1};
    header.successor = header.id;
    header.genesis = options_.genesis;
    OwnLog& log = books_.open_log(header);
    opened_here_.insert(header.id);
    CHECK(log.ledger.append(options_.genesis ? Entry(Genesis{}) : Entry(Open{})).has_value());
    (void)now;
}

// The next ones behind this volume among those that are here, in the order of their keys.
std::vector<LedgerKey> Bank::wanted_custodians() const {
    std::vector<LedgerKey> ring;
    for (const auto& [key, peer] : peers_) {
        if (peer.connected && !peer.dead) ring.push_back(key);
    }
    if (ring.size() < 2 || ring.size() < options_.custodians) return {};
    std::ranges::sort(ring);
    const auto behind = std::ranges::upper_bound(ring, books_.self());
    std::rotate(ring.begin(), behind, ring.end());
    ring.resize(options_.custodians);
    return ring;
}

void Bank::move_if_due(MonoTime now) {
    std::vector<LedgerKey> wanted = wanted_custodians();
    if (wanted != ring_) {
        ring_ = wanted;
        ring_since_ = now;
    }
    const OwnLog* newest = books_.newest();
    if (!frozen_.empty() || newest == nullptr || now - ring_since_ < options_.settle) return;
    const LogHeader& header = newest->header();
    if (!confirmed(header)) return;
    const std::size_t sealed = sealed_by(header);
    const Quorum quorum = quorum_of(header.custodians.size());
    const bool lost = sealed >= quorum.seal;
    const bool alone = wanted.empty() && header.custodians.empty();
    // Its successor may have moved on; that log's heir is found all the same.
    const bool due = sealed > 0 || (!wanted.empty() && wanted != header.custodians) ||
                     (is_long(*newest) && books_.own().size() <= kUnpassedMax);
    if (!due) return;
    if (wanted.empty() && !alone && !lost) return;  // with fewer it would be worse off
    // The one before is passed on first.
    if (newest->ledger.committed() == 0 && !lost) return;
    if (lost) news_.push_back({BankNews::Kind::kSuperseded, header.id, {}});
    open_next(std::move(wanted));
}

// A generation is the compaction of the one before; what it costs is paid once in as many bytes.
bool Bank::is_long(const OwnLog& log) const {
    return log.bytes - log.carried >= std::max(options_.log_bytes, log.carried);
}

void Bank::open_next(std::vector<LedgerKey> custodians) {
    LogHeader header;
    header.id = {books_.self(), books_.newest()->header().id.generation + 1};
    header.successor = header.id;
    if (!custodians.empty()) header.successor = peers_.at(custodians.front()).hello.log.id;
    header.custodians = std::move(custodians);
    OwnLog& log = books_.open_log(header);
    opened_here_.insert(header.id);
    for (const LedgerKey& key : header.custodians) custodians_[header.id][key];
    CHECK(log.ledger.append(Open{}).has_value());
    owner_.on_closed();
    news_.push_back({BankNews::Kind::kOpened, header.id, std::to_string(header.custodians.size())});
}

void Bank::pass_on(MonoTime now) {
    (void)now;
    for (auto& [id, old] : books_.own()) {
        if (id == books_.newest()->header().id || frozen_logs_.contains(id)) continue;
        pass_on(old, now);
    }
}

void Bank::pass_on(OwnLog& old, MonoTime now) {
    (void)now;
    OwnLog& newest = *books_.newest();
    const LogId& id = old.header().id;
    if (sealed_by(old.header()) >= quorum_of(old.header().custodians.size()).seal) {
        // Another has what it had, all that any seal quorum must have seen: that much may be spent.
        std::vector<Seq> heads;
        for (const auto& [key, at] : custodians_[id]) heads.push_back(at.sealed ? at.has.seq : 0);
        std::ranges::sort(heads);
        old.ledger.on_adopted(heads[quorum_of(heads.size()).seal - 1]);
        drain_pools(old);
        return;
    }
    if (!confirmed(old.header())) return;
    if (!old.ledger.state().closed()) {
        if (newest.ledger.committed() == 0) return;  // its custodians do not know of it yet
        CHECK(old.ledger.append(Close{newest.header().id}).has_value());
        return;
    }
    const Seq at = last(old);
    if (old.ledger.committed() < at || newest.ledger.state().has_taken(id, at)) return;
    drain_pools(old);
    Inherit entry{id, at, *old.ledger.state().closed_to(), {old.header(), {}}, nullptr};
    for (const auto& [key, custodian] : custodians_[id]) {
        if (custodian.has.seq >= at) entry.proof.attested_by.push_back(key);
    }
    entry.estate = std::make_shared<const Estate>(old.ledger.state().estate());
    const auto taken = newest.ledger.append(std::move(entry));
    // Of a generation in between, which passes on first.
    if (!taken && taken.error().code == ErrorCode::kConflict) return;
}

// What was activated and not lent goes to this process, which gives it back to who owns it now.
void Bank::drain_pools(OwnLog& old) {
    for (const BudgetWindow& money : old.ledger.pools()) drain_pool(old, money);
}

void Bank::drain_pool(OwnLog& log, const BudgetWindow& money) {
    const Holder& self = leases_->self();
    const MicroUsd pool = log.ledger.pool(money);
    if (pool.value <= 0) return;
    const MicroUsd had = log.ledger.grant(self, money, {});
    const MicroUsd total = log.ledger.grant(self, money, had + pool);
    send(self.ledger, Grant{log.ledger.account(self), money, total, {}});
}

// --- buckets

void Bank::offer(MonoTime now) {
    if (now - offered_ < kAgain) return;
    offered_ = now;
    std::vector<Offer> all;
    for (auto& [id, log] : books_.own()) {
        for (const auto& [at, passing] : log.ledger.state().passing()) {
            // Of a log that is over nobody may say any more what was committed; its taker knows.
            const bool open = log.ledger.committed() < at && !over_.contains(id);
            if (open && !VIDAI_MUTANT("in-before-out")) continue;
            for (const auto& [name, budget] : passing.budgets) {
                for (const auto& [window, in] : budget.windows) {
                    drain_pool(log, {name.second, window});
                }
            }
            all.push_back({log.header(), at, passing.bucket, passing.to, passing.budgets});
        }
    }
    // What the dead had given away, and what their next generations had not taken. A copy that is
    // kept for that alone waits for who has taken it to say so.
    for (const auto& [id, copy] : books_.kept()) {
        if (!copy.seal_written) continue;
        for (const auto& [at, passing] : copy.custody.state().passing()) {
            if (owner_of(passing.bucket) != nullptr && !over_.contains(id)) continue;
            all.push_back({copy.custody.header(), at, passing.bucket, passing.to, passing.budgets});
        }
    }
    for (const Offer& one : all) {  // its heir may be another by now, and this one too
        broadcast(one);
        on(books_.self(), one, now);
    }
}

void Bank::rebalance(MonoTime now) {
    if (now - rebalanced_ < kRebalanceEvery || !ready()) return;
    rebalanced_ = now;
    OwnLog& log = *books_.newest();
    const bool settled = now - ring_since_ >= 2 * options_.settle && books_.own().size() >= 1 &&
                         (ring_.empty() || log.header().custodians == ring_) &&
                         log.ledger.committed() == last(log) &&
                         log.ledger.state().passing().empty();
    if (!settled) return;
    std::size_t nodes = 1;
    const Peer* poorest = nullptr;
    for (const auto& [key, peer] : peers_) {
        if (!peer.connected || peer.dead) {
            if (peer.dead && peer.hello.owned.any()) return;  // never during a take-over
            continue;
        }
        ++nodes;
        const bool willing = !peer.hello.frozen && peer.hello.log.id.generation > 0 &&
                             peer.hello.log.custodians.size() == log.header().custodians.size();
        // Nothing that a log which is about to end takes would be committed.
        const KeptLog* copy = books_.kept(peer.hello.log.id);
        const auto ending = legacies_.find(peer.hello.log.id);
        const bool ends = (copy != nullptr && copy->custody.sealed()) ||
                          (ending != legacies_.end() && !ending->second.seals.empty());
        if (!willing || ends) continue;
        if (poorest == nullptr || peer.hello.owned.count() < poorest->hello.owned.count()) {
            poorest = &peer;
        }
    }
    if (poorest == nullptr) return;
    const std::size_t share = kBuckets / nodes, mine = log.ledger.state().estate().owned.count();
    const std::size_t theirs = poorest->hello.owned.count();
    if (mine <= share + 1 || theirs >= share) return;
    std::size_t moved = std::min({mine - share - 1, share - theirs, kMovedAtOnce});
    for (std::uint16_t bucket = 0; bucket < kBuckets && moved > 0; ++bucket) {
        if (!log.ledger.state().owns({bucket})) continue;
        if (log.ledger.append(Out{{bucket}, poorest->hello.log.id})) --moved;
    }
}

void Bank::on(const LedgerKey& from, const Offer& offer, MonoTime now) {
    (void)now;
    if (!ready()) return;
    const LogState& state = books_.newest()->ledger.state();
    if (has_taken(offer.log.id, offer.at)) {  // `from`: its owner, or a custodian of it
        return send(from, Taken{offer.log.id, offer.at});
    }
    if (!state.represents(offer.to) || state.has_taken(offer.log.id, offer.at)) return;
    if (taking_.size() >= kTakingMax) return;
    Taking taking;
    taking.log = offer.log;
    taking.at = offer.at;
    taking.to = offer.to;
    taking.bucket = offer.bucket;
    taking.budgets = offer.budgets;
    taking_.try_emplace({offer.log.id, offer.at}, std::move(taking));
}

// What is committed of it behind `told`, to who gave it: it gives no more before. What gets lost of
// this is answered to its next Offer.
void Bank::tell_taken(const OwnLog& log, Seq told) {
    const auto entries = log.ledger.entries_behind(told).first(log.ledger.committed() - told);
    for (const EntryRef& entry : entries) {
        const auto* in = std::get_if<In>(entry.get());
        if (in != nullptr) send(in->from.ledger, Taken{in->from, in->at});
    }
}

void Bank::attest(Taking& taking, MonoTime now) {
    if (const KeptLog* copy = books_.kept(taking.log.id);
        copy != nullptr && copy->synced.seq >= taking.at) {
        taking.attested.insert(books_.self());
    }
    if (taking.asked != MonoTime{} && now - taking.asked < kAgain) return;
    taking.asked = now;
    for (const LedgerKey& key : taking.log.custodians) {
        if (!taking.attested.contains(key)) send(key, AskAck{taking.log.id});
    }
}

// Whether that is over: taken, or not to be had.
bool Bank::take(Taking& taking, MonoTime now) {
    Ledger& ledger = books_.newest()->ledger;
    if (ledger.state().has_taken(taking.log.id, taking.at)) return true;
    attest(taking, now);
    if (VIDAI_MUTANT("in-before-out")) {
        taking.attested.insert(taking.log.custodians.begin(), taking.log.custodians.end());
    }
    const std::size_t act = quorum_of(taking.log.custodians.size()).act;
    const auto attested = std::ranges::count_if(
        taking.log.custodians, [&](const auto& key) { return taking.attested.contains(key); });
    if (static_cast<std::size_t>(attested) < act) return false;
    Proof proof{taking.log, {taking.attested.begin(), taking.attested.end()}};
    Entry entry = Genesis{};
    if (taking.bucket) {
        entry = In{*taking.bucket, taking.log.id,    taking.at,
                   taking.to,      std::move(proof), taking.budgets};
    } else {
        entry = Inherit{taking.log.id, taking.at, taking.to, std::move(proof), taking.estate};
    }
    if (ledger.append(std::move(entry))) {
        news_.push_back({BankNews::Kind::kMoved, taking.log.id, {}});
    }
    return true;
}

void Bank::take(MonoTime now) {
    if (!ready()) return;
    for (auto one = taking_.begin(); one != taking_.end();) {
        one = take(one->second, now) ? taking_.erase(one) : std::next(one);
    }
}

}  // namespace vidai::mesh::budget
