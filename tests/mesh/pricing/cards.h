// SPDX-License-Identifier: Apache-2.0
// Cards made of literals: each argument is one row as a file would have it.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "mesh/pricing/rate_card.h"

namespace vidai::mesh::pricing {

template <class... Rows>
std::string text_of(const Rows&... rows) {
    std::string text = "prices:\n";
    ((text += "  - " + std::string(rows) + "\n"), ...);
    return text;
}

template <class... Rows>
RateCard card_of(const Rows&... rows) {
    Result<RateCard> card = read_card(text_of(rows...), "card.yaml");
    EXPECT_TRUE(card) << (card ? "" : card.error().message);
    return card ? *card : RateCard{};
}

// The message of the error, or "accepted".
template <class... Rows>
std::string refused(const Rows&... rows) {
    const Result<RateCard> card = read_card(text_of(rows...), "card.yaml");
    return card ? "accepted" : card.error().message;
}

}  // namespace vidai::mesh::pricing
