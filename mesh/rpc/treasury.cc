// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/treasury.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "mesh/seal/encoding.h"
#include "schema/vocabulary/check.h"
#include "schema/vocabulary/usd.h"

namespace vidai::mesh::rpc {

namespace {

using budget::BankNews;
using budget::BudgetEntry;
using budget::LedgerKey;
using budget::Standing;
using std::chrono::milliseconds;

// Under load what comes within that time is answered together.
constexpr milliseconds kTurnEvery{2};
constexpr milliseconds kCommitEvery{10};  // at most 100 syncs a second, whatever the load
constexpr milliseconds kLookAround{250};
constexpr std::chrono::seconds kGreetAgain{1};
// For so long has nobody seen the node of a log that is kept here, or its node has not spoken of
// it.
constexpr std::chrono::seconds kUnseen{15};
constexpr std::chrono::minutes kRewriteAgain{10};

BudgetEntry::State state_of(const budget::Leases::Purse& purse) {
    switch (purse.position.standing) {
        case Standing::kOpen:
            return purse.dry ? BudgetEntry::State::kExhausted : BudgetEntry::State::kOpen;
        case Standing::kUnknown:
            return BudgetEntry::State::kUnknown;
        case Standing::kOwnerUnreachable:
            return BudgetEntry::State::kOwnerUnreachable;
        case Standing::kNoCustodian:
            return BudgetEntry::State::kNoCustodian;
        case Standing::kTakeover:
            return BudgetEntry::State::kTakeover;
        case Standing::kClock:
            return BudgetEntry::State::kClock;
        case Standing::kDeleted:
            return BudgetEntry::State::kDeleted;
        case Standing::kLogFrozen:
            break;
    }
    return BudgetEntry::State::kLogFrozen;
}

std::string name_of(const budget::LogId& log) {
    return seal::fingerprint(log.ledger) + "/" + std::to_string(log.generation);
}

}  // namespace

Treasury::Treasury(Result<seal::LedgerVolume> volume, Shared& shared, Around around)
    : volume_(std::move(volume)), shared_(shared), around_(std::move(around)), tasks_(*this) {
    if (!volume_) freeze(volume_.error());
    if (around_.io == nullptr) return;
    asks_ = around_.io->wrapInputFd(shared_.asks.fd());
    tasks_.add(hear_asks());
}

Treasury::~Treasury() noexcept(false) = default;

std::optional<seal::PublicKey> Treasury::ledger() const {
    if (!volume_) return std::nullopt;
    return volume_->key->public_key();
}

std::string Treasury::frozen() const {
    return frozen_.empty() && begun_ ? bank_->frozen() : frozen_;
}

void Treasury::freeze(const Error& why) {
    frozen_ = why.message;
    around_.notice({Notice::Kind::kTrouble, around_.node.str(), "money_frozen",
                    "this node spends no budget's money: " + why.message});
    show(named_);
}

bool Treasury::open(const seal::PublicKey& genesis) {
    const seal::PublicKey self = volume_->key->public_key();
    budget::BankOptions options;
    options.genesis = self == genesis;
    options.log_bytes = around_.log_bytes;
    bank_.emplace(around_.mesh, *volume_->key, options);
    auto opened = Vault::open(
        volume_->journal, {around_.mesh, self}, around_.random, around_.io,
        [this](std::uint8_t kind, seal::ByteView bytes) { return bank_->read(kind, bytes); });
    if (!opened) {
        bank_.reset();
        Error why = opened.error();
        if (why.code == ErrorCode::kCorrupt) {
            why.message +=
                ". Money that this node had activated is not spent from it any more: with an empty "
                "volume it begins anew, and the custodians of its logs hold what was committed";
        }
        freeze(why);
        return false;
    }
    vault_ = std::move(*opened);
    vault_->on_committed([this](const Result<void>& result) { on_written(result); });
    vault_->on_rewritten([this](const Result<void>& result) { on_rewritten(result); });
    proof_ = budget::prove_volume(*volume_->key, around_.mesh, around_.node);
    return true;
}

void Treasury::begin(const seal::PublicKey& genesis, bool agreed) {
    if (begun_ || !frozen_.empty()) return;
    if (!bank_ && !open(genesis)) return;
    // Where the journal has something the mesh had agreed before.
    const bool founds = volume_->key->public_key() == genesis && vault_->recovered().records == 0;
    if (founds && !agreed) return;
    if (auto done = bank_->begin(now()); !done) {
        bank_.reset();
        return freeze(done.error());
    }
    begun_ = true;
    begun_at_ = now();
    owned_at_.fill(begun_at_);
    tell_time();
    show(named_);
    for (const NodeId& peer : around_.connected()) greet(peer);
    turn();
}

// --- peers

void Treasury::greet(const NodeId& node) {
    if (!begun_) return;
    const std::array said{budget::encode_message(bank_->hello(), proof_)};
    around_.tell(node, said);
}

void Treasury::on_link_up(const NodeId& peer) {
    greet(peer);
}

void Treasury::on_link_down(const NodeId& peer) {
    const auto known = ledger_of_.find(peer);
    if (!begun_ || known == ledger_of_.end()) return;
    bank_->on_down(known->second, now());
    turn();
}

NodeId Treasury::node_of(const LedgerKey& ledger) const {
    if (volume_ && ledger == volume_->key->public_key()) return around_.node;
    const auto found = node_of_.find(ledger);
    return found == node_of_.end() ? NodeId() : found->second;
}

void Treasury::meet(const NodeId& from, const LedgerKey& ledger) {
    const auto before = ledger_of_.find(from);
    if (before != ledger_of_.end() && before->second != ledger) {
        bank_->on_down(before->second, now());  // it has an empty volume, and the old one is lost
        bank_->on_dead(before->second, now());
    }
    ledger_of_[from] = ledger;
    node_of_[ledger] = from;
}

Result<void> Treasury::on_told(const NodeId& from, std::span<const seal::ByteView> said) {
    if (!begun_) return {};
    Result<void> heard;
    for (const seal::ByteView one : said) {
        if (heard = hear(from, one); !heard) break;
    }
    bank_->turn(now());
    turn();
    return heard;
}

Result<void> Treasury::hear(const NodeId& from, seal::ByteView said) {
    auto told = budget::decode_message(around_.mesh, said);
    if (!told) return fail(std::move(told).error());
    if (const auto* hello = std::get_if<budget::Hello>(&told->message)) {
        const LedgerKey& ledger = hello->log.id.ledger;
        const auto met = ledger_of_.find(from);
        if (met == ledger_of_.end() || met->second != ledger) {
            if (!budget::is_volume_of(ledger, around_.mesh, from, told->proof)) {
                return fail(ErrorCode::kProtocol, "it does not prove that the volume is its own",
                            "money");
            }
            const auto at = node_of_.find(ledger);
            if (at != node_of_.end() && at->second != from && bank_->connected(ledger)) {
                return fail(ErrorCode::kProtocol,
                            "it says that it has the volume of " + at->second.str() +
                                ": a data directory was copied. Stop one of the two",
                            "money");
            }
            meet(from, ledger);
        }
    }
    const auto known = ledger_of_.find(from);
    if (known != ledger_of_.end()) bank_->hear(known->second, told->message, now());
    return {};
}

// Whose logs may be taken over: of whom the detector says so, of whom nobody can tell, and of whose
// money its own node does not speak.
void Treasury::look_for_the_lost() {
    std::set<LedgerKey> lost;
    const std::vector<NodeId> all = around_.connected();
    const std::set<NodeId> connected(all.begin(), all.end());
    for (const auto& [ledger, node] : node_of_) {
        const bool elsewhere = ledger_of_.at(node) != ledger;
        if (bank_->at_work(ledger) || !connected.contains(node)) {
            mute_since_.erase(ledger);
        } else {
            mute_since_.try_emplace(ledger, now());
        }
        const bool gone = !bank_->connected(ledger) && around_.is_gone(node);
        if (elsewhere || gone || is_mute(ledger)) lost.insert(ledger);
    }
    for (const LedgerKey& ledger : lost) bank_->on_dead(ledger, now());
    if (now() - begun_at_ < kUnseen) return;
    std::set<LedgerKey> unseen;
    for (const auto& [log, copy] : bank_->books().kept()) {
        if (!node_of_.contains(log.ledger)) unseen.insert(log.ledger);
    }
    for (const LedgerKey& ledger : unseen) bank_->on_lost(ledger, now());
}

// A process that cannot use its volume's money says nothing about it, or that it is frozen.
bool Treasury::is_mute(const LedgerKey& ledger) const {
    const auto since = mute_since_.find(ledger);
    return since != mute_since_.end() && now() - since->second >= kUnseen;
}

// --- turns

void Treasury::tell_time() {
    budget::PeerClocks peers = around_.peer_clocks();
    // At its start a node sees nobody yet, and its log knows better.
    const budget::OwnLog* log = begun_ ? bank_->books().newest() : nullptr;
    if (log != nullptr) peers.others = std::max(peers.others, log->header().custodians.size());
    const auto time = judge_.judge(around_.clock.wall_now(), now(), peers);
    if (begun_) bank_->on_clock(time, now());
}

void Treasury::tick() {
    if (asks_.get() == nullptr) take_asks();
    tell_time();
    if (!begun_) return;
    if (now() - looked_ >= kLookAround) {
        looked_ = now();
        look_for_the_lost();
        look_for_owners();
    }
    if (now() - greeted_ >= kGreetAgain) {
        greeted_ = now();
        for (const NodeId& peer : around_.connected()) {
            const auto known = ledger_of_.find(peer);
            if (known == ledger_of_.end() || !bank_->connected(known->second)) greet(peer);
        }
    }
    bank_->on_tick(now());
    rewrite_if_due();
    turn();
}

// What has come of an input; of many in a short time, once.
void Treasury::turn() {
    if (turn_due_) return;
    const Duration since = now() - turned_;
    if (since >= kTurnEvery) return turn_now();
    turn_due_ = true;
    tasks_.add(
        around_.timer.afterDelay((kTurnEvery - since).count() * kj::NANOSECONDS).then([this]() {
            turn_now();
        }));
}

void Treasury::turn_now() {
    turn_due_ = false;
    turned_ = now();
    send();
    write();
    finish_edits();
    finish_looks();
    tell_news();
    tell_thresholds();
    std::set<BudgetId> changed;
    for (const budget::BudgetWindow& money : bank_->take_changed()) {
        if (named_.contains(money.budget)) changed.insert(money.budget);
    }
    show(changed);
}

void Treasury::send() {
    std::map<NodeId, std::vector<seal::Bytes>> said;
    for (const budget::Outgoing& one : bank_->take_outgoing()) {
        const auto node = node_of_.find(one.to);
        if (node == node_of_.end()) continue;
        const bool hello = std::holds_alternative<budget::Hello>(one.message);
        said[node->second].push_back(hello ? budget::encode_message(one.message, proof_)
                                           : budget::encode_message(one.message));
    }
    for (const auto& [node, all] : said) around_.tell(node, all);
}

// All that has come while the last commit was under way is the next one.
void Treasury::write() {
    if (vault_->busy() || write_due_) return;
    const Duration since = now() - written_;
    if (written_ != MonoTime{} && since < kCommitEvery) {
        write_due_ = true;
        tasks_.add(around_.timer.afterDelay((kCommitEvery - since).count() * kj::NANOSECONDS)
                       .then([this]() {
                           write_due_ = false;
                           write();
                       }));
        return;
    }
    std::vector<Vault::Record> records;
    for (budget::Record& one : bank_->take_records()) {
        records.push_back({static_cast<std::uint8_t>(one.kind), std::move(one.bytes)});
    }
    if (records.empty()) return;
    const budget::OwnLog* log = bank_->books().newest();
    const bool alone = log == nullptr || log->header().custodians.empty();
    written_ = now();
    vault_->commit(std::move(records), alone ? Vault::Care::kAlone : Vault::Care::kUsual);
}

// Where most of the journal is of logs that nobody needs any more.
void Treasury::rewrite_if_due() {
    if (vault_->busy() || vault_->rewriting() || bank_->writing() || now() < rewrite_after_) return;
    if (vault_->size() < 2 * around_.log_bytes + 2 * bank_->books().snapshot_bytes()) return;
    std::vector<journal::Rewrite::Source> records;
    for (auto& source : bank_->books().snapshot()) {
        records.push_back([source = std::move(source)]() {
            budget::Record record = source();
            return Vault::Record{static_cast<std::uint8_t>(record.kind), std::move(record.bytes)};
        });
    }
    vault_->rewrite(std::move(records));
}

void Treasury::on_rewritten(const Result<void>& result) {
    if (result) return;
    rewrite_after_ = now() + kRewriteAgain;
    around_.notice({Notice::Kind::kTrouble, around_.node.str(), "journal_grows",
                    "the journal of budgets could not be rewritten without what nobody needs any "
                    "more, and is tried again in 10 min: " +
                        result.error().message});
}

void Treasury::on_written(const Result<void>& result) {
    if (!result) {
        bank_->on_write_failed(result.error());
        freeze(result.error());
    } else {
        bank_->on_committed(now());
    }
    turn();
}

void Treasury::tell_news() {
    for (const BankNews& one : bank_->take_news()) {
        const std::string log = name_of(one.log);
        switch (one.kind) {
            case BankNews::Kind::kFrozen:
                around_.notice({Notice::Kind::kTrouble, node_of(one.log.ledger).str(),
                                "money_frozen", "log " + log + " is frozen: " + one.detail});
                break;
            case BankNews::Kind::kOpened:
                around_.notice({Notice::Kind::kMoney, log, "opened",
                                "this node's log, kept by " + one.detail + " others"});
                break;
            case BankNews::Kind::kSealed:
                around_.notice({Notice::Kind::kMoney, log, "sealed",
                                "the log of " + node_of(one.log.ledger).str() +
                                    ", which is gone, is sealed here"});
                break;
            case BankNews::Kind::kTakenOver:
                around_.notice(
                    {Notice::Kind::kMoney, log, "taken_over",
                     "this node has what the log of " + node_of(one.log.ledger).str() + " had"});
                break;
            case BankNews::Kind::kSuperseded:
                around_.notice({Notice::Kind::kMoney, log, "superseded",
                                "the others took this node for dead and have what its log had"});
                break;
            case BankNews::Kind::kMoved:  // one for each of a thousand buckets
                break;
        }
    }
}

void Treasury::tell_thresholds() {
    for (const budget::Owner::Reached& one : bank_->take_reached()) {
        ++alerts_;
        Notice notice{Notice::Kind::kBudgetThreshold, one.money.budget.str(),
                      std::to_string(one.percent),
                      print_usd(one.used) + " of " + print_usd(one.limit) + " are spent"};
        notice.threshold = {one.percent, one.limit, one.used, one.money.window, around_.node.str()};
        around_.notice(notice);
    }
}

// --- workers

void Treasury::name(std::set<BudgetId> budgets) {
    if (budgets == named_) return;
    std::set<BudgetId> fresh;
    std::vector<BudgetId> gone;
    std::ranges::set_difference(budgets, named_, std::inserter(fresh, fresh.end()));
    std::ranges::set_difference(named_, budgets, std::back_inserter(gone));
    named_ = std::move(budgets);
    show(fresh, gone);
}

budget::BudgetEntry Treasury::entry_of(const BudgetId& id) const {
    BudgetEntry entry;
    entry.id = id;
    if (!frozen_.empty()) {
        entry.state = BudgetEntry::State::kLogFrozen;
        if (!begun_) return entry;
        const auto purse = bank_->leases().purse({id, bank_->leases().turn_of(id).window});
        if (purse) entry.enforce = purse->position.enforce;
        return entry;
    }
    if (!begun_) {
        entry.state = BudgetEntry::State::kUnknown;
        return entry;
    }
    const auto turn = bank_->leases().turn_of(id);
    const auto purse = bank_->leases().purse({id, turn.window});
    if (!purse) return entry;
    // Else who has waited in vain would take the owner's silence for a budget that is spent.
    if (purse->told) entry.account = purse->account;
    entry.limit = purse->position.limit;
    entry.left = purse->position.left;
    entry.renews = turn.renews;
    entry.state = state_of(*purse);
    entry.enforce = purse->position.enforce;
    entry.renewal_untold = turn.ends && turn.renews == WallTime{};
    // What the next window has is not known yet: whoever needs it asks.
    if (turn.over(now())) {
        entry.account = nullptr;
        entry.left = entry.limit;
        if (entry.state == BudgetEntry::State::kExhausted) entry.state = BudgetEntry::State::kOpen;
    }
    return entry;
}

void Treasury::show(const std::set<BudgetId>& budgets, const std::vector<BudgetId>& forgotten) {
    if (budgets.empty() && forgotten.empty()) return;
    std::vector<BudgetEntry> changed;
    changed.reserve(budgets.size());
    for (const BudgetId& id : budgets) changed.push_back(entry_of(id));
    const auto table = shared_.budgets.load();
    shared_.budgets.publish(
        std::make_shared<const budget::BudgetTable>(table->with(changed, forgotten)));
    shared_.asks.waiting().signal();
}

kj::Promise<void> Treasury::hear_asks() {
    return asks_->tryRead(&asks_count_, sizeof asks_count_, sizeof asks_count_)
        .then([this](std::size_t) {
            take_asks();
            return hear_asks();
        });
}

void Treasury::take_asks() {
    const auto asks = shared_.asks.take();
    if (!begun_ || asks.empty()) return;
    bank_->on_asks(asks, now());
    turn();
}

kj::Promise<void> Treasury::close(milliseconds within) {
    if (!begun_) return kj::READY_NOW;
    bank_->close(now());
    turn();
    struct Wait {
        static kj::Promise<void> until(Treasury& self, MonoTime end) {
            if (self.bank_->settled() || self.now() >= end) return kj::READY_NOW;
            return self.around_.timer.afterDelay(20 * kj::MILLISECONDS).then([&self, end]() {
                return until(self, end);
            });
        }
    };
    return Wait::until(*this, now() + within);
}

void Treasury::taskFailed(kj::Exception&& e) {
    freeze({ErrorCode::kInternal,
            std::string("a task of the money failed: ") + e.getDescription().cStr(), ""});
}

}  // namespace vidai::mesh::rpc
