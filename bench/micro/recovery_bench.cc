// SPDX-License-Identifier: Apache-2.0
// How long a node reads its journal of budgets at its start: makes one of that size as a node does
// whose budgets are busy, leaves none of it in the page cache, and reads it as Vault and Treasury
// do. Prints JSON. Run bin/recovery_bench FILE [BYTES] from the release preset; FILE must not be
// there, and is removed.
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "mesh/budget/bank.h"
#include "mesh/journal/journal.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBudgets = 20'000;
constexpr std::size_t kAtOnce = 32;  // lent of between two commits: 3,200 a second
constexpr MicroUsd kLimit{std::int64_t{1} << 50};
constexpr MicroUsd kRequest{kLimit.value / 1'000};  // no trifle, so that each is an entry

// No secret is made here.
class Counting final : public seal::RandomSource {
  public:
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = ++next_;
    }

  private:
    std::uint8_t next_ = 0;
};

struct Setting {
    MeshId mesh{};
    seal::SecretKey key = seal::SecretKey::from_seed(std::array<std::uint8_t, 32>{1});
    BankOptions options{.genesis = true, .log_bytes = std::uint64_t{1} << 40};
    journal::Owner owner{mesh, key.public_key()};
};

template <class T>
T got(Result<T> result) {
    if (!result) std::fprintf(stderr, "recovery_bench: %s\n", result.error().message.c_str());
    CHECK(result.has_value());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

BudgetId name(std::size_t i) {
    return BudgetId("team-" + std::to_string(i % kBudgets));
}

struct Made {
    std::uint64_t commits = 0, entries = 0, bytes = 0;
};

Made make(const std::string& path, std::uint64_t bytes) {
    const Setting setting;
    Counting random;
    auto volume = got(journal::open_file(path));
    auto journal = got(journal::Journal::open(*volume, setting.owner, random,
                                              [](auto, auto) { return Result<void>(); }));
    Bank bank(setting.mesh, setting.key, setting.options);
    MonoTime now{1s};
    Made made;
    std::uint64_t unsynced = 0;
    const auto write = [&]() {
        for (auto records = bank.take_records(); !records.empty(); records = bank.take_records()) {
            for (const Record& one : records) {
                journal.append(static_cast<std::uint8_t>(one.kind), one.bytes);
                made.bytes += one.bytes.size();
                unsynced += one.bytes.size();
            }
            ++made.commits;
            bank.on_committed(now += 10ms);
        }
        // The disk is not what is measured.
        if (unsynced >= 32U << 20) got(journal.commit()), unsynced = 0;
        (void)bank.take_outgoing();
        (void)bank.take_changed();
        (void)bank.take_news();
        (void)bank.take_edits_done();
    };
    got(bank.begin(now));
    write();
    for (std::size_t i = 0; i < kBudgets; ++i) {
        bank.edit({i + 1, Edit::Kind::kDefine, name(i), kLimit}, now);
        if (i % 1'000 == 999) write();
    }
    for (std::size_t next = 0; made.bytes < bytes;) {
        std::map<BudgetId, MicroUsd> needs;
        for (std::size_t i = 0; i < kAtOnce; ++i) needs[name(next++)] = kRequest;
        bank.on_asks(needs, now);
        write();
        for (const auto& [id, need] : needs) {
            const auto purse = bank.leases().purse({id, 0});
            // What is recalled at that moment is asked for again in the next round.
            if (!purse || !purse->account || !purse->account->reserve(need)) continue;
            purse->account->settle(need, need);
        }
        if (next % (kAtOnce * 64) == 0) bank.on_tick(now);
        write();
    }
    made.entries = bank.books().newest()->ledger.size();
    got(journal.commit());
    got(journal.mark());
    return made;
}

double read(const std::string& path, std::uint64_t entries) {
    const Setting setting;
    const auto began = std::chrono::steady_clock::now();
    Bank bank(setting.mesh, setting.key, setting.options);
    auto volume = got(journal::open_file(path));
    const auto journal = got(journal::Journal::reopen(
        *volume, setting.owner,
        [&](std::uint8_t kind, seal::ByteView bytes) { return bank.read(kind, bytes); }));
    got(bank.begin(MonoTime{1s}));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    CHECK(bank.books().own().begin()->second.ledger.size() >= entries, "entries are missing");
    return took.count();
}

void forget_pages(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    CHECK(::fdatasync(file) == 0 && ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
    ::close(file);
}

int measure(const std::string& path, std::uint64_t bytes) {
    if (::access(path.c_str(), F_OK) == 0) {
        std::fprintf(stderr, "recovery_bench: %s is there already\n", path.c_str());
        return 1;
    }
    const Made made = make(path, bytes);
    std::fprintf(stderr, "recovery_bench: a journal of %.0f MB is made\n",
                 static_cast<double>(made.bytes) / 1e6);
    forget_pages(path);
    const double seconds = read(path, made.entries);
    ::unlink(path.c_str());
    std::printf(
        "{\n  \"bytes\": %llu, \"entries\": %llu, \"commits\": %llu, \"budgets\": %zu,\n"
        "  \"seconds\": %.3f\n}\n",
        static_cast<unsigned long long>(made.bytes), static_cast<unsigned long long>(made.entries),
        static_cast<unsigned long long>(made.commits), kBudgets, seconds);
    return 0;
}

}  // namespace
}  // namespace vidai::mesh::budget

int main(int argc, char** argv) {
    std::uint64_t bytes = 1'000'000'000;
    const std::string_view text = argc == 3 ? argv[2] : "";
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
    const bool wrong = argc == 3 && (error != std::errc() || end != text.data() + text.size());
    if (argc < 2 || argc > 3 || wrong || bytes < 1'000'000 || bytes > 100'000'000'000) {
        std::fprintf(stderr, "usage: recovery_bench FILE [BYTES], 10^6 to 10^11; default 10^9\n");
        return 2;
    }
    return vidai::mesh::budget::measure(argv[1], bytes);
}
