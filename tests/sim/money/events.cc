// SPDX-License-Identifier: Apache-2.0
// What befalls nodes, their disks, their clocks and the paths between them.
#include <algorithm>
#include <utility>

#include "tests/sim/money/world.h"

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

void MoneyWorld::cut(const MoneyEvent& event, bool on) {
    const auto in = [&](std::size_t node) { return ((event.group >> node) & 1) != 0; };
    for (std::size_t a = 0; a < nodes_.size(); ++a) {
        for (std::size_t b = 0; b < nodes_.size(); ++b) {
            const bool cut = event.deed == MoneyDeed::kPartition
                                 ? in(a) != in(b)
                                 : a == event.node && b != a && in(b);
            if (cut) wires_.block(a, b, on);
        }
    }
}

void MoneyWorld::perform(const MoneyEvent& event) {
    if (broken() || healed_) return;
    Node& at = nodes_[event.node];
    note(std::to_string(event.number) + ". " + std::string(deed_name(event.deed)) + " node " +
         std::to_string(event.node));
    Rng rng(event.seed);
    const auto undo = [&](auto what) {
        scheduler_.after(event.lasts, [this, what] {
            if (!healed_) what();
        });
    };
    switch (event.deed) {
        case MoneyDeed::kCrash:
        case MoneyDeed::kPowerLoss:
        case MoneyDeed::kBitRot:
        case MoneyDeed::kLoseVolume:
            if (!at.bank) return;
            stop(event.node, event.deed == MoneyDeed::kPowerLoss);
            if (event.deed == MoneyDeed::kBitRot) turn_bit(event.node, rng);
            if (event.deed == MoneyDeed::kLoseVolume) lose_volume(event.node);
            return back(event.node, event.lasts);
        case MoneyDeed::kDiskFull:
        case MoneyDeed::kFailedSync:
            if (!at.bank) return;
            at.volume->calls_left = event.deed == MoneyDeed::kDiskFull ? 0 : 1 + rng.below(3);
            return scheduler_.after(event.lasts, [this, node = event.node, life = at.life,
                                                  power = event.deed == MoneyDeed::kFailedSync] {
                if (nodes_[node].life != life) return;
                stop(node, power);
                start(node);
            });
        case MoneyDeed::kPartition:
        case MoneyDeed::kOneWay:
            cut(event, true);
            return undo([this, event] { cut(event, false); });
        case MoneyDeed::kLoss:
            wires_.set_loss(0.1 + 0.5 * rng.unit());
            return undo([this] { wires_.set_loss(story_.loss); });
        case MoneyDeed::kSlow:
            wires_.set_slow(milliseconds(rng.below(1'500)));
            return undo([this] { wires_.set_slow({}); });
        case MoneyDeed::kFalseDeath:
            if (!at.bank || event.other == event.node) return;
            at.bank->on_dead(key(event.other), now());
            return after(event.node);
        case MoneyDeed::kCreate:
        case MoneyDeed::kRaise:
        case MoneyDeed::kLower:
        case MoneyDeed::kSetRule:
        case MoneyDeed::kDelete:
        case MoneyDeed::kTopUp:
            return edit_some(event);
        case MoneyDeed::kNight:
        case MoneyDeed::kClockJump:
        case MoneyDeed::kClockDrift:
            return perform_on_time(event);
        case MoneyDeed::kRollBack:
            if (!at.bank) return;
            at.copy = at.volume->synced();
            return scheduler_.after(
                event.lasts, [this, node = event.node, copy = at.copy, volumes = at.volumes] {
                    if (nodes_[node].volumes != volumes) return;
                    stop(node, false);
                    nodes_[node].volume->put_back(copy);
                    start(node);
                });
        case MoneyDeed::kCount:
            return;
    }
}

void MoneyWorld::perform_on_time(const MoneyEvent& event) {
    Rng rng(event.seed);
    if (event.deed == MoneyDeed::kNight) return night(milliseconds(rng.below(3'000)));
    Node& at = nodes_[event.node];
    if (event.deed == MoneyDeed::kClockDrift) {
        at.drift = milliseconds(rng.below(41)) - milliseconds(20);
        return scheduler_.after(event.lasts,
                                [this, node = event.node] { nodes_[node].drift = {}; });
    }
    const std::int64_t ms = rng.chance(0.5) ? 4'000 : 2 * 86'400'000;
    const Duration leap =
        milliseconds(rng.below(static_cast<std::uint64_t>(2 * ms))) - milliseconds(ms);
    at.skew += leap;
    scheduler_.after(event.lasts, [this, node = event.node, leap] {
        if (!healed_) nodes_[node].skew -= leap;
    });
}

// To so much before the next midnight, for all: clocks and what processes measure time by.
void MoneyWorld::night(Duration before_midnight) {
    const auto today = true_time().time_since_epoch();
    const Duration left =
        std::chrono::floor<std::chrono::days>(today) + std::chrono::days(1) - today;
    if (left > before_midnight) slept_ += left - before_midnight;
    note("a night passes");
}

void MoneyWorld::heal() {
    note("faults end");
    healed_ = true;
    thinking_ = false;
    wires_.heal();
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
        Node& at = nodes_[node];
        at.wanted = true;
        at.skew = at.drift = {};
        // Whose disk failed is started again.
        if (at.bank && !at.bank->frozen().empty()) stop(node, true);
        at.volume->end();
        start(node);
    }
}

}  // namespace vidai::sim
