// SPDX-License-Identifier: Apache-2.0
// Any bytes as a rate card: refused with a message, or a card in which no price is negative or in
// a wrong unit, that is read back from its canonical text, and whose look-ups never go wrong.
#include <cstdint>
#include <string>

#include "mesh/pricing/card_diff.h"
#include "mesh/pricing/rate_card.h"
#include "mesh/pricing/rate_names.h"
#include "mesh/pricing/unit_guard.h"
#include "schema/vocabulary/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vidai;
    using namespace vidai::mesh::pricing;
    const Result<RateCard> card = read_card(std::string(data, data + size), "f");
    if (!card) {
        CHECK(!card.error().message.empty());
        return 0;
    }
    CHECK(!card->rows.empty());
    for (const Row& row : card->rows) {
        CHECK(row.price.known && row.from < row.to && !row.models.empty());
        for (const RateName& rate : kRateNames) {
            CHECK((row.price.rates.*rate.rate).value >= 0);
            CHECK(row.price.rates.*rate.rate <= kRateMax);
        }
        for (const std::string& model : row.models) {
            const std::string name =
                model.ends_with('*') ? model.substr(0, model.size() - 1) + "x" : model;
            const PriceHistory history = card->history(row.provider, name);
            CHECK(!history.empty());
            WallTime last = WallTime::min();
            for (const PriceHistory::Span& span : history.spans()) {
                CHECK(span.from >= last && history.at(span.from) == span.price);
                last = span.from;
            }
        }
    }
    const Result<RateCard> again = read_card(card_text(*card), "again");
    CHECK(again && *again == *card);
    CHECK(differences(*card, *again).empty());
    return 0;
}
