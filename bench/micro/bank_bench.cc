// SPDX-License-Identifier: Apache-2.0
// What a hard budget costs in memory: three banks in one process, that keep copies of each other's
// logs, over a wire of encoded messages, so that they share nothing. Prints JSON. Run
// bin/bank_bench [BUDGETS] from the release preset.
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <malloc.h>

#include "mesh/budget/bank.h"
#include "mesh/budget/message_bytes.h"

namespace vidai::mesh::budget {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kNodes = 3;
constexpr std::size_t kAtOnce = 512;  // edits or requests under way
constexpr MicroUsd kLimit{50'000'000}, kRequest{90};

// The disk forgets what it was given, but for its size: nothing is read again.
struct Node {
    std::unique_ptr<Bank> bank;
    std::vector<std::pair<std::size_t, seal::Bytes>> arrived;
    bool writing = false;
    std::uint64_t commits = 0, written = 0, sent = 0;
    MonoTime ticked;
};

class Banks {
  public:
    Banks() {
        for (std::size_t i = 0; i < kNodes; ++i) {
            std::array<std::uint8_t, 32> seed{};
            seed[0] = static_cast<std::uint8_t>(i + 1);
            keys_.push_back(seal::SecretKey::from_seed(seed));
        }
        for (std::size_t i = 0; i < kNodes; ++i) {
            BankOptions options;
            options.genesis = i == 0;
            nodes_[i].bank = std::make_unique<Bank>(mesh_, keys_[i], options);
            CHECK(nodes_[i].bank->begin(now_).has_value());
        }
        for (std::size_t from = 0; from < kNodes; ++from) {
            for (std::size_t to = 0; to < kNodes; ++to) {
                if (from != to) send(from, to, nodes_[from].bank->hello());
            }
            after(from);
        }
    }

    // Until each has its share of all buckets in a log with two custodians.
    void settle() {
        for (int i = 0; i < 600 && !shared(); ++i) run(1s);
        CHECK(shared(), "the banks have not shared the buckets");
        run(10s);
    }
    void run(Duration time) {
        for (const MonoTime end = now_ + time; now_ < end;) step();
    }

    void define(std::size_t budgets) {
        std::size_t next = 0, done = 0;
        while (done < budgets) {
            for (; next < budgets && next - done < kAtOnce; ++next) {
                const Edit wanted{next + 1, Edit::Kind::kDefine, name(next), kLimit};
                nodes_[next % kNodes].bank->edit(wanted, now_);
                after(next % kNodes);
            }
            step();
            for (Node& node : nodes_) {
                for (const EditDone& one : node.bank->take_edits_done()) {
                    CHECK(one.done, "a budget was not made");
                    ++done;
                }
            }
        }
    }
    // One request of every budget on every node.
    void spend(std::size_t budgets) {
        std::vector<std::pair<std::size_t, std::size_t>> waiting;
        for (std::size_t next = 0; next < budgets * kNodes || !waiting.empty();) {
            for (; next < budgets * kNodes && waiting.size() < kAtOnce; ++next) {
                waiting.emplace_back(next % kNodes, next / kNodes);
            }
            std::erase_if(waiting, [&](const auto& one) { return served(one.first, one.second); });
            step();
        }
    }

    const Node& node(std::size_t i) const { return nodes_[i]; }

  private:
    static BudgetId name(std::size_t i) { return BudgetId("team-" + std::to_string(i)); }
    bool shared() const {
        for (const Node& node : nodes_) {
            const OwnLog* const log = node.bank->books().newest();
            if (log == nullptr || log->header().custodians.size() != kNodes - 1) return false;
            if (log->ledger.state().estate().owned.count() < kBuckets / kNodes - 1) return false;
        }
        return true;
    }
    bool served(std::size_t i, std::size_t budget) {
        Bank& bank = *nodes_[i].bank;
        const auto purse = bank.leases().purse({name(budget), 0});
        if (purse && purse->account && purse->account->reserve(kRequest)) {
            purse->account->settle(kRequest, kRequest);
            return true;
        }
        bank.on_asks({{name(budget), kRequest}}, now_);
        after(i);
        return false;
    }
    void send(std::size_t from, std::size_t to, const Message& message) {
        seal::Bytes bytes = encode_message(message);
        nodes_[from].sent += bytes.size();
        nodes_[to].arrived.emplace_back(from, std::move(bytes));
    }
    void after(std::size_t i) {
        Node& node = nodes_[i];
        for (const Outgoing& one : node.bank->take_outgoing()) {
            for (std::size_t to = 0; to < kNodes; ++to) {
                if (keys_[to].public_key() == one.to) send(i, to, one.message);
            }
        }
        (void)node.bank->take_changed();
        (void)node.bank->take_news();
        if (node.writing) return;
        for (const Record& record : node.bank->take_records()) {
            node.writing = true;
            node.written += record.bytes.size();
        }
    }
    // A millisecond, which is what a commit and a message take.
    void step() {
        now_ += 1ms;
        for (std::size_t i = 0; i < kNodes; ++i) {
            Node& node = nodes_[i];
            if (std::exchange(node.writing, false)) {
                ++node.commits;
                node.bank->on_committed(now_);
                after(i);
            }
            for (const auto& [from, bytes] : std::exchange(node.arrived, {})) {
                const auto told = decode_message(mesh_, bytes);
                CHECK(told.has_value(), "a message cannot be read");
                node.bank->on_message(keys_[from].public_key(), told->message, now_);
                after(i);
            }
            if (now_ - node.ticked < 50ms) continue;
            node.ticked = now_;
            node.bank->on_tick(now_);
            after(i);
        }
    }

    const MeshId mesh_{};
    MonoTime now_{1s};
    std::vector<seal::SecretKey> keys_;
    std::array<Node, kNodes> nodes_;
};

double allocated() {
    const struct mallinfo2 now = ::mallinfo2();
    return static_cast<double>(now.uordblks + now.hblkhd);
}

void tell(const char* when, double bytes, std::size_t budgets, const char* end) {
    std::printf("  \"%s\": %.1f%s\n", when, bytes / static_cast<double>(budgets * kNodes), end);
}

int measure(std::size_t budgets) {
    Banks banks;
    banks.settle();
    const double before = allocated();
    banks.define(budgets);
    banks.run(5s);
    const double defined = allocated();
    std::fprintf(stderr, "bank_bench: %zu budgets are made\n", budgets);
    banks.spend(budgets);
    const double busy = allocated();
    std::fprintf(stderr, "bank_bench: each was spent from on %zu nodes\n", kNodes);
    banks.run(70s);  // leases that idle go back
    const double used = allocated();
    std::printf("{\n  \"budgets\": %zu, \"nodes\": %zu,\n", budgets, kNodes);
    std::printf("  \"commits\": %llu, \"written\": %llu, \"sent\": %llu,\n",
                static_cast<unsigned long long>(banks.node(0).commits),
                static_cast<unsigned long long>(banks.node(0).written),
                static_cast<unsigned long long>(banks.node(0).sent));
    tell("bytes_defined", defined - before, budgets, ",");
    tell("bytes_held", busy - before, budgets, ",");
    tell("bytes_used", used - before, budgets, "");
    std::printf("}\n");
    return 0;
}

}  // namespace
}  // namespace vidai::mesh::budget

int main(int argc, char** argv) {
    std::size_t budgets = 100'000;
    if (argc > 1) {
        const std::string_view text = argv[1];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), budgets);
        if (argc > 2 || error != std::errc() || end != text.data() + text.size() || budgets == 0 ||
            budgets > 10'000'000) {
            std::fprintf(stderr, "usage: bank_bench [BUDGETS], 1 to 10000000; default 100000\n");
            return 2;
        }
    }
    return vidai::mesh::budget::measure(budgets);
}
