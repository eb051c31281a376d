// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register_set.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "schema/base/rng.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::state {
namespace {

using testing::kNow;
using testing::Origin;
using testing::Origins;
using testing::write;

using Content = std::map<std::string, seal::Bytes>;

Content content(const RegisterSet& set) {
    Content out;
    set.for_each([&](const Register& r) { out[r.statement.id] = encode(r.statement); });
    return out;
}

// Concurrent and ordered edits of few registers by few origins, with clashing time stamps.
std::vector<Register> random_edits(const std::vector<Origin>& origins, Rng& rng, int count) {
    std::vector<Register> edits;
    for (int i = 0; i < count; ++i) {
        const Origin& origin = origins[rng.below(origins.size())];
        const Hlc time{Hlc::at(kNow).value + rng.below(6)};
        edits.push_back(write(origin, "k" + std::to_string(rng.below(5)), time,
                              std::string(1, static_cast<char>('a' + rng.below(3))),
                              rng.chance(0.15)));
    }
    return edits;
}

RegisterSet merged(const std::vector<Register>& edits) {
    RegisterSet set;
    for (const Register& edit : edits) (void)set.merge(edit);
    return set;
}

void shuffle(std::vector<Register>& edits, Rng& rng) {
    for (std::size_t i = edits.size(); i > 1; --i) std::swap(edits[i - 1], edits[rng.below(i)]);
}

// Invariant I15 of the design.
TEST(RegisterMerge, IsCommutativeAssociativeAndIdempotent) {
    const Origins mesh;
    const std::vector<Origin> origins{mesh.make("a"), mesh.make("b"), mesh.make("c")};
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Rng rng(seed);
        std::vector<Register> edits = random_edits(origins, rng, 24);
        const RegisterSet once = merged(edits);

        std::vector<Register> other_order = edits;
        shuffle(other_order, rng);
        EXPECT_EQ(content(merged(other_order)), content(once));
        EXPECT_EQ(merged(other_order).digest(), once.digest());

        // (first half) + (second half merged by somebody else), and everything twice.
        const auto middle = edits.begin() + static_cast<std::ptrdiff_t>(edits.size() / 2);
        RegisterSet grouped = merged({edits.begin(), middle});
        merged({middle, edits.end()}).for_each([&](const Register& r) { (void)grouped.merge(r); });
        EXPECT_EQ(content(grouped), content(once));
        once.for_each(
            [&](const Register& r) { EXPECT_EQ(grouped.merge(r), RegisterSet::Merge::kKnown); });
        EXPECT_EQ(grouped.digest(), once.digest());
    }
}

TEST(RegisterMerge, KeepsARevocationWhateverCameFirst) {
    const Origins mesh;
    const Origin a = mesh.make("a"), b = mesh.make("b");
    const Register revoked = write(a, "k", Hlc::at(kNow), "v", true);
    const Register edit = write(b, "k", Hlc::at(kNow + std::chrono::hours(1)), "w");
    for (const auto& order : {std::vector{revoked, edit}, std::vector{edit, revoked}}) {
        const RegisterSet set = merged(order);
        EXPECT_TRUE(set.find({RegisterKind::kKey, "k"})->statement.retired);
    }
}

// Pulls pages until there is none; the number of pages.
int pull_all(RegisterSet& into, const RegisterSet& from, std::size_t bytes_max) {
    const RegisterDigest before = into.digest();
    int pages = 0;
    std::optional<Cursor> cursor = Cursor{};
    while (cursor) {
        const Page page = from.page(before, *cursor, bytes_max);
        for (const Register* r : page.registers) (void)into.merge(*r);
        cursor = page.next;
        ++pages;
    }
    return pages;
}

TEST(RegisterSync, BringsTwoNodesTogetherPageByPage) {
    const Origins mesh;
    const Origin a = mesh.make("a"), b = mesh.make("b");
    RegisterSet left, right;
    for (int i = 0; i < 900; ++i) {
        const std::string id = "key" + std::to_string(i);
        if (i % 3 != 0) (void)left.merge(write(a, id, Hlc::at(kNow), "v"));
        if (i % 3 != 1) (void)right.merge(write(b, id, Hlc::at(kNow), "v"));
    }
    EXPECT_GT(pull_all(left, right, 4'096), 10);
    pull_all(right, left, 4'096);
    EXPECT_EQ(left.digest(), right.digest());
    EXPECT_EQ(left.digest().root(), right.digest().root());
    EXPECT_EQ(content(left), content(right));
    EXPECT_EQ(left.size(), 900u);
}

// A register of which only the kind and the place in the set matter.
Register of_kind(const Origin& origin, RegisterKind kind, const std::string& id) {
    Register made = write(origin, id, Hlc::at(kNow), "v");
    made.statement.kind = kind;
    return made;
}

TEST(RegisterSync, TellsOfRootsBeforeWhatStandsUnderThem) {
    const Origins mesh;
    const Origin a = mesh.make("a");
    RegisterSet set;
    for (int i = 0; i < 300; ++i) (void)set.merge(write(a, std::to_string(i), Hlc::at(kNow), "v"));
    for (const char* id : {"x", "y", "z"}) {
        (void)set.merge(of_kind(a, RegisterKind::kRoot, id));
        (void)set.merge(of_kind(a, RegisterKind::kRevocation, id));
    }
    const RegisterDigest nothing;
    const Page first = set.page(nothing, {}, 4'096);
    ASSERT_GE(first.registers.size(), 4U);
    for (std::size_t i = 0; i < first.registers.size(); ++i) {
        EXPECT_EQ(first.registers[i]->statement.kind == RegisterKind::kRoot, i < 3) << i;
    }
    EXPECT_TRUE(first.next);
    std::size_t bytes = 0;
    for (const Register* told : first.registers) bytes += page_bytes(*told);
    EXPECT_LE(bytes, 4'096U) << "they count as the others";
    RegisterSet all;
    pull_all(all, set, 4'096);
    EXPECT_EQ(all.digest(), set.digest());
    for (const Register* told : set.page(nothing, {}, 1'000'000, RegisterKind::kForget).registers) {
        EXPECT_LE(told->statement.kind, RegisterKind::kForget) << "who asks does not know them";
    }
    EXPECT_EQ(set.page(nothing, {}, 1'000'000).registers.size(), 306U) << "none twice";
}

TEST(RegisterSync, SendsNothingBetweenEquals) {
    const Origins mesh;
    const Origin a = mesh.make("a");
    RegisterSet left;
    for (int i = 0; i < 50; ++i) {
        (void)left.merge(write(a, std::to_string(i), Hlc::at(kNow), "v"));
    }
    const Page page = left.page(left.digest(), {}, 1'000'000);
    EXPECT_TRUE(page.registers.empty());
    EXPECT_FALSE(page.next.has_value());
}

TEST(RegisterSync, SendsOnlyTheBucketsThatDiffer) {
    const Origins mesh;
    const Origin a = mesh.make("a");
    RegisterSet left, right;
    for (int i = 0; i < 2'000; ++i) {
        const Register r = write(a, std::to_string(i), Hlc::at(kNow), "v");
        (void)left.merge(r);
        (void)right.merge(r);
    }
    (void)right.merge(write(a, "77", Hlc::at(kNow + std::chrono::seconds(1)), "w"));
    EXPECT_LT(right.page(left.digest(), {}, 10'000'000).registers.size(), 40u);
}

TEST(RegisterSync, PassesARegisterLargerThanAPage) {
    const Origins mesh;
    const Origin a = mesh.make("a");
    RegisterSet left, right;
    for (int i = 0; i < 5; ++i) {
        (void)right.merge(write(a, std::to_string(i), Hlc::at(kNow), std::string(30'000, 'x')));
    }
    EXPECT_EQ(pull_all(left, right, 1'000), 5);
    EXPECT_EQ(left.digest(), right.digest());
}

// One signer cannot fill the memory of all, nor write a state that its readers refuse.
TEST(RegisterSet, IsBoundedInBytesForEachOriginAndInAll) {
    const Origins origins;
    const std::string large(40'000, 'x');
    std::vector<Origin> writers{origins.make("a"), origins.make("b")};
    RegisterSet set;
    std::size_t taken = 0;
    std::uint64_t number = 0;
    for (const Origin& writer : writers) {
        const Register form = write(writer, "k", Hlc{1}, large);
        for (;; ++taken) {
            Register next = form;
            next.statement.id = "k" + std::to_string(++number);
            if (set.merge(std::move(next)) == RegisterSet::Merge::kFull) break;
            ASSERT_LT(taken, 10'000U);
        }
    }
    EXPECT_LE(set.bytes(), kRegisterBytesMax);
    EXPECT_GT(set.bytes(), kRegisterBytesMax - 100'000);
    EXPECT_GT(taken * large.size(), kRegisterBytesPerOriginMax) << "the second had room, too";
    Register shorter = write(writers[0], "k1", Hlc{2}, "x");
    EXPECT_EQ(set.merge(shorter), RegisterSet::Merge::kApplied) << "what takes less is taken";
    set.erase({RegisterKind::kKey, "k2"});
    EXPECT_EQ(set.merge(write(writers[1], "new", Hlc{1}, large)), RegisterSet::Merge::kApplied);
}

// A revocation, and a key of a node that writes few, have a place whoever writes many.
TEST(RegisterSet, KeepsPlacesForThoseOfWhomFewAreHeld) {
    const Origins origins;
    const Origin few = origins.make("few");
    RegisterSet set;
    std::size_t number = 0;
    for (const char* name : {"liar", "another"}) {
        const Register form = write(origins.make(name), "k", Hlc{1}, "v");
        for (std::size_t i = 0; i < kRegistersPerOriginMax + 1; ++i) {
            Register next = form;
            next.statement.id = "k" + std::to_string(++number);
            if (set.merge(std::move(next)) == RegisterSet::Merge::kFull) break;
        }
    }
    EXPECT_EQ(set.size(), kRegistersMax - kRegistersReserved);
    EXPECT_EQ(set.size_of(NodeId("liar")), kRegistersPerOriginMax);
    for (std::size_t i = 0; i < kRegistersFew; ++i) {
        ASSERT_EQ(set.merge(write(few, "few" + std::to_string(i), Hlc{1}, "v")),
                  RegisterSet::Merge::kApplied);
    }
    EXPECT_EQ(set.merge(write(few, "more", Hlc{1}, "v")), RegisterSet::Merge::kFull);
}

}  // namespace
}  // namespace vidai::mesh::state
