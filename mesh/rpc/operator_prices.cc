// SPDX-License-Identifier: Apache-2.0
// The part of OperatorClient that is about prices.
#include <iterator>
#include <string>
#include <utility>

#include "mesh/operator.h"
#include "mesh/rpc/operator_impl.h"
#include "mesh/wire/message.h"
#include "mesh/wire/operator_values.h"

namespace vidai::mesh {

Result<CardChange> OperatorClient::price_apply(const std::string& text) {
    auto request = impl_->remote.priceApplyRequest();
    request.setText(wire::to_text(text));
    request.setDeadlineMs(impl_->deadline_ms());
    return impl_->call<CardChange>(kj::mv(request));
}

Result<std::vector<state::CardRecord>> OperatorClient::price_cards() {
    std::vector<state::CardRecord> cards;
    for (bool more = true; more;) {
        auto request = impl_->remote.priceCardsRequest();
        request.setSkip(static_cast<std::uint32_t>(cards.size()));
        auto page = impl_->call<CardPage>(kj::mv(request));
        if (!page) return fail(std::move(page).error());
        more = page->more && !page->cards.empty();
        std::move(page->cards.begin(), page->cards.end(), std::back_inserter(cards));
    }
    return cards;
}

Result<UsageCorrection> OperatorClient::usage_heal(WallTime since, WallTime until, bool dry_run) {
    auto request = impl_->remote.usageHealRequest();
    request.setSinceMs(since.time_since_epoch().count());
    request.setUntilMs(until.time_since_epoch().count());
    request.setDryRun(dry_run);
    return impl_->call<UsageCorrection>(kj::mv(request));
}

Result<UsageCorrection> OperatorClient::usage_bill(const std::string& origin,
                                                   const std::vector<usage::Bill>& bills) {
    auto request = impl_->remote.usageBillRequest();
    request.setOrigin(wire::to_text(origin));
    wire::write(bills, request.initBills(static_cast<unsigned>(bills.size())));
    return impl_->call<UsageCorrection>(kj::mv(request));
}

Result<OwnCard> OperatorClient::own_card() {
    constexpr std::size_t kTextMax = 4U << 20;  // no node reads as much from a file
    OwnCard card;
    for (bool more = true; more;) {
        auto request = impl_->remote.ownCardRequest();
        request.setSkip(static_cast<std::uint32_t>(card.text.size()));
        auto part = impl_->call<wire::OwnCardPart>(kj::mv(request));
        if (!part) return fail(std::move(part).error());
        more = part->more && !part->card.text.empty() && card.text.size() < kTextMax;
        card.text += part->card.text;
        card.source = std::move(part->card.source);
    }
    return card;
}

}  // namespace vidai::mesh
