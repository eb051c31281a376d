// SPDX-License-Identifier: Apache-2.0
// The house of fixture.h, whose key stands under two hard budgets and whose targets have prices.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {

using admit::Patience;
using mesh::budget::Account;
using mesh::budget::Balance;
using mesh::budget::BudgetEntry;
using upstream::Outcome;

// At the first target, of 1 in and 2 out: a token for each byte, and the longest answer. The second
// is free.
inline constexpr std::int64_t kLongest = 8'192;
constexpr std::int64_t worst_of(std::string_view body) {
    return static_cast<std::int64_t>(body.size()) + 2 * kLongest;
}
inline constexpr std::int64_t kWorst = worst_of(kChat);
inline constexpr std::int64_t kStreamWorst = worst_of(kChatStream);

inline mesh::pricing::Price bounded(mesh::pricing::Price price) {
    price.limits.output_max = {kLongest};
    return price;
}
inline const std::vector<mesh::pricing::Price> kPrices = {bounded(kOneInTwoOut), price_of(0, 0, 0)};

// Under one budget of the team and one of the organisation.
struct Budgeted : House {
    explicit Budgeted(std::int64_t granted,
                      const std::vector<mesh::pricing::Price>& prices = kPrices)
        : House({}, {}, {BudgetId("team"), BudgetId("org")}, prices) {
        team = publish_one("team", granted);
        org = publish_one("org", 1'000'000);
    }
    std::shared_ptr<Account> publish_one(const std::string& id, std::int64_t granted) {
        BudgetEntry entry;
        entry.id = BudgetId(id);
        entry.account = std::make_shared<Account>();
        entry.account->on_grant({granted});
        entry.limit = entry.left = {1'000'000};
        publish(entry);
        return entry.account;
    }
    void set_state(BudgetEntry::State state, std::int64_t left = 0) {
        BudgetEntry entry = *budget_reader->find("team");
        entry.state = state;
        entry.left = {left};
        publish(entry);
    }
    const observe::BudgetMetrics& counted() const { return metrics->budgets; }
    std::shared_ptr<Account> team, org;
};

inline void ready(House& house) {
    house.exchange->on_ready(false, test_now());
}
inline void fails(House& house, Outcome why) {
    house.exchange->on_failed(why, test_now());
}
inline void leaves(House& house) {
    house.exchange->on_client_gone(test_now());
}

}  // namespace vidai::node::exchange
