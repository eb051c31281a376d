// SPDX-License-Identifier: Apache-2.0
// Logs that have ended: sealed, because their owner was taken for dead, or closed and not taken by
// their next generation. Whoever keeps one says so to all until it is taken, since its heir may be
// anybody by now.
#include <algorithm>
#include <chrono>
#include <span>
#include <tuple>
#include <utility>
#include <variant>

#include "mesh/budget/bank.h"
#include "mesh/budget/circle.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::budget {

namespace {

constexpr Duration kAgain = std::chrono::milliseconds(500);
constexpr std::size_t kLegaciesMax = 4'096;

// As it was at that entry, of one's own or of a copy.
std::optional<LogState> folded(const LogHeader& header, std::span<const BatchRef> batches,
                               Seq head) {
    LogState state(header);
    for (const BatchRef& batch : batches) {
        if (state.seq() >= head) break;
        for (const EntryRef& entry : entries_of(*batch)) {
            if (state.seq() < head && !state.apply(*entry)) return std::nullopt;
        }
    }
    return state;
}

bool over(const LogHeader& log, const std::map<LedgerKey, Head>& seals) {
    const auto sealed = std::ranges::count_if(
        log.custodians, [&](const LedgerKey& key) { return seals.contains(key); });
    return static_cast<std::size_t>(sealed) >= quorum_of(log.custodians.size()).seal;
}

}  // namespace

void Bank::seal_dead(MonoTime now) {
    if (!frozen_.empty()) return;
    for (const auto& [id, copy] : books_.kept()) {
        if (copy.custody.sealed()) continue;
        // Enough others have: it is over, and who takes it as one of a circle needs all words.
        const auto known = legacies_.find(id);
        if (known != legacies_.end() && over(copy.custody.header(), known->second.seals)) {
            books_.seal(id);
            continue;
        }
        const auto owner = peers_.find(id.ledger);
        if (owner == peers_.end() || !owner->second.dead) continue;
        if (now - *owner->second.dead >= options_.grace) books_.seal(id);
    }
}

Bank::Legacy* Bank::legacy(const LogId& log) {
    const auto found = legacies_.find(log);
    if (found != legacies_.end()) return &found->second;
    return legacies_.size() < kLegaciesMax ? &legacies_[log] : nullptr;
}

// Whether a log that is known here stands for it by now.
bool Bank::has_heir(const LogId& log) const {
    for (const auto& [id, own] : books_.own()) {
        // What is behind the committed may never be: others may have sealed that log.
        const bool whole = own.ledger.committed() == own.ledger.state().seq();
        if (id != log && whole && own.ledger.state().represents(log)) return true;
    }
    return std::ranges::any_of(books_.kept(), [&](const auto& one) {
        // Nor of a copy, unless its owner is at work in that very log.
        const auto owner = peers_.find(one.first.ledger);
        const bool lives = owner != peers_.end() && owner->second.connected &&
                           owner->second.hello.log.id == one.first;
        return lives && one.first != log && one.second.custody.state().represents(log);
    });
}

bool Bank::all_owned() const {
    std::bitset<kBuckets> owned;
    if (books_.newest() != nullptr) owned = books_.newest()->ledger.state().estate().owned;
    for (const auto& [key, peer] : peers_) {
        if (peer.connected) owned |= peer.hello.owned;
    }
    return owned.all();
}

// What this volume knows of logs that have ended, to who may be the heir: this one, or anybody.
void Bank::tell_ended(MonoTime now) {
    if (now - told_ended_ < kAgain || all_owned()) return;
    told_ended_ = now;
    std::vector<Ended> all;
    for (const auto& [id, copy] : books_.kept()) {
        const LogState& state = copy.custody.state();
        if (!copy.seal_written || has_heir(id)) continue;
        all.push_back({copy.custody.header(), copy.synced, true, state.closed_to()});
    }
    for (const auto& [id, log] : books_.own()) {
        const LogState& state = log.ledger.state();
        const bool closed = state.closed() && log.ledger.committed() == state.seq();
        if (closed && !has_heir(id))
            all.push_back({log.header(), log.written, false, state.closed_to()});
    }
    for (const Ended& one : all) {
        broadcast(one);
        on(books_.self(), one, now);
    }
}

void Bank::on(const LedgerKey& from, const Ended& ended, MonoTime now) {
    (void)now;
    Legacy* of = legacy(ended.log.id);
    if (of == nullptr) return;
    of->header = ended.log;
    if (ended.sealed) of->seals[from] = ended.head;
    if (ended.closed_to) of->closed = {*ended.closed_to, ended.head.seq};
    of->kept_by[from] = ended.head.seq;
}

// As it was at that entry. Nothing: what is missing has been asked for.
std::optional<LogState> Bank::state_of(const LogHeader& header, Legacy& of, Seq head,
                                       MonoTime now) {
    const KeptLog* copy = books_.kept(header.id);
    if (copy != nullptr && copy->synced.seq >= head) {
        return folded(header, copy->batches, head);
    }
    const auto own = books_.own().find(header.id);
    if (own != books_.own().end()) {
        const Ledger& mine = own->second.ledger;
        if (mine.synced() < head) return std::nullopt;
        return folded(header, own->second.batches, head);
    }
    auto state = folded(header, of.fetched, head);
    if (!state || state->seq() == head) return state;
    if (now - of.fetch_asked < kAgain) return std::nullopt;
    of.fetch_asked = now;
    for (const auto& [key, has] : of.kept_by) {
        if (has >= head) send(key, Fetch{header.id, state->seq()});
    }
    for (const auto& [key, seal] : of.seals) {
        if (seal.seq >= head && !of.kept_by.contains(key))
            send(key, Fetch{header.id, state->seq()});
    }
    return std::nullopt;
}

void Bank::adopt(MonoTime now) {
    if (!ready()) return;
    std::map<LogId, LogHeader> ended;
    for (const auto& [key, peer] : peers_) {
        if (peer.dead && peer.hello.log.id.generation > 0) {
            ended[peer.hello.log.id] = peer.hello.log;
        }
    }
    for (const auto& [id, of] : legacies_) {
        if (of.header) ended[id] = *of.header;
    }
    for (const auto& [id, copy] : books_.kept()) {
        // By this custodian or another: its owner may be back, and have lost the log all the same.
        const auto legacy = legacies_.find(id);
        const bool told = legacy != legacies_.end() && !legacy->second.seals.empty();
        if (copy.custody.sealed() || told) ended[id] = copy.custody.header();
    }
    for (const auto& [id, header] : ended) {
        const LogState& state = books_.newest()->ledger.state();
        Legacy* of = legacy(id);
        if (of == nullptr) continue;
        if (of->closed) take_closed(header, *of, now);
        if (header.custodians.empty() || state.has_adopted(id)) continue;
        if (!state.represents(header.successor) && !VIDAI_MUTANT("two-adopters")) continue;
        (void)adopt(header, *of, now);
    }
    adopt_circle(now);
}

// Closed, and what it had is this log's to take.
void Bank::take_closed(const LogHeader& header, Legacy& of, MonoTime now) {
    const auto& [to, at] = *of.closed;
    const LogState& mine = books_.newest()->ledger.state();
    if (!mine.represents(to) || mine.has_taken(header.id, at)) return;
    if (taking_.contains({header.id, at})) return;
    const auto state = state_of(header, of, at, now);
    if (!state || state->closed_to() != to) return;
    Taking taking;
    taking.log = header;
    taking.at = at;
    taking.to = to;
    taking.estate = std::make_shared<const Estate>(state->estate());
    taking_.try_emplace({header.id, at}, std::move(taking));
}

bool Bank::adopt(const LogHeader& header, Legacy& of, MonoTime now) {
    const bool again = of.asked == MonoTime{} || now - of.asked >= kAgain;
    Adopt entry{header, {}, 0, false, nullptr};
    bool awaited = false;  // a custodian that can still say what it has
    for (const LedgerKey& key : header.custodians) {
        const auto seal = of.seals.find(key);
        if (seal != of.seals.end()) {
            entry.seals.push_back({key, seal->second.seq});
            continue;
        }
        if (again) send(key, AskAck{header.id});
        const auto kept = of.kept_by.find(key);
        if (kept != of.kept_by.end() && kept->second == 0) continue;  // nothing that it could seal
        awaited = awaited || at_work(key) || key == books_.self();
    }
    if (again) of.asked = now;
    if (entry.seals.size() < quorum_of(header.custodians.size()).seal) return false;
    const bool all = entry.seals.size() == header.custodians.size();
    entry.head = all ? committed_head(header, entry.seals) : sealed_head(entry.seals);
    // The end of it may be what one custodian alone has. Taken all the same, a Close or an Out
    // there gives to who could never prove it: with a Close nothing is lost by waiting.
    const auto shorter = [&](const SealedHead& seal) { return seal.head != entry.head; };
    const bool doubtful = !all && std::ranges::any_of(entry.seals, shorter);
    if (doubtful && (awaited || !again)) return false;
    const auto state = state_of(header, of, entry.head, now);
    if (!state || (doubtful && state->closed())) return false;
    entry.closed = state->closed();
    if (entry.closed) of.closed = {*state->closed_to(), entry.head};
    entry.estate = std::make_shared<const Estate>(state->estate());
    const auto at = books_.newest()->ledger.append(std::move(entry));
    if (!at) return false;
    news_.push_back({BankNews::Kind::kTakenOver, header.id, {}});
    return true;
}

// --- logs of which each one's heir has ended, too

void Bank::adopt_circle(MonoTime now) {
    if (now - circle_tried_ < kAgain || all_owned()) return;
    circle_tried_ = now;
    std::vector<EndedLog> logs;
    std::map<LogId, Estate> estates;
    for (auto& [id, of] : legacies_) {
        const LogState& mine = books_.newest()->ledger.state();
        if (mine.represents(id) || mine.has_adopted(id)) continue;
        auto ended = ended_log(of, now);
        if (!ended) continue;
        estates[id] = std::move(ended->second);
        logs.push_back(std::move(ended->first));
    }
    const std::vector<EndedLog> all = logs;
    std::erase_if(logs, [&](const EndedLog& log) {
        return std::ranges::any_of(all, [&](const EndedLog& other) {
            return other.header.id != log.header.id && other.represents.contains(log.header.id);
        });
    });
    for (const Circle& circle : find_circles(logs)) {
        const LogState& mine = books_.newest()->ledger.state();
        if (!mine.represents(circle.heir) && !VIDAI_MUTANT("circle-for-anyone")) continue;
        std::vector<EndedLog> members;
        for (const std::size_t at : circle.logs) members.push_back(logs[at]);
        claim(std::move(members), estates);
    }
}

// What its custodians say of it, and what it had. Nothing: words are missing and asked for, or the
// log itself.
std::optional<std::pair<EndedLog, Estate>> Bank::ended_log(Legacy& of, MonoTime now) {
    if (!of.header) return std::nullopt;
    EndedLog log{*of.header, {}, 0, {}, {}}, closed = log;
    // Whoever said so may be one that alone has its Close: then it is none.
    if (of.closed) std::tie(closed.closed_to, closed.head) = *of.closed;
    for (const LedgerKey& key : log.header.custodians) {
        const auto seal = of.seals.find(key);
        const auto kept = of.kept_by.find(key);
        const bool sealed = seal != of.seals.end();
        if (sealed) log.seals.push_back({key, seal->second.seq});
        const bool has = of.closed && kept != of.kept_by.end() && kept->second == closed.head;
        if (has || (of.closed && sealed && seal->second.seq == closed.head)) {
            closed.seals.push_back({key, closed.head});
        } else if (!sealed) {
            send(key, AskAck{log.header.id});
        }
    }
    if (is_final(closed)) {
        log = std::move(closed);
    } else if (is_final(log)) {
        log.head = committed_head(log.header, log.seals);
    } else {
        return std::nullopt;
    }
    auto state = state_of(log.header, of, log.head, now);
    if (!state) return std::nullopt;
    log.closed_to = state->closed_to();
    if (log.closed_to) of.closed = {*log.closed_to, log.head};
    log.represents = state->estate().represents;
    return std::pair{std::move(log), state->estate()};
}

void Bank::claim(std::vector<EndedLog> circle, const std::map<LogId, Estate>& estates) {
    if (circle.size() > kCircleMax) return;
    AdoptCircle entry{std::move(circle), nullptr};
    auto all = std::make_shared<Estate>();
    for (const EndedLog& log : entry.logs) {
        if (log.closed_to) continue;  // what it had is taken as any closed log's
        const Estate& estate = estates.at(log.header.id);
        if ((all->owned & estate.owned).any()) return;  // a volume was rolled back
        merge(estate, *all);
    }
    entry.estate = std::move(all);
    if (!books_.newest()->ledger.append(entry)) return;
    for (const EndedLog& log : entry.logs) {
        news_.push_back({BankNews::Kind::kTakenOver, log.header.id, {}});
    }
}

}  // namespace vidai::mesh::budget
