// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/circle.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "mesh/budget/log_state.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

const LogId& heir_of(const EndedLog& log) {
    return log.closed_to ? *log.closed_to : log.header.successor;
}

// What each custodian has that has said it, the longest first.
std::vector<Seq> heads_of(const LogHeader& log, std::span<const SealedHead> seals) {
    std::vector<Seq> heads;
    for (const LedgerKey& custodian : log.custodians) {
        const auto said = std::ranges::find(seals, custodian, &SealedHead::custodian);
        if (said != seals.end()) heads.push_back(said->head);
    }
    std::ranges::sort(heads, std::greater{});
    return heads;
}

// The first log of its least volume that no log of the circle stands for.
LogId heir_of(const std::set<std::size_t>& circle, std::span<const EndedLog> logs) {
    std::set<LogId> all;
    for (const std::size_t at : circle) {
        all.insert(logs[at].represents.begin(), logs[at].represents.end());
    }
    CHECK(!all.empty());
    const LedgerKey& least = all.begin()->ledger;
    const auto last =
        std::ranges::find_if(all, [&](const LogId& id) { return id.ledger != least; });
    return {least, std::prev(last)->generation + 1};
}

// From one log to its heir and on, until a log that is not among these. Where the way comes back to
// a log that it has passed, all since are one from then on.
void walk(std::size_t from, std::span<const EndedLog> logs, std::vector<Circle>& out) {
    std::vector<std::set<std::size_t>> way{{from}};
    LogId next = heir_of(logs[from]);
    for (;;) {
        const auto found = std::ranges::find_if(
            logs, [&](const EndedLog& log) { return log.represents.contains(next); });
        if (found == logs.end()) return;
        const auto at = static_cast<std::size_t>(found - logs.begin());
        const auto passed =
            std::ranges::find_if(way, [&](const auto& step) { return step.contains(at); });
        if (passed == way.end()) {
            way.push_back({at});
            next = heir_of(*found);
            continue;
        }
        std::set<std::size_t> circle;
        for (auto step = passed; step != way.end(); ++step)
            circle.insert(step->begin(), step->end());
        way.erase(passed, way.end());
        next = heir_of(circle, logs);
        way.push_back(circle);
        out.push_back({std::move(circle), next});
    }
}

}  // namespace

bool is_final(const EndedLog& log) {
    const std::vector<Seq> heads = heads_of(log.header, log.seals);
    if (VIDAI_MUTANT("circle-half-sealed")) return !heads.empty();
    if (!log.closed_to) return !heads.empty() && heads.size() == log.header.custodians.size();
    const auto have = std::ranges::count_if(heads, [&](Seq head) { return head >= log.head; });
    return static_cast<std::size_t>(have) >= quorum_of(log.header.custodians.size()).act;
}

Seq committed_head(const LogHeader& log, std::span<const SealedHead> seals) {
    const std::vector<Seq> heads = heads_of(log, seals);
    const std::size_t act = quorum_of(log.custodians.size()).act;
    if (heads.empty() || heads.size() < act) return 0;
    if (VIDAI_MUTANT("circle-shorter") || VIDAI_MUTANT("adopt-shorter")) return heads.back();
    return heads[std::max<std::size_t>(act, 1) - 1];  // 0 is a mutant's
}

std::vector<Circle> find_circles(std::span<const EndedLog> logs) {
    std::vector<Circle> out;
    for (std::size_t from = 0; from < logs.size(); ++from) {
        std::vector<Circle> found;
        walk(from, logs, found);
        for (Circle& one : found) {
            const auto same = [&](const Circle& known) { return known.logs == one.logs; };
            if (std::ranges::none_of(out, same)) out.push_back(std::move(one));
        }
    }
    return out;
}

std::optional<LogId> heir_of_circle(std::span<const EndedLog> logs) {
    if (logs.empty()) return std::nullopt;
    std::vector<Circle> found;
    walk(0, logs, found);
    for (const Circle& one : found) {
        if (one.logs.size() == logs.size()) return one.heir;
    }
    return std::nullopt;
}

}  // namespace vidai::mesh::budget
