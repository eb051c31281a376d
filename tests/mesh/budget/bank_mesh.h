// SPDX-License-Identifier: Apache-2.0
// A mesh of banks in one thread: each has a volume that keeps what was committed, and messages take
// a while, or are lost. What clients spend is billed here, and nowhere in the banks.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/budget/bank.h"
#include "schema/base/rng.h"

namespace vidai::mesh::budget {

using namespace std::chrono_literals;

class BankMesh {
  public:
    struct Options {
        Duration delay = 2ms;  // of a message
        Duration sync = 5ms;   // of a commit
        int lost_percent = 0;
        std::uint64_t log_bytes = BankOptions().log_bytes;
    };
    explicit BankMesh(std::size_t nodes, Options options, std::uint64_t seed = 1)
        : options_(options), rng_(seed), nodes_(nodes) {
        for (std::size_t i = 0; i < nodes; ++i) {
            std::array<std::uint8_t, 32> bytes{};
            bytes[0] = static_cast<std::uint8_t>(i + 1);
            keys_.push_back(seal::SecretKey::from_seed(bytes));
        }
    }

    void start(std::size_t i) {
        Node& node = nodes_[i];
        ASSERT_EQ(node.bank, nullptr);
        BankOptions options;
        options.genesis = i == 0;
        options.log_bytes = options_.log_bytes;
        node.bank = std::make_unique<Bank>(mesh_, keys_[i], options);
        for (const Record& record : node.disk) {
            const auto read = node.bank->read(static_cast<std::uint8_t>(record.kind), record.bytes);
            ASSERT_TRUE(read.has_value()) << read.error().message;
        }
        const auto begun = node.bank->begin(now);
        ASSERT_TRUE(begun.has_value()) << begun.error().message;
        for (std::size_t other = 0; other < nodes_.size(); ++other) connect(i, other);
        after(i);
    }
    // What was not committed is gone; requests in flight were billed in full.
    void crash(std::size_t i) {
        Node& node = nodes_[i];
        node.bank.reset();
        node.writing.reset();
        for (const auto& [money, held] : node.open) billed_[money] += held.second;
        node.open.clear();
        std::erase_if(flying_, [&](const Flying& one) { return one.to == i || one.from == i; });
        for (std::size_t other = 0; other < nodes_.size(); ++other) disconnect(other, i);
    }
    // Its journal is written anew; what is being written comes behind.
    void compact(std::size_t i) {
        Node& node = nodes_[i];
        if (!node.bank || node.writing) return;
        node.disk.clear();
        for (const auto& record : node.bank->books().snapshot()) node.disk.push_back(record());
    }
    std::size_t disk_bytes(std::size_t i) const {
        std::size_t bytes = 0;
        for (const Record& record : nodes_[i].disk) bytes += record.bytes.size();
        return bytes;
    }
    void declare_dead(std::size_t i) {
        for (Node& node : nodes_) {
            if (node.bank) node.bank->on_dead(key(i), now);
        }
    }
    void declare_dead_if_down() {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (!up(i)) declare_dead(i);
        }
    }
    void cut(std::size_t a, std::size_t b) {
        cut_.insert(std::minmax(a, b));
        disconnect(a, b);
        disconnect(b, a);
    }
    void heal() {
        const auto cuts = std::exchange(cut_, {});
        for (const auto& [a, b] : cuts) connect(a, b);
    }

    void run(Duration time) {
        for (const MonoTime end = now + time; now < end;) step();
    }
    template <class Until>
    bool run_until(Until until, Duration most) {
        for (const MonoTime end = now + most; now < end; step()) {
            if (until()) return true;
        }
        return until();
    }

    // One request, that waits until it has money, or for `patience`.
    bool spend(std::size_t i, const BudgetWindow& money, MicroUsd amount, Duration patience = 1s) {
        return run_until([&]() { return try_spend(i, money, amount); }, patience);
    }
    bool try_spend(std::size_t i, const BudgetWindow& money, MicroUsd amount) {
        Node& node = nodes_[i];
        if (!node.bank) return false;
        const auto purse = node.bank->leases().purse(money);
        if (purse && purse->account && purse->account->reserve(amount)) {
            purse->account->settle(amount, amount);
            billed_[money] += amount;
            return true;
        }
        if (now - node.asked >= 20ms) {
            node.asked = now;
            node.bank->on_asks({{money.budget, amount}}, now);
            after(i);
        }
        return false;
    }
    // The same of a budget that renews: in the window that it is, which is billed.
    bool spend_now(std::size_t i, const BudgetId& budget, MicroUsd amount, Duration patience = 1s) {
        return run_until(
            [&]() {
                if (!up(i)) return false;
                const Leases::Turn turn = nodes_[i].bank->leases().turn_of(budget);
                const BudgetWindow money{budget, turn.window};
                if (!turn.over(now)) return try_spend(i, money, amount);
                if (now - nodes_[i].asked >= 20ms) {
                    nodes_[i].asked = now;
                    nodes_[i].bank->on_asks({{budget, amount}}, now);
                    after(i);
                }
                return false;
            },
            patience);
    }
    std::optional<EditDone> edit(std::size_t i, Edit wanted, Duration patience = 2s) {
        wanted.id = ++edits_;
        if (!up(i)) return std::nullopt;
        std::optional<EditDone> done;
        const auto ask = [&]() {
            nodes_[i].bank->edit(wanted, now);
            after(i);
            return run_until(
                [&]() {
                    for (const EditDone& one : nodes_[i].done) {
                        if (one.id == wanted.id) done = one;
                    }
                    return done.has_value();
                },
                patience);
        };
        // While the budget changes its owner nobody can.
        for (int again = 0; again < 20; ++again) {
            if (!ask() || done->done || done->code != ErrorCode::kUnavailable) break;
            run(100ms);
        }
        return done;
    }
    bool define(std::size_t i, const BudgetId& budget, std::int64_t limit) {
        const auto done = edit(i, {0, Edit::Kind::kDefine, budget, {limit}});
        // An answer may be lost, and the wish be repeated.
        return done && (done->done || done->code == ErrorCode::kAlreadyExists);
    }

    std::string describe(std::size_t i, const BudgetWindow& money) {
        if (!up(i)) return "down\n";
        const Bank& bank = *nodes_[i].bank;
        std::string out =
            std::string(bank.ready() ? "ready" : "not ready") + " frozen '" + bank.frozen() + "'";
        for (const auto& [id, log] : bank.books().own()) {
            const LogState& state = log.ledger.state();
            out += "; log " + std::to_string(id.generation) + " of " +
                   std::to_string(log.header().custodians.size()) + " entries " +
                   std::to_string(log.ledger.size()) + " committed " +
                   std::to_string(log.ledger.committed()) + (state.closed() ? " closed" : "") +
                   (state.owns(bucket_of(money.budget)) ? " OWNS" : "") + " passing " +
                   std::to_string(state.passing().size()) + " owned " +
                   std::to_string(state.estate().owned.count());
        }
        for (const auto& [id, copy] : bank.books().kept()) {
            const auto of = std::ranges::find_if(
                keys_, [&](const seal::SecretKey& key) { return key.public_key() == id.ledger; });
            out += "; copy of " + std::to_string(of - keys_.begin()) + "/" +
                   std::to_string(id.generation) + " synced " + std::to_string(copy.synced.seq) +
                   (copy.seal_written ? " sealed" : "");
        }
        out += "; left " + std::to_string(bank.owner().position(money).left.value);
        if (const auto purse = bank.leases().purse(money)) {
            out += "; standing " + std::to_string(static_cast<int>(purse->position.standing));
        }
        for (const BankNews& news : nodes_[i].news) {
            out += " n" + std::to_string(static_cast<int>(news.kind)) + news.detail;
        }
        return out + "\n";
    }

    Bank& bank(std::size_t i) { return *nodes_[i].bank; }
    bool up(std::size_t i) const { return nodes_[i].bank != nullptr; }
    std::size_t size() const { return nodes_.size(); }
    LedgerKey key(std::size_t i) const { return keys_[i].public_key(); }
    MicroUsd billed(const BudgetWindow& money) { return billed_[money]; }
    std::size_t owned(std::size_t i) { return bank(i).hello().owned.count(); }
    std::vector<BankNews> news(std::size_t i) { return nodes_[i].news; }
    // Of all nodes and their processes, rising.
    std::vector<int> thresholds(const BudgetWindow& money) {
        std::vector<int> out;
        for (const Node& node : nodes_) {
            for (const Owner::Reached& one : node.reached) {
                if (one.money == money) out.push_back(one.percent);
            }
        }
        std::ranges::sort(out);
        return out;
    }
    std::vector<Record>& disk(std::size_t i) { return nodes_[i].disk; }

    // What a node's clock says; a mesh without one has no windows.
    std::function<std::optional<WallTime>(std::size_t)> wall;
    bool steady = true;
    MonoTime now{1s};

  private:
    struct Node {
        std::unique_ptr<Bank> bank;
        std::vector<Record> disk;
        std::optional<std::pair<MonoTime, std::vector<Record>>> writing;
        std::map<BudgetWindow, std::pair<std::shared_ptr<Account>, MicroUsd>> open;
        std::vector<EditDone> done;
        std::vector<BankNews> news;
        std::vector<Owner::Reached> reached;
        MonoTime asked, ticked;
    };
    struct Flying {
        MonoTime at;
        std::size_t from, to;
        Message message;
    };
    bool linked(std::size_t a, std::size_t b) const {
        return a != b && nodes_[a].bank && nodes_[b].bank && !cut_.contains(std::minmax(a, b));
    }
    void connect(std::size_t a, std::size_t b) {
        if (!linked(a, b)) return;
        fly(a, b, nodes_[a].bank->hello());
        fly(b, a, nodes_[b].bank->hello());
    }
    void disconnect(std::size_t at, std::size_t peer) {
        std::erase_if(flying_, [&](const Flying& one) {
            return (one.from == at && one.to == peer) || (one.from == peer && one.to == at);
        });
        if (nodes_[at].bank) nodes_[at].bank->on_down(key(peer), now);
    }
    void fly(std::size_t from, std::size_t to, Message message) {
        flying_.push_back({now + options_.delay, from, to, std::move(message)});
    }
    void after(std::size_t i) {
        Node& node = nodes_[i];
        for (Outgoing& one : node.bank->take_outgoing()) {
            const auto to = std::ranges::find_if(
                keys_, [&](const seal::SecretKey& key) { return key.public_key() == one.to; });
            const auto peer = static_cast<std::size_t>(to - keys_.begin());
            const bool hello = std::holds_alternative<Hello>(one.message);
            const bool lost =
                !hello && rng_.below(100) < static_cast<std::uint64_t>(options_.lost_percent);
            if (linked(i, peer) && !lost) fly(i, peer, std::move(one.message));
        }
        for (EditDone& done : node.bank->take_edits_done()) node.done.push_back(std::move(done));
        for (BankNews& news : node.bank->take_news()) node.news.push_back(std::move(news));
        for (const Owner::Reached& one : node.bank->take_reached()) node.reached.push_back(one);
        (void)node.bank->take_changed();
        if (node.writing) return;
        auto records = node.bank->take_records();
        if (!records.empty()) node.writing.emplace(now + options_.sync, std::move(records));
    }
    void step() {
        now += 1ms;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            Node& node = nodes_[i];
            if (!node.bank) continue;
            if (node.writing && node.writing->first <= now) {
                for (Record& record : node.writing->second) node.disk.push_back(std::move(record));
                node.writing.reset();
                node.bank->on_committed(now);
                after(i);
            }
            if (now - node.ticked >= 50ms) {
                node.ticked = now;
                if (wall) {
                    const auto at = wall(i);
                    node.bank->on_clock(at ? std::optional(TimeOfDay{*at, steady}) : std::nullopt,
                                        now);
                }
                node.bank->on_tick(now);
                after(i);
            }
        }
        std::vector<Flying> due;
        const auto later = std::stable_partition(flying_.begin(), flying_.end(),
                                                 [&](const Flying& one) { return one.at > now; });
        due.assign(std::make_move_iterator(later), std::make_move_iterator(flying_.end()));
        flying_.erase(later, flying_.end());
        for (const Flying& one : due) {
            if (!linked(one.from, one.to)) continue;
            nodes_[one.to].bank->on_message(key(one.from), one.message, now);
            after(one.to);
        }
    }

    const Options options_;
    const MeshId mesh_{};
    Rng rng_;
    std::vector<seal::SecretKey> keys_;
    std::vector<Node> nodes_;
    std::vector<Flying> flying_;
    std::set<std::pair<std::size_t, std::size_t>> cut_;
    std::map<BudgetWindow, MicroUsd> billed_;
    std::uint64_t edits_ = 0;
};

}  // namespace vidai::mesh::budget
