// SPDX-License-Identifier: Apache-2.0
// Two and three stores that ask each other through pullers, in virtual time.
#include "mesh/limits/counter_puller.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "schema/base/rng.h"
#include "tests/mesh/limits/puller_node.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using namespace pulling;  // NOLINT(google-build-using-namespace)
using Node = PullerNode;

// How many cells came.
std::size_t take(Node& who, Node& whom, const CounterAsk& asked, MonoTime now) {
    CellPage page = whom.store.page(asked.pull);
    EXPECT_TRUE(check_answer(asked.pull, page));
    std::size_t cells = 0;
    for (CellBatch& batch : page.batches) {
        cells += batch.cells.size();
        const CounterStore::Said said = who.puller.before_merge(whom.name, batch);
        const MergeCount count = who.store.merge(batch, whom.name, now, kWall, said);
        who.puller.after_merge(whom.name, batch, count);
    }
    (void)who.puller.on_page(whom.name, asked.token, page.next, now);
    return cells;
}

// One question and its answer; how many cells came, nothing when it did not ask.
std::optional<std::size_t> ask(Node& who, Node& whom, MonoTime now, bool lost = false) {
    CounterAsks asks =
        who.puller.on_interval(now, kWall, 3, [](const NodeId&) { return std::size_t{100}; });
    if (asks.empty()) return std::nullopt;
    EXPECT_EQ(asks.size(), 1u);
    if (lost) {
        who.puller.on_failure(whom.name, asks[0].token, now);
        return 0;
    }
    const std::size_t cells = take(who, whom, asks[0], now);
    EXPECT_LE(cells, 110u) << "a page and at most one key's cells";
    return cells;
}

TEST(CounterPuller, GetsEverythingThenNothingThenOnlyWhatChanged) {
    Node a("a"), b("b");
    a.charge(1'000);
    (void)a.give_out();
    b.puller.on_connected(a.name, kMono);
    std::size_t cells = 0;
    int pages = 0;
    while (const auto got = ask(b, a, kMono)) {
        cells += *got;
        ASSERT_LE(++pages, 20);
    }
    EXPECT_EQ(cells, 1'000u);
    EXPECT_TRUE(b.puller.informed());
    EXPECT_EQ(b.held(), a.held());
    EXPECT_FALSE(ask(b, a, kMono + 4s)) << "every five seconds";
    EXPECT_EQ(ask(b, a, kMono + 5s), 0u);
    a.charge(3);
    (void)a.give_out();
    EXPECT_EQ(ask(b, a, kMono + 10s), 3u);
}

TEST(CounterPuller, EndsThoughEveryConnectionLivesForOnePage) {
    Node a("a"), b("b");
    a.charge(1'000);
    (void)a.give_out();
    MonoTime now = kMono;
    std::size_t cells = 0;
    int connections = 0;
    while (b.held() != a.held()) {
        b.puller.on_connected(a.name, now);
        cells += ask(b, a, now).value_or(0);
        (void)ask(b, a, now, true);
        b.puller.on_disconnected(a.name);
        now += 1s;
        ASSERT_LE(++connections, 15);
    }
    EXPECT_EQ(cells, 1'000u) << "none twice";
}

TEST(CounterPuller, AsksOfNoMoreOriginsThanThereIsRoomFor) {
    Node a("a"), b("b");
    for (std::size_t i = 0; i < 300; ++i) {
        CellBatch batch{NodeId("o" + std::to_string(i)), Generation{1}, {}, 0, 1, 1, true};
        batch.cells.push_back({key(i % 7), CellKind::kRequests, kMinute, i + 1, 0});
        (void)a.store.merge(batch, kMono, kWall);
        if (i % 3 == 0) (void)b.store.merge(batch, kMono, kWall);
    }
    b.puller.on_connected(a.name, kMono);
    for (int pages = 0; b.held() != a.held(); ++pages) {
        ASSERT_LE(pages, 60);
        const CounterAsks asks = b.puller.on_interval(kMono, kWall, 3, [](auto&) { return 20; });
        ASSERT_EQ(asks.size(), 1u);
        EXPECT_LE(asks[0].pull.have.size(), 20u);
        CellPage page = a.store.page(asks[0].pull);
        for (const CellBatch& batch : page.batches) {
            (void)b.store.merge(batch, a.name, kMono, kWall);
        }
        (void)b.puller.on_page(a.name, asks[0].token, page.next, kMono);
    }
}

// A node that has just begun hears of counts before it hears of those who counted.
TEST(CounterPuller, WhatIsRefusedOnOnePageIsAskedForAgainThoughTheLastIsTaken) {
    Node gone("gone"), a("a");
    gone.charge(9);
    for (const CellBatch& batch : gone.give_out()) (void)a.store.merge(batch, kMono, kWall);
    bool known = false;
    Node fresh("new", 1, [&](const NodeId&) { return known; });
    fresh.puller.on_connected(a.name, kMono);
    for (int pages = 0; pages < 20; ++pages) {
        const MonoTime now = kMono + pages * 5s;
        const auto room = [](auto&) { return 7; };
        for (const CounterAsk& asked : fresh.puller.on_interval(now, kWall, 3, room)) {
            (void)take(fresh, a, asked, now);
            known = true;
        }
    }
    EXPECT_EQ(fresh.store.cell_count(), 9u);
}

// A node that serves before it knows the counts of a member it has not met would admit too much.
TEST(CounterPuller, IsInformedOnlyWithWhatItRefusedAsLongAsThatMayBeTaken) {
    Node gone("gone"), a("a");
    gone.charge(5);
    for (const CellBatch& batch : gone.give_out()) (void)a.store.merge(batch, kMono, kWall);
    for (const bool meets : {true, false}) {
        bool known = false;
        Node fresh("new", 1, [&](const NodeId&) { return known; });
        fresh.puller.on_connected(a.name, kMono);
        std::vector<int> asked_at;
        for (int second = 0; second < 20 && !fresh.puller.informed(); ++second) {
            if (ask(fresh, a, kMono + second * 1s)) asked_at.push_back(second);
            known = meets;
        }
        EXPECT_EQ(asked_at, meets ? (std::vector{0, 1}) : (std::vector{0, 1, 2, 3}));
        EXPECT_TRUE(fresh.puller.informed()) << "nothing keeps it waiting for ever";
        EXPECT_EQ(fresh.store.cell_count(), meets ? 5u : 0u);
    }
}

// Its former life's last push comes when some of what its new life counted has been heard.
TEST(CounterPuller, WhatIsDroppedBetweenTwoPagesIsAskedForAgain) {
    Node before("gone", 1), after("gone", 2), a("a"), b("b");
    before.charge(1);
    const std::vector<CellBatch> late = before.give_out();
    after.charge(150);
    for (const CellBatch& batch : after.give_out()) (void)a.store.merge(batch, kMono, kWall);
    b.puller.on_connected(a.name, kMono);
    ASSERT_LT(ask(b, a, kMono), 150u);
    for (const CellBatch& batch : late) (void)b.store.merge(batch, kMono, kWall);
    EXPECT_EQ(b.store.cell_count(), 1u);
    for (int i = 0; i < 6; ++i) (void)ask(b, a, kMono + i * 5s);
    EXPECT_EQ(b.store.cell_count(), 151u);
}

TEST(CounterPuller, IsToldAllByWhomItClaimsToHaveMoreOfThanThereIs) {
    Node origin("b"), node("node");
    origin.charge(2);
    ASSERT_EQ(origin.give_out().size(), 1u);
    CellBatch lie{origin.name, Generation{1}, {}, 0, 9, 9, true};
    lie.cells.push_back({key(0), CellKind::kRequests, kMinute, 1, 0});
    (void)node.store.merge(lie, NodeId("liar"), kMono, kWall);
    node.puller.on_connected(origin.name, kMono);
    EXPECT_EQ(ask(node, origin, kMono), 2u);
    EXPECT_EQ(node.held(), origin.held());
    EXPECT_EQ(ask(node, origin, kMono + 5s), 0u);
}

// What is asked of one is heard from others before it answers.
TEST(CounterPuller, TakesASlowAnswerForNoCorrection) {
    Node origin("b"), node("node"), third("third");
    origin.charge(2);
    const std::vector<CellBatch> first = origin.give_out();
    node.puller.on_connected(origin.name, kMono);
    const CounterAsks asks =
        node.puller.on_interval(kMono, kWall, 3, [](const NodeId&) { return std::size_t{100}; });
    ASSERT_EQ(asks.size(), 1u);
    CellPage slow = origin.store.page(asks[0].pull);
    origin.charge(3);
    for (const auto& batches : {first, origin.give_out()}) {
        for (const CellBatch& batch : batches) {
            (void)node.store.merge(batch, third.name, kMono, kWall, CounterStore::Said::kAnswered);
        }
    }
    for (CellBatch& batch : slow.batches) {
        EXPECT_EQ(node.puller.before_merge(origin.name, batch), CounterStore::Said::kAnswered);
        (void)node.store.merge(batch, origin.name, kMono, kWall, CounterStore::Said::kAnswered);
    }
    third.puller.on_connected(node.name, kMono);
    (void)ask(third, node, kMono);
    EXPECT_EQ(third.held(), origin.held());
    const auto progress = [](const Node& of) {
        return of.store.question(kWall, std::nullopt, 9).have.front().have;
    };
    EXPECT_EQ(progress(node), progress(origin));
}

// An origin's pages tell of what there was when it was asked for the first of them; its pushes
// meanwhile tell more.
TEST(CounterPuller, TakesTheRestOfAnAnswerForNoCorrection) {
    Node origin("b"), node("node"), third("third");
    origin.charge(150);
    std::vector<CellBatch> pushed = origin.give_out();
    node.puller.on_connected(origin.name, kMono);
    ASSERT_LT(ask(node, origin, kMono), 150u);
    origin.charge(1);
    std::ranges::move(origin.give_out(), std::back_inserter(pushed));
    for (const CellBatch& batch : pushed) (void)node.store.merge(batch, kMono, kWall);
    EXPECT_GT(ask(node, origin, kMono), 0u);
    (void)third.store.merge(pushed.front(), kMono, kWall);
    third.puller.on_connected(node.name, kMono);
    EXPECT_EQ(ask(third, node, kMono), 1u) << "the last change, which the origin told one of two";
    EXPECT_EQ(third.held(), origin.held());
}

TEST(CounterPuller, IsCorrectedThoughThePageEndsBeforeTheLife) {
    Node other("a"), origin("b"), node("node");
    other.charge(96);  // all that a page has room for
    for (const CellBatch& batch : other.give_out()) (void)origin.store.merge(batch, kMono, kWall);
    origin.charge(2);
    (void)origin.give_out();
    CellBatch lie{origin.name, Generation{1}, {}, 0, 9, 9, true};
    lie.cells.push_back({key(0), CellKind::kRequests, kMinute, 1, 0});
    (void)node.store.merge(lie, NodeId("liar"), kMono, kWall);
    node.puller.on_connected(origin.name, kMono);
    EXPECT_EQ(ask(node, origin, kMono), 96u);
    EXPECT_EQ(ask(node, origin, kMono), 2u);
    EXPECT_EQ(node.held(), origin.held());
    EXPECT_EQ(ask(node, origin, kMono + 5s), 0u) << "it claims no more than there is";
}

TEST(CounterPuller, APageThatStaysAwayIsAskedForAgain) {
    Node a("a"), b("b");
    a.charge(300);
    (void)a.give_out();
    b.puller.on_connected(a.name, kMono);
    MonoTime now = kMono;
    for (int i = 0; i < 100 && b.held() != a.held(); ++i, now += 1s) {
        (void)ask(b, a, now, i % 2 == 0);
    }
    EXPECT_EQ(b.held(), a.held());
}

TEST(CounterAnswer, IsNoneBeyondWhatWasAskedOrWhereTheRoundHasBeen) {
    const auto batch = [](const char* node, std::size_t cells) {
        return CellBatch{NodeId(node), Generation{1}, std::vector<Cell>(cells, Cell{key(1)})};
    };
    const auto at = [](const char* node, std::size_t n) {
        return CellCursor{NodeId(node), Generation{1}, {0, 9}, false, key(n)};
    };
    const CellPull asked{kMinute, {}, at("b", 5), {}, 40};
    EXPECT_TRUE(check_answer(asked, {{batch("b", 20), batch("c", 20)}, at("c", 1)}));
    EXPECT_TRUE(check_answer(asked, {{batch("b", 50)}, {}})) << "a key's cells stay together";
    EXPECT_FALSE(check_answer(asked, {{batch("b", 100)}, {}}));
    EXPECT_FALSE(check_answer(asked, {{batch("b", 40), batch("c", 40)}, {}}));
    EXPECT_FALSE(check_answer(asked, {std::vector(100, batch("b", 0)), {}}));
    EXPECT_FALSE(check_answer(asked, {{batch("a", 1)}, {}})) << "before what was asked for";
    EXPECT_FALSE(check_answer(asked, {{batch("c", 1), batch("b", 1)}, {}}));
    EXPECT_FALSE(check_answer(asked, {{batch("b", 1)}, at("b", 5)}));
    EXPECT_FALSE(check_answer(asked, {{batch("b", 1)}, at("b", 4)}));
    EXPECT_TRUE(check_answer(asked, {{batch("b", 1)}, at("b", 6)}));
    EXPECT_FALSE(check_answer(asked, {{batch("d", 1)}, at("c", 6)}));
}

// Asked again at once for as long as it said that there was more, it was asked for ever.
TEST(CounterPuller, ARoundEndsThoughThePeerAlwaysHasMore) {
    Node b("b");
    CounterPuller puller(b.store, {.round_cells_max = 10'000});
    const NodeId liar("liar");
    const auto room = [](const NodeId&) { return std::size_t{100}; };
    puller.on_connected(liar, kMono);
    int pages = 0, endless = 0;
    for (;; ++pages) {
        ASSERT_LE(pages, 1'000);
        const CounterAsks asks = puller.on_interval(kMono, kWall, 3, room);
        if (asks.empty()) break;
        const CellCursor next{
            liar, Generation{static_cast<std::uint64_t>(pages)}, {0, 9}, false, key(1)};
        endless += puller.is_endless(liar, asks[0].token) ? 1 : 0;
        EXPECT_FALSE(puller.on_page(liar, asks[0].token, next, kMono));
    }
    EXPECT_EQ(pages, 101);
    EXPECT_EQ(endless, 1);
    EXPECT_FALSE(puller.informed());
    const CounterAsks again = puller.on_interval(kMono + 5s, kWall, 3, room);
    ASSERT_EQ(again.size(), 1U) << "as at each interval";
    EXPECT_FALSE(again[0].pull.from) << "from the start";
    EXPECT_FALSE(puller.is_endless(liar, again[0].token));
}

// All of `whom`'s pages, for a clock that is at `window`.
std::vector<CellBatch> pages_for(const Node& whom, std::uint32_t window) {
    CellPull pull{window, {}, {}, {}, 100};
    std::vector<CellBatch> batches;
    do {
        CellPage page = whom.store.page(pull);
        std::ranges::move(page.batches, std::back_inserter(batches));
        pull.from = std::move(page.next);
    } while (pull.from);
    return batches;
}

// Who asks would take it for all that there is, and miss it when its clock gets there.
TEST(CounterPages, AreNotWholeWithoutWhatIsAheadOfTheAskersClock) {
    Node a("a"), b("b");
    a.charge(300);
    (void)a.give_out();
    const auto whole = [](const CellBatch& batch) { return batch.whole; };
    EXPECT_TRUE(pages_for(a, kMinute - 2).back().whole);
    EXPECT_TRUE(std::ranges::none_of(pages_for(a, kMinute - 3), whole));
    EXPECT_TRUE(pages_for(a, kMinute + 3).back().whole) << "what is past nobody misses";
    std::vector<Cell> cells{{key(0), CellKind::kRequests, kMinute + 2, 1, 0}};
    for (std::size_t n = 1; n < 300; ++n) {
        cells.push_back({key(n), CellKind::kRequests, kMinute, 1, 0});
    }
    (void)b.store.merge({NodeId("z"), Generation{1}, std::move(cells), 0, 1, 1, true}, kMono,
                        kWall);
    EXPECT_TRUE(pages_for(b, kMinute).back().whole);
    EXPECT_GT(pages_for(b, kMinute - 1).size(), 3U);
    EXPECT_TRUE(std::ranges::none_of(pages_for(b, kMinute - 1), whole)) << "it was on the first";
}

TEST(CounterPuller, ALostPushIsFoundByComparing) {
    Node a("a"), b("b");
    b.puller.on_connected(a.name, kMono);
    a.charge(5);
    for (const CellBatch& batch : a.give_out()) (void)b.store.merge(batch, kMono, kWall);
    (void)ask(b, a, kMono);
    a.charge(4);
    (void)a.give_out();  // lost
    a.charge(2);
    for (const CellBatch& batch : a.give_out()) (void)b.store.merge(batch, kMono, kWall);
    EXPECT_NE(b.held(), a.held());
    EXPECT_EQ(ask(b, a, kMono + 5s), 4u);
    EXPECT_EQ(b.held(), a.held());
    EXPECT_EQ(ask(b, a, kMono + 10s), 0u) << "the gap is closed";
}

// Its own word is gone with it: what anybody has must be enough.
TEST(CounterPuller, TellsOfWhoIsGoneWhateverPartOfItAnybodyHas) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        Rng rng(seed);
        Node gone("gone"), a("a"), b("b");
        for (int i = 0; i < 6; ++i) {
            gone.charge(1 + rng.below(8));
            for (const CellBatch& batch : gone.give_out()) {
                for (Node* node : {&a, &b}) {
                    if (rng.chance(0.5)) (void)node->store.merge(batch, kMono, kWall);
                }
            }
        }
        // A part of a longer answer, after which it is gone.
        CellPull pull = a.store.question(kWall, std::nullopt, 100);
        pull.cells_max = 1 + rng.below(6);
        for (const CellBatch& batch : gone.store.page(pull).batches) {
            (void)a.store.merge(batch, kMono, kWall);
        }
        a.puller.on_connected(b.name, kMono);
        b.puller.on_connected(a.name, kMono);
        MonoTime now = kMono;
        for (int i = 0; i < 4; ++i, now += 5s) {
            while (ask(a, b, now)) {
            }
            while (ask(b, a, now)) {
            }
        }
        EXPECT_EQ(a.held(), b.held());
        EXPECT_EQ(ask(a, b, now), 0u) << "equal, so nothing travels";
        EXPECT_EQ(ask(b, a, now), 0u);
    }
}

TEST(CounterPuller, AsksLessOftenTheMoreNodesThereAre) {
    EXPECT_EQ(ask_interval(3), 5s);
    EXPECT_EQ(ask_interval(64), 10s);
    EXPECT_EQ(ask_interval(1'000), 30s);
}

TEST(Progress, GoesOnWhereAGapIsClosed) {
    Progress progress;
    progress.take({0, 2});
    progress.take({5, 6});
    progress.take({6, 8});
    EXPECT_EQ(progress.have(), 2u);
    progress.take({3, 5});  // an old one changes nothing
    EXPECT_EQ(progress.have(), 2u);
    progress.take({2, 5});
    EXPECT_EQ(progress.have(), 8u);
}

}  // namespace
}  // namespace vidai::mesh::limits
