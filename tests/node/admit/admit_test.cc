// SPDX-License-Identifier: Apache-2.0
#include "node/admit/admit.h"

#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::node::admit {
namespace {

using namespace std::chrono_literals;
using mesh::limits::CounterTable;
using mesh::state::KeyEntry;
using mesh::state::KeyRecord;
using mesh::state::KeyTable;

constexpr WallTime kNow{std::chrono::minutes(30'000'000)};
constexpr auth::Principal kWho{{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'}};

static_assert(!std::is_copy_constructible_v<Permit> && !std::is_copy_assignable_v<Permit>);

struct Admit : testing::Test {
    Admit() {
        counters.open(0);
        record.id = KeyId("abcdefghijkl");
    }
    KeyTable table() const { return KeyTable({KeyEntry{record, slot}}); }
    Admission ask(Ask what, WallTime now = kNow) {
        return admit(counters, table(), kWho, what, now);
    }
    static ErrorCode code_of(const Admission& admission) {
        return admission.permit ? ErrorCode::kInternal : admission.permit.error().code;
    }
    CounterTable counters{16};
    KeyRecord record;
    std::optional<std::uint32_t> slot = 0;
};

TEST_F(Admit, LetsAKeyWithoutLimitsInAndSaysNothingOfLimits) {
    const Admission in = ask({"gpt", Tokens{1'000'000}});
    EXPECT_TRUE(in.permit);
    EXPECT_FALSE(in.rate.requests || in.rate.tokens || in.rate.retry_after);
}

TEST_F(Admit, SaysWhatIsLeft) {
    record.limits = {10, 1'000, {}};
    const Admission in = ask({"gpt", Tokens{300}});
    ASSERT_TRUE(in.permit);
    EXPECT_EQ(in.rate.requests->limit, 10u);
    EXPECT_EQ(in.rate.requests->remaining, 9u);
    EXPECT_EQ(in.rate.tokens->limit, 1'000u);
    EXPECT_EQ(in.rate.tokens->remaining, 700u);
    EXPECT_GT(in.rate.tokens->reset, Duration::zero());
    EXPECT_FALSE(in.rate.retry_after);
    EXPECT_FALSE(in.rate.retry_useless);
}

TEST_F(Admit, RefusesByTheLimitThatIsInTheWayAndTakesNothing) {
    record.limits = {2, 1'000, {}};
    const Admission first = ask({"gpt", Tokens{600}});
    const Admission too_many_tokens = ask({"gpt", Tokens{600}});
    EXPECT_EQ(code_of(too_many_tokens), ErrorCode::kTokenLimit);
    EXPECT_EQ(too_many_tokens.rate.requests->remaining, 1u);
    EXPECT_EQ(too_many_tokens.rate.tokens->remaining, 400u);
    const Admission second = ask({"gpt", Tokens{400}});
    EXPECT_TRUE(second.permit);
    const Admission third = ask({"gpt", Tokens{0}});
    EXPECT_EQ(code_of(third), ErrorCode::kRequestLimit);
    EXPECT_EQ(third.rate.tokens->remaining, 0u);
}

TEST_F(Admit, RetryAfterIsHonest) {
    record.limits = {1, {}, {}};
    const Admission first = ask({"gpt", Tokens{}});
    const Admission second = ask({"gpt", Tokens{}}, kNow + 10s);
    ASSERT_TRUE(second.rate.retry_after);
    const auto wait =
        std::chrono::duration_cast<std::chrono::milliseconds>(*second.rate.retry_after);
    EXPECT_FALSE(ask({"gpt", Tokens{}}, kNow + 10s + wait - 1ms).permit);
    EXPECT_TRUE(ask({"gpt", Tokens{}}, kNow + 10s + wait).permit);
}

TEST_F(Admit, SaysWhenARepeatIsUseless) {
    record.limits = {{}, 1'000, {}};
    const Admission out = ask({"gpt", Tokens{1'001}});
    EXPECT_EQ(code_of(out), ErrorCode::kTokenLimit);
    EXPECT_TRUE(out.rate.retry_useless);
    EXPECT_FALSE(out.rate.retry_after);
}

TEST_F(Admit, LimitsWhatIsInFlightAtOnce) {
    record.limits = {{}, {}, 1};
    {
        const Admission first = ask({"gpt", Tokens{}});
        EXPECT_TRUE(first.permit);
        const Admission second = ask({"gpt", Tokens{}});
        EXPECT_EQ(code_of(second), ErrorCode::kConcurrencyLimit);
        EXPECT_TRUE(second.rate.retry_after);
    }
    EXPECT_TRUE(ask({"gpt", Tokens{}}).permit);
}

TEST_F(Admit, HoldsTheAllowListBeforeAnythingIsCounted) {
    record.models = {"small", "large"};
    record.limits = {1, {}, {}};
    const Admission out = ask({"huge", Tokens{}});
    EXPECT_EQ(code_of(out), ErrorCode::kModelNotAllowed);
    EXPECT_EQ(out.permit.error().param, "model");
    EXPECT_TRUE(ask({"large", Tokens{}}).permit);
}

TEST_F(Admit, SeesThatAKeyWasRevokedAfterItWasChecked) {
    record.revoked = true;
    EXPECT_EQ(code_of(ask({"gpt", Tokens{}})), ErrorCode::kInvalidKey);
    EXPECT_EQ(code_of(admit(counters, KeyTable(), kWho, {"gpt", Tokens{}}, kNow)),
              ErrorCode::kInvalidKey);
}

TEST_F(Admit, RefusesAKeyThatCannotBeCounted) {
    slot.reset();
    EXPECT_EQ(code_of(ask({"gpt", Tokens{}})), ErrorCode::kResourceExhausted);
}

struct AdmitUnderLimits : Admit {
    // The key stands under it, counted by a slot of its own.
    mesh::state::LimitRecord& add(const char* name, std::uint64_t amount, const char* model = "") {
        mesh::state::LimitRecord& limit = limits.emplace_back();
        limit.name = name;
        limit.amount = amount;
        limit.scope.equal[4] = model;
        const auto place = static_cast<std::uint32_t>(limits.size());
        applied.push_back({place - 1, place});
        counters.open(place, limit.span_s);
        return limit;
    }
    Admission ask_under(Ask what, WallTime now = kNow) {
        return admit(counters, KeyTable({KeyEntry{record, slot, applied}}, limits), kWho, what,
                     now);
    }
    std::vector<mesh::state::LimitRecord> limits;
    std::vector<mesh::state::AppliedLimit> applied;
};

TEST_F(AdmitUnderLimits, NamesTheLimitThatRefuses) {
    record.limits = {100, {}, {}};
    add("ml", 1).span_s = 3'600;
    counters.open(1, 3'600);
    const Admission in = ask_under({"gpt", Tokens{5}});
    ASSERT_TRUE(in.permit);
    const Admission refused = ask_under({"gpt", Tokens{5}});
    ASSERT_EQ(code_of(refused), ErrorCode::kRequestLimit);
    EXPECT_EQ(refused.permit.error().message,
              "the limit 'ml' allows 1 requests per hour; wait as long as retry-after says");
    EXPECT_EQ(refused.rate.requests->limit, 1u) << "the tightest of both";
    EXPECT_GT(*refused.rate.retry_after, 59min);
    EXPECT_EQ(counters.use(0, kNow).requests_own, 1u) << "what it took of the key it gave back";
}

TEST_F(AdmitUnderLimits, LooksAtThoseOfTheModelThatIsAskedForAlone) {
    add("gpt-only", 0, "gpt");
    EXPECT_EQ(code_of(ask_under({"gpt", Tokens{1}})), ErrorCode::kRequestLimit);
    EXPECT_TRUE(ask_under({"llama", Tokens{1}}).permit);
    add("tokens", 100).unit = mesh::state::LimitUnit::kTokens;
    const Admission refused = ask_under({"llama", Tokens{101}});
    EXPECT_EQ(code_of(refused), ErrorCode::kTokenLimit);
    EXPECT_TRUE(refused.rate.retry_useless);
    add("open", 1).unit = mesh::state::LimitUnit::kConcurrency;
    const Admission in = ask_under({"llama", Tokens{1}});
    EXPECT_TRUE(in.permit);
    EXPECT_EQ(code_of(ask_under({"llama", Tokens{1}})), ErrorCode::kConcurrencyLimit);
}

TEST_F(AdmitUnderLimits, RefusesWhatItCannotCount) {
    for (int i = 0; i < 8; ++i) add("some", 100);
    EXPECT_TRUE(ask_under({"gpt", Tokens{1}}).permit);
    record.limits = {100, 100, 100};
    EXPECT_TRUE(ask_under({"gpt", Tokens{1}}).permit) << "its own three are besides";
    applied.back().slot.reset();
    EXPECT_EQ(code_of(ask_under({"gpt", Tokens{1}})), ErrorCode::kResourceExhausted);
    applied.back().slot = 8;
    add("one-more", 100);
    EXPECT_EQ(code_of(ask_under({"gpt", Tokens{1}})), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace vidai::node::admit
