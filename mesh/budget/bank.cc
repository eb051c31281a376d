// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/bank.h"

#include <algorithm>
#include <tuple>
#include <variant>

#include "mesh/budget/open_takings.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

constexpr std::size_t kPeersMax = 4'096;

// Without what it has taken and not committed: others would stop to tell of it as nobody's.
std::bitset<kBuckets> owned_for_good(const Ledger& ledger) {
    std::bitset<kBuckets> owned = ledger.state().estate().owned;
    for_each_open_taking(
        ledger, [&](const In& in) { owned.reset(in.bucket.value); },
        [&](const Estate& estate) { owned &= ~estate.owned; });
    return owned;
}

}  // namespace

Bank::Bank(const MeshId& mesh, const seal::SecretKey& key, BankOptions options)
    : mesh_(mesh), options_(options), books_(mesh, key), owner_(books_) {
    CHECK(options_.custodians <= kCustodiansMax);
}

Result<void> Bank::begin(MonoTime now) {
    const auto boot = books_.begin();
    if (!boot) return std::unexpected(boot.error());
    const auto is_past = [this](const AccountName& name) {
        const auto peer = peers_.find(name.log.ledger);
        if (peer == peers_.end()) return false;
        const Hello& now_is = peer->second.hello;
        return std::tie(now_is.boot, now_is.log.id) > std::tie(name.boot, name.log);
    };
    const Boot holder = VIDAI_MUTANT("lease-reused") ? Boot{1} : *boot;
    leases_.emplace(
        Holder{books_.self(), holder}, [this](Bucket bucket) { return lender(bucket); }, is_past);
    ring_since_ = now;
    open_first(now);
    turn(now);
    return {};
}

std::vector<Record> Bank::take_records() {
    if (!frozen_.empty() || books_.writing()) return {};
    return books_.take_records();
}

void Bank::on_committed(MonoTime now) {
    books_.on_committed();
    boot_written_ = true;  // it is the first that there is to write
    turn(now);
}

void Bank::on_write_failed(const Error& why) {
    freeze({books_.self(), 0}, "its journal cannot be written: " + why.message);
}

void Bank::freeze(const LogId& log, const std::string& why) {
    if (!frozen_logs_.insert(log).second) return;
    if (log.ledger == books_.self() && frozen_.empty()) frozen_ = why;
    news_.push_back({BankNews::Kind::kFrozen, log, why});
}

bool Bank::connected(const LedgerKey& peer) const {
    const auto found = peers_.find(peer);
    return found != peers_.end() && found->second.connected;
}

bool Bank::at_work(const LedgerKey& peer) const {
    const auto found = peers_.find(peer);
    return found != peers_.end() && found->second.connected && !found->second.hello.frozen;
}

void Bank::send(const LedgerKey& to, Message message) {
    if (to == books_.self() || connected(to)) out_.push_back({to, std::move(message)});
}

void Bank::broadcast(const Message& message) {
    for (const auto& [key, peer] : peers_) {
        if (peer.connected) out_.push_back({key, message});
    }
}

// What this volume says to itself needs no connection; then what has come of it.
void Bank::turn(MonoTime now) {
    for (int round = 0; round < 64; ++round) {
        progress(now);
        Outbox mine, others;
        for (Outgoing& one : out_) {
            (one.to == books_.self() ? mine : others).push_back(std::move(one));
        }
        out_ = std::move(others);
        if (mine.empty()) return;
        for (const Outgoing& one : mine) {
            std::visit([&](const auto& message) { on(one.to, message, now); }, one.message);
        }
    }
}

void Bank::progress(MonoTime now) {
    const OwnLog* newest = books_.newest();
    replicate(now);
    acknowledge();
    if (newest == nullptr) return;
    for (const auto& own : books_.own()) {
        const auto committed = own.second.ledger.committed();
        std::erase_if(pending_, [&](const Pending& one) {
            if (one.log != own.first || one.at > committed) return false;
            broadcast(Changed{one.budget});
            leases_->on_changed({one.budget}, now, out_);
            if (one.from == books_.self()) {
                edits_done_.push_back(one.done);
            } else {
                send(one.from, one.done);
            }
            return true;
        });
    }
    pass_on(now);
    take(now);
    adopt(now);
    newest = books_.newest();
    const Seq committed = newest->ledger.committed();
    if (newest->header().id != progressed_log_ || committed != progressed_) {
        if (newest->header().id == progressed_log_) tell_taken(*newest, progressed_);
        progressed_log_ = newest->header().id;
        progressed_ = committed;
        owner_.on_progress(now, out_);
    }
    if (!owner_.fault().empty()) freeze(newest->header().id, owner_.fault());
    if (const Hello says = hello(); !told_ || *told_ != says) {
        told_ = says;
        broadcast(says);
    }
}

Hello Bank::hello() const {
    Hello says;
    says.boot = books_.boot();
    says.frozen = !frozen_.empty();
    if (const OwnLog* log = books_.newest()) {
        says.log = log->header();
        says.since = books_.own().begin()->first.generation;
        // Of a log that cannot act, another may own them by now.
        if (ready()) says.owned = owned_for_good(log->ledger);
    } else {
        says.log.id = {books_.self(), 0};
        says.log.successor = says.log.id;
    }
    return says;
}

bool Bank::ready() const {
    const OwnLog* log = books_.newest();
    return frozen_.empty() && log != nullptr && confirmed(log->header()) &&
           sealed_by(log->header()) < quorum_of(log->header().custodians.size()).seal;
}

const LedgerKey* Bank::owner_of(Bucket bucket) const {
    const OwnLog* log = books_.newest();
    if (log != nullptr && log->ledger.state().owns(bucket)) return &log->header().id.ledger;
    for (const auto& [key, peer] : peers_) {
        if (peer.connected && peer.hello.owned[bucket.value]) return &key;
    }
    return nullptr;
}

std::bitset<kBuckets> Bank::owned_in_reach() const {
    std::bitset<kBuckets> owned = hello().owned;
    for (const auto& [key, peer] : peers_) {
        if (peer.connected) owned |= peer.hello.owned;
    }
    return owned;
}

std::optional<Leases::Lender> Bank::lender(Bucket bucket) const {
    // Before that the next process may have the same name, and would be given this one's leases.
    if (!boot_written_ && !VIDAI_MUTANT("borrows-before-boot")) return std::nullopt;
    const LedgerKey* owner = owner_of(bucket);
    if (owner == nullptr) return std::nullopt;
    if (*owner == books_.self()) {
        return Leases::Lender{books_.newest()->header().id, books_.boot()};
    }
    const Hello& hello = peers_.at(*owner).hello;
    return Leases::Lender{hello.log.id, hello.boot};
}

// --- inputs

void Bank::hear(const LedgerKey& from, const Message& message, MonoTime now) {
    if (from == books_.self()) {  // a copy of this volume is at work elsewhere
        freeze({books_.self(), 0}, "another node has this volume's ledger key");
        return;
    }
    const bool known = connected(from) || std::holds_alternative<Hello>(message);
    if (!known || (!peers_.contains(from) && peers_.size() >= kPeersMax)) return;
    // One whose volume is frozen is as good as dead to its logs, whatever else it says.
    const auto peer = peers_.find(from);
    if (peer != peers_.end() && !peer->second.hello.frozen) peer->second.dead.reset();
    std::visit([&](const auto& one) { on(from, one, now); }, message);
}

void Bank::on_down(const LedgerKey& peer, MonoTime now) {
    const auto found = peers_.find(peer);
    if (found != peers_.end()) found->second.connected = false;
    for (auto& [log, custodians] : custodians_) {
        if (const auto at = custodians.find(peer); at != custodians.end()) at->second.sent = 0;
    }
    acknowledged_.clear();  // said again, to whoever comes back
    turn(now);
}

void Bank::on_dead(const LedgerKey& peer, MonoTime now) {
    const auto found = peers_.find(peer);
    if (found == peers_.end() || found->second.dead) return;
    found->second.dead = now;
    owner_.on_holder_lost({peer, found->second.hello.boot});
    turn(now);
}

void Bank::on_lost(const LedgerKey& owner, MonoTime now) {
    if (peers_.contains(owner) || peers_.size() >= kPeersMax) return;
    peers_[owner].dead = now;
    turn(now);
}

void Bank::on_tick(MonoTime now) {
    leases_->on_tick(now, out_);
    if (ready()) owner_.on_tick(now, out_);
    move_if_due(now);
    offer(now);
    rebalance(now);
    seal_dead(now);
    tell_ended(now);
    forget(now);
    turn(now);
}

void Bank::close(MonoTime now) {
    leases_->close(now, out_);
    turn(now);
}

void Bank::on_asks(const std::map<BudgetId, MicroUsd>& needs, MonoTime now) {
    for (const auto& [budget, need] : needs) leases_->on_ask(budget, need, now, out_);
    turn(now);
}

// --- messages

void Bank::on(const LedgerKey& from, const Hello& hello, MonoTime now) {
    if (hello.log.id.ledger != from || from == books_.self()) return;
    Peer& peer = peers_[from];
    // Neither goes back: one that does has been overtaken on its way.
    const auto& known = peer.hello;
    if (std::tie(hello.boot, hello.log.id) < std::tie(known.boot, known.log.id)) return;
    const bool fresh = !peer.connected;
    if (fresh || peer.hello.boot != hello.boot) {
        if (peer.hello.boot.value != 0 && peer.hello.boot != hello.boot) {
            owner_.on_holder_lost({from, peer.hello.boot});
        }
        for (auto& [log, custodians] : custodians_) {
            if (const auto at = custodians.find(from); at != custodians.end()) {
                at->second.sent = 0;
                send(from, AskAck{log});
            }
        }
    }
    peer.hello = hello;
    peer.connected = true;
    if (fresh) {
        send(from, this->hello());
        for (const auto& [log, custodians] : custodians_) {
            if (custodians.contains(from)) send(from, AskAck{log});
        }
        // An heir may have been told of a seal by a process before, and forgotten it.
        for (const auto& [log, copy] : books_.kept()) {
            const bool heir = copy.custody.header().successor.ledger == from;
            if (heir && copy.custody.sealed()) acknowledge(from, copy);
        }
    }
    (void)now;
}

void Bank::on(const LedgerKey& from, const Want& want, MonoTime now) {
    if (want.account.holder.ledger != from) return;
    if (!ready() || !owner_.on_want(want, now, out_)) send(from, hello());
}

void Bank::on(const LedgerKey& from, const Grant& grant, MonoTime now) {
    (void)from;
    leases_->on_grant(grant, now, out_);
}

void Bank::on(const LedgerKey& from, const Report& report, MonoTime now) {
    if (report.account.holder.ledger != from) return;
    if (!ready() || !owner_.on_report(report, now, out_)) send(from, hello());
}

void Bank::on(const LedgerKey& from, const ReportAck& ack, MonoTime now) {
    (void)from, (void)now;
    leases_->on_report_ack(ack);
}

void Bank::on(const LedgerKey& from, const Recall& recall, MonoTime now) {
    (void)from;
    leases_->on_recall(recall, now, out_);
}

void Bank::on(const LedgerKey& from, const Changed& changed, MonoTime now) {
    (void)from, (void)now;
    leases_->on_changed(changed, now, out_);
}

}  // namespace vidai::mesh::budget
