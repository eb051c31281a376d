// SPDX-License-Identifier: Apache-2.0
// The part of Desk that is about rate cards.
#include <string>
#include <utility>

#include "mesh/rpc/desk.h"

namespace vidai::mesh::rpc {

static_assert(kCardRegister == static_cast<std::uint8_t>(state::RegisterKind::kCard));

kj::Promise<Result<CardChange>> Desk::price_apply(std::string text, std::string by,
                                                  std::chrono::milliseconds within) {
    if (auto heard = events_.heard_by_others(); !heard) {
        return Result<CardChange>(fail(std::move(heard).error()));
    }
    // Who does not know it would go on by other prices.
    const auto without = lacking(events_.view_now()->members, Capability::kRateCards);
    if (!without.empty()) return Result<CardChange>(not_known_to(Capability::kRateCards, without));
    auto applied = replica_.apply_card(text, std::move(by), wall_now());
    if (!applied) return Result<CardChange>(std::move(applied));
    events_.on_card_applied(*applied);
    return saved(within).then(
        [change = std::move(*applied)](Result<void>&& stored) mutable -> Result<CardChange> {
            if (stored) return std::move(change);
            return fail(stored.error().code,
                        "it is in force and the other nodes are told, but this node cannot store "
                        "it: " +
                            stored.error().message);
        });
}

Result<CardPage> Desk::price_cards(std::size_t skip) {
    constexpr std::size_t kPageBytes = 256 * 1024;
    CardPage page;
    std::size_t bytes = 0;
    for (const state::CardRecord* card : replica_.cards().all()) {
        if (skip > 0) {
            --skip;
            continue;
        }
        bytes += 256 + card->text.size();
        page.more = bytes > kPageBytes && !page.cards.empty();
        if (page.more) break;
        page.cards.push_back(*card);
    }
    return page;
}

// A program that does not know of them could neither keep a copy of them nor read it.
kj::Promise<Result<UsageCorrection>> Desk::usage_heal(WallTime since, WallTime until,
                                                      bool dry_run) {
    const auto without = lacking(events_.view_now()->members, Capability::kUsageAdjustments);
    if (!dry_run && !without.empty()) {
        return Result<UsageCorrection>(not_known_to(Capability::kUsageAdjustments, without));
    }
    return events_.heal_usage(since, until, dry_run);
}

kj::Promise<Result<UsageCorrection>> Desk::usage_bill(std::string origin,
                                                      std::vector<usage::Bill> bills) {
    const auto without = lacking(events_.view_now()->members, Capability::kUsageAdjustments);
    if (!without.empty()) {
        return Result<UsageCorrection>(not_known_to(Capability::kUsageAdjustments, without));
    }
    return events_.bill_usage(std::move(origin), std::move(bills));
}

Result<wire::OwnCardPart> Desk::own_card(std::size_t skip) {
    return events_.own_card_now(skip);
}

}  // namespace vidai::mesh::rpc
