// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/key_table.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/state/key_secret.h"

namespace vidai::mesh::state {
namespace {

std::string id_text(std::size_t n) {
    std::string text = std::to_string(n);
    return std::string(kKeyIdChars - text.size(), 'k') + text;
}

KeyEntry entry(std::size_t n) {
    KeyEntry made;
    made.record.id = KeyId(id_text(n));
    made.slot = static_cast<std::uint32_t>(n);
    return made;
}

TEST(KeyTable, FindsEachOfAHundredThousandKeysAndNoOther) {
    constexpr std::size_t kKeys = 100'000;
    std::vector<KeyEntry> entries;
    for (std::size_t n = 0; n < kKeys; ++n) entries.push_back(entry(n));
    const KeyTable table(std::move(entries));
    for (std::size_t n = 0; n < kKeys; ++n) {
        const KeyEntry* found = table.find(*parse_key_id(id_text(n)));
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(found->slot, n);
    }
    for (std::size_t n = kKeys; n < 2 * kKeys; ++n) {
        ASSERT_EQ(table.find(*parse_key_id(id_text(n))), nullptr);
    }
}

TEST(KeyTable, OfNothingFindsNothing) {
    EXPECT_EQ(KeyTable().find(*parse_key_id("abcdefghijkl")), nullptr);
    EXPECT_EQ(KeyTable(std::vector<KeyEntry>{}).find(*parse_key_id("abcdefghijkl")), nullptr);
}

// Whoever could tell where an id falls made 20,000 that fall together: building the table took half
// a second each time, and a look-up as long as the table.
TEST(KeyTable, IsNoSlowerForIdsThatSomebodyChose) {
    constexpr std::size_t kMask = 2'047;  // of the cells that so many keys have
    const auto guessed = [](const std::string& id) {
        std::uint64_t head = 0;
        std::uint32_t tail = 0;
        std::memcpy(&head, id.data(), sizeof head);
        std::memcpy(&tail, id.data() + sizeof head, sizeof tail);
        const std::uint64_t mixed =
            (head ^ std::rotl(std::uint64_t{tail}, 29)) * 0x9e3779b97f4a7c15;
        return (mixed ^ (mixed >> 32)) & kMask;
    };
    std::vector<KeyEntry> entries;
    for (std::size_t n = 0; entries.size() < 600; ++n) {
        if (guessed(id_text(n)) == 7) entries.push_back(entry(n));
    }
    EXPECT_LT(KeyTable(std::move(entries)).probes_max(), 100U);
}

TEST(KeyTable, RefusesTheSameKeyTwice) {
    EXPECT_DEATH(KeyTable({entry(1), entry(1)}), "same key twice");
}

TEST(KeyId, IsTwelveLettersAndDigits) {
    EXPECT_TRUE(parse_key_id("AZaz09AZaz09"));
    EXPECT_FALSE(parse_key_id("AZaz09AZaz0"));
    EXPECT_FALSE(parse_key_id("AZaz09AZaz09x"));
    EXPECT_FALSE(parse_key_id("AZaz09AZaz0-"));
    EXPECT_FALSE(parse_key_id(""));
}

TEST(KeyRecord, FromOutsideIsBoundedBeforeItIsHeld) {
    KeyRecord good = entry(1).record;
    good.name = std::string(128, 'n');
    good.models = std::vector<std::string>(256, std::string(128, 'm'));
    for (int i = 0; i < 8; ++i) {
        good.budgets.emplace_back(std::to_string(i) + std::string(127, 'b'));
    }
    EXPECT_TRUE(validate(good));

    const auto refused = [&](auto spoil) {
        KeyRecord bad = good;
        spoil(bad);
        const Result<void> result = validate(bad);
        return result ? std::string("accepted") : result.error().param;
    };
    EXPECT_EQ(refused([](KeyRecord& r) { r.id = KeyId("short"); }), "id");
    EXPECT_EQ(refused([](KeyRecord& r) { r.name += 'x'; }), "name");
    EXPECT_EQ(refused([](KeyRecord& r) { r.models.emplace_back("x"); }), "models");
    EXPECT_EQ(refused([](KeyRecord& r) { r.models[3] += 'x'; }), "models");
    EXPECT_EQ(refused([](KeyRecord& r) { r.models[3].clear(); }), "models");
    EXPECT_EQ(refused([](KeyRecord& r) { r.budgets.emplace_back("x"); }), "budgets");
    EXPECT_EQ(refused([](KeyRecord& r) { r.budgets[3] = r.budgets[5]; }), "budgets");
    EXPECT_EQ(refused([](KeyRecord& r) { r.budgets[3] = BudgetId(); }), "budgets");
    EXPECT_EQ(refused([](KeyRecord& r) { r.budgets[3] = BudgetId("team a"); }), "budgets");
}

TEST(MintedKey, HasTheFormOfAKeyAndMatchesItsRecord) {
    KeyRecord wanted;
    wanted.name = "ci";
    wanted.limits.concurrency = 3;
    const MintedKey key = make_key(wanted);
    const std::string_view text = key.text.reveal();
    EXPECT_EQ(text.size(), kKeyChars);
    EXPECT_TRUE(text.starts_with("sk-vidai-"));
    ASSERT_TRUE(key_id_of(text));
    EXPECT_EQ(to_view(*key_id_of(text)), key.record.id.str());
    EXPECT_TRUE(validate(key.record));
    EXPECT_TRUE(matches(key.record, text));
    EXPECT_EQ(key.record.name, "ci");
    EXPECT_EQ(key.record.limits, wanted.limits);
}

TEST(MintedKey, IsNeverTheSameTwice) {
    const MintedKey a = make_key({}), b = make_key({});
    EXPECT_NE(a.record.id, b.record.id);
    EXPECT_NE(a.record.salt, b.record.salt);
    EXPECT_NE(a.record.hash, b.record.hash);
    EXPECT_NE(a.text.reveal().substr(22), b.text.reveal().substr(22));
}

TEST(MintedKey, MatchesNoTextThatDiffersInOneCharacter) {
    const MintedKey key = make_key({});
    for (std::size_t at = 0; at < kKeyChars; ++at) {
        std::string text(key.text.reveal());
        text[at] = text[at] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(matches(key.record, text)) << at;
    }
}

// Freezes the stored form: a hash made by one version must be accepted by all later ones.
TEST(KeyHash, IsBlake2bOfTheWholeTextWithTheRecordsSalt) {
    KeyRecord record;
    for (std::size_t i = 0; i < record.salt.size(); ++i) {
        record.salt[i] = static_cast<std::uint8_t>(i);
    }
    const std::string text = "sk-vidai-abcdefghijkl-" + std::string(43, 'A');
    record.hash = {0x38, 0x6b, 0xf0, 0x65, 0x67, 0x2d, 0xc6, 0xbe, 0x63, 0x04, 0xdc,
                   0xa9, 0xef, 0x6c, 0x8a, 0xd6, 0x7b, 0xe9, 0x2a, 0x87, 0x43, 0x18,
                   0x89, 0x04, 0x59, 0x85, 0x44, 0xbf, 0x86, 0x6b, 0x1f, 0xb9};
    EXPECT_TRUE(matches(record, text));
    record.salt[0] ^= 1;
    EXPECT_FALSE(matches(record, text));
}

TEST(KeyText, OfAnotherFormHasNoId) {
    const std::string good = "sk-vidai-abcdefghijkl-" + std::string(43, 'A');
    EXPECT_TRUE(key_id_of(good));
    EXPECT_FALSE(key_id_of(""));
    EXPECT_FALSE(key_id_of(good + "A"));
    EXPECT_FALSE(key_id_of(good.substr(1)));
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{8}, std::size_t{12}, std::size_t{21}}) {
        std::string bad = good;
        bad[at] = '!';
        EXPECT_FALSE(key_id_of(bad)) << at;
    }
}

TEST(KeyText, IsShownWithoutItsSecret) {
    EXPECT_EQ(display_form(KeyId("abcdefghijkl")), "sk-vidai-abcdefghijkl-...");
}

}  // namespace
}  // namespace vidai::mesh::state
