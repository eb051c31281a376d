// SPDX-License-Identifier: Apache-2.0
#include "node/upstream/attempts.h"

#include <array>

#include <gtest/gtest.h>

namespace vidai::node::upstream {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kNow{1h};
constexpr std::array<std::uint16_t, 4> kEndpoints{0, 1, 2, 3};

constexpr std::array kFailures{
    Outcome::kResolveFailed,  Outcome::kConnectFailed,
    Outcome::kConnectTimeout, Outcome::kTlsFailed,
    Outcome::kSendFailed,     Outcome::kFirstByteTimeout,
    Outcome::kBroken,         Outcome::kClosedBeforeFirstByte,
    Outcome::kIdleTimeout,    Outcome::kMalformed,
};

struct AttemptsTest : testing::Test {
    Health health{4, {.failures_to_eject = 2, .eject_first = 1s, .eject_max = 1s}};
    Attempts attempts(std::uint32_t max = 3) { return Attempts(kEndpoints, max, health); }
    void eject(std::uint16_t endpoint) {
        health.failed(endpoint, kNow);
        health.failed(endpoint, kNow);
    }
};

Event status(int code) {
    return {.outcome = Outcome::kStatus, .status = code};
}

TEST_F(AttemptsTest, TriesTheTargetsInOrderUpToTheBoundThenFails) {
    Attempts call = attempts(3);
    EXPECT_EQ(call.first(kNow), 0u);
    for (const std::size_t expected : {1u, 2u}) {
        const Verdict verdict = call.next({.outcome = Outcome::kConnectFailed}, kNow);
        EXPECT_EQ(verdict.step, Step::kTryNext);
        EXPECT_EQ(verdict.target, expected);
    }
    const Verdict last = call.next({.outcome = Outcome::kConnectFailed}, kNow);
    EXPECT_EQ(last.step, Step::kFail);
    EXPECT_EQ(last.error, ErrorCode::kUpstreamUnreachable);
    EXPECT_EQ(call.made(), 3u);
}

TEST_F(AttemptsTest, RetriesEveryFailureWhileNothingWasForwarded) {
    for (const Outcome outcome : kFailures) {
        Health fresh(4);
        Attempts call(kEndpoints, 2, fresh);
        call.first(kNow);
        EXPECT_EQ(call.next({.outcome = outcome}, kNow).step, Step::kTryNext)
            << static_cast<int>(outcome);
    }
}

TEST_F(AttemptsTest, NeverRetriesOnceAByteWasForwarded) {
    for (const Outcome outcome : {Outcome::kBroken, Outcome::kIdleTimeout}) {
        Attempts call = attempts();
        call.first(kNow);
        EXPECT_EQ(call.next(status(200), kNow).step, Step::kForward);
        const Verdict verdict = call.next({.outcome = outcome, .forwarded = true}, kNow);
        EXPECT_EQ(verdict.step, Step::kFail);
        EXPECT_EQ(verdict.error, ErrorCode::kUpstreamInterrupted);
    }
}

TEST_F(AttemptsTest, RetriesAResponseThatBrokeBeforeAnyOfItWasForwarded) {
    Attempts call = attempts();
    call.first(kNow);
    EXPECT_EQ(call.next(status(200), kNow).step, Step::kForward);
    EXPECT_EQ(call.next({.outcome = Outcome::kBroken}, kNow).step, Step::kTryNext);
}

TEST_F(AttemptsTest, RetriesRetryableStatusesAndHandsTheLastOneOn) {
    for (const int code : {404, 408, 429, 500, 502, 503, 504, 529}) {
        Health fresh(4);
        Attempts call(kEndpoints, 2, fresh);
        call.first(kNow);
        EXPECT_EQ(call.next(status(code), kNow).step, Step::kTryNext) << code;
        EXPECT_EQ(call.next(status(code), kNow).step, Step::kForward) << code;
    }
}

TEST_F(AttemptsTest, HandsOtherStatusesOnAtOnce) {
    for (const int code : {200, 201, 301, 400, 402, 409, 422, 501}) {
        Attempts call = attempts();
        call.first(kNow);
        EXPECT_EQ(call.next(status(code), kNow).step, Step::kForward) << code;
    }
}

TEST_F(AttemptsTest, NeverHandsOnARefusalOfTheGatewaysCredential) {
    for (const int code : {401, 403}) {
        Health fresh(4);
        Attempts call(kEndpoints, 2, fresh);
        call.first(kNow);
        EXPECT_EQ(call.next(status(code), kNow).step, Step::kTryNext) << code;
        const Verdict last = call.next(status(code), kNow);
        EXPECT_EQ(last.step, Step::kFail) << code;
        EXPECT_EQ(last.error, ErrorCode::kUpstreamCredential);
    }
}

TEST_F(AttemptsTest, EjectsATargetThatRefusesTheCredentialAndNotOneThatLacksAModel) {
    for (const int code : {404, 401}) {
        for (int i = 0; i < 2; ++i) {
            Attempts call = attempts(1);
            call.first(kNow);
            call.next(status(code), kNow);
        }
        EXPECT_EQ(health.usable(0, kNow), code == 404) << code;
    }
}

TEST_F(AttemptsTest, TriesAStaleConnectionsTargetOnceMoreOnAFreshOne) {
    for (const Outcome outcome : {Outcome::kClosedBeforeFirstByte, Outcome::kSendFailed}) {
        Attempts call = attempts();
        call.first(kNow);
        const Event stale{.outcome = outcome, .reused_connection = true};
        const Verdict verdict = call.next(stale, kNow);
        EXPECT_EQ(verdict.step, Step::kTrySameFresh);
        EXPECT_EQ(verdict.target, 0u);
        EXPECT_EQ(call.made(), 1u) << "it does not count as an attempt";
        EXPECT_EQ(call.next(stale, kNow).step, Step::kTryNext) << "once";
    }
}

TEST_F(AttemptsTest, DoesNotBlameATargetForAStaleConnection) {
    for (int i = 0; i < 10; ++i) {
        Attempts call = attempts(1);
        call.first(kNow);
        call.next({.outcome = Outcome::kClosedBeforeFirstByte, .reused_connection = true}, kNow);
    }
    EXPECT_TRUE(health.usable(0, kNow));
}

TEST_F(AttemptsTest, SkipsEjectedTargetsWithoutCountingThem) {
    eject(0);
    eject(1);
    Attempts call = attempts(2);
    EXPECT_EQ(call.first(kNow), 2u);
    EXPECT_EQ(call.next(status(503), kNow).target, 3u);
}

TEST_F(AttemptsTest, TriesAnEjectedTargetRatherThanNone) {
    for (const std::uint16_t endpoint : kEndpoints) eject(endpoint);
    Attempts call = attempts(2);
    EXPECT_EQ(call.first(kNow), 0u);
    EXPECT_EQ(call.next(status(503), kNow).target, 1u);
}

TEST_F(AttemptsTest, ComesBackToAnEjectedTargetWhenItsTimeIsOver) {
    eject(0);
    EXPECT_EQ(attempts().first(kNow + 999ms), 1u);
    EXPECT_EQ(attempts().first(kNow + 1s), 0u);
}

TEST_F(AttemptsTest, CountsServerErrorsAgainstATargetAndRateLimitsNot) {
    for (int i = 0; i < 2; ++i) {
        Attempts call = attempts(1);
        call.first(kNow);
        call.next(status(429), kNow);
    }
    EXPECT_TRUE(health.usable(0, kNow));
    for (int i = 0; i < 2; ++i) {
        Attempts call = attempts(1);
        call.first(kNow);
        call.next(status(500), kNow);
    }
    EXPECT_FALSE(health.usable(0, kNow));
}

TEST_F(AttemptsTest, GivesUpWhenAllTheTimeIsSpent) {
    Attempts call = attempts();
    call.first(kNow);
    const Verdict verdict = call.next({.outcome = Outcome::kTotalTimeout}, kNow);
    EXPECT_EQ(verdict.step, Step::kFail);
    EXPECT_EQ(verdict.error, ErrorCode::kUpstreamTimeout);
}

TEST_F(AttemptsTest, NamesWhatWentWrongByCode) {
    const auto error = [&](Outcome outcome) {
        Attempts call = attempts(1);
        call.first(kNow);
        return call.next({.outcome = outcome}, kNow).error;
    };
    EXPECT_EQ(error(Outcome::kResolveFailed), ErrorCode::kUpstreamUnreachable);
    EXPECT_EQ(error(Outcome::kTlsFailed), ErrorCode::kUpstreamUnreachable);
    EXPECT_EQ(error(Outcome::kFirstByteTimeout), ErrorCode::kUpstreamTimeout);
    EXPECT_EQ(error(Outcome::kBroken), ErrorCode::kUpstreamInterrupted);
    EXPECT_EQ(error(Outcome::kMalformed), ErrorCode::kUpstreamInvalid);
}

}  // namespace
}  // namespace vidai::node::upstream
