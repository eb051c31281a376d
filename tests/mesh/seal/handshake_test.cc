// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/handshake.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

struct Pair {
    explicit Pair(World& world)
        : initiator(options_for(world.node("vidai-0"), "10.0.0.1:7420"), world.random),
          responder(options_for(world.node("vidai-1"), "10.0.0.2:7420"), world.random) {}
    Initiator initiator;
    Responder responder;
};

// Feeds one message to a responder that has seen `before`, and says how it refused.
std::optional<Refusal> refusal_of(Handshake& handshake, const Bytes& bytes) {
    const auto progress = handshake.feed(bytes);
    if (progress.state != State::kRefused) return std::nullopt;
    EXPECT_TRUE(progress.send.empty()) << "a refusal says nothing to the other side";
    return handshake.refusal();
}

void set_length(Bytes& m) {
    m[0] = static_cast<std::uint8_t>((m.size() - 2) >> 8);
    m[1] = static_cast<std::uint8_t>(m.size() - 2);
}

// The MAC that anybody can redo who knows the root's public key: a man in the middle's tool.
void redo_mac1(Bytes& m1, const Trust& trust) {
    set_length(m1);
    m1.resize(m1.size() - 16);
    const auto key = digest<32>(Domain::kMac1Key, {trust.root.bytes});
    const auto mac = digest<16>(Domain::kMac1, {m1}, key);
    m1.insert(m1.end(), mac.begin(), mac.end());
}

TEST(Handshake, TellsEachSideWhoTheOtherIs) {
    World world;
    Pair pair(world);
    run(pair.initiator, pair.responder);
    ASSERT_EQ(pair.initiator.state(), State::kDone);
    ASSERT_EQ(pair.responder.state(), State::kDone);
    const Session a = pair.initiator.take_session();
    const Session b = pair.responder.take_session();
    EXPECT_EQ(a.peer.node.str(), "vidai-1");
    EXPECT_EQ(b.peer.node.str(), "vidai-0");
    EXPECT_EQ(a.hello.address, "10.0.0.2:7420");
    EXPECT_EQ(b.hello, (Hello{Generation{3}, WireRange{1, 2}, "10.0.0.1:7420"}));
    EXPECT_EQ(b.peer.issuer, "issuer");
    EXPECT_EQ(b.peer.valid_until, kNow + kNodeValidity);
}

TEST(Handshake, GivesBothSidesTheSameKeysCrosswiseAndNoTwoAlike) {
    World world;
    Pair pair(world);
    run(pair.initiator, pair.responder);
    const Session a = pair.initiator.take_session();
    const Session b = pair.responder.take_session();
    EXPECT_EQ(a.send.key, b.receive.key);
    EXPECT_EQ(a.send.header, b.receive.header);
    EXPECT_EQ(a.receive.key, b.send.key);
    EXPECT_EQ(a.receive.header, b.send.header);
    EXPECT_EQ(a.binding, b.binding);
    EXPECT_NE(a.send.key, a.receive.key);
}

TEST(Handshake, TakesItsMessagesByteByByte) {
    World world;
    Pair pair(world);
    const auto drip = [](Handshake& to, const Bytes& bytes) {
        Bytes answer;
        for (const std::uint8_t byte : bytes) {
            EXPECT_TRUE(answer.empty());
            answer = to.feed({&byte, 1}).send;
        }
        return answer;
    };
    const Bytes m3 = drip(pair.initiator, drip(pair.responder, pair.initiator.start()));
    drip(pair.responder, m3);
    EXPECT_EQ(pair.initiator.state(), State::kDone);
    EXPECT_EQ(pair.responder.state(), State::kDone);
}

TEST(Handshake, LeavesTheRecordsBehindItsLastMessageAlone) {
    World world;
    Pair pair(world);
    Bytes m3 = pair.initiator.feed(pair.responder.feed(pair.initiator.start()).send).send;
    const std::size_t size = m3.size();
    m3.resize(size + 100, 0xaa);
    const auto progress = pair.responder.feed(m3);
    EXPECT_EQ(progress.state, State::kDone);
    EXPECT_EQ(progress.consumed, size);
}

TEST(Handshake, FitsItsBoundWithTheLongestOfEverything) {
    World world;
    IssuerCertificate wide = world.issuer_certificate();
    wide.name = std::string(63, 'i');
    wide.node_pattern = std::string(60, 'n') + "*";
    world.issuer = world.make_issuer(wide);
    const auto options = [&](char last) {
        return options_for(world.node(std::string(62, 'n') + last), std::string(255, 'a'));
    };
    Initiator initiator(options('0'), world.random);
    Responder responder(options('1'), world.random);
    const Exchange messages = run(initiator, responder);
    EXPECT_EQ(responder.state(), State::kDone);
    for (const Bytes& m : {messages.m1, messages.m2, messages.m3}) {
        EXPECT_LE(m.size(), kHandshakeMessageMax);
    }
}

TEST(Handshake, IsTheSameForAnOperator) {
    World world;
    Initiator initiator(options_for(world.rooted("alice", Role::kOperator), ""), world.random);
    Responder responder(options_for(world.node("vidai-1")), world.random);
    run(initiator, responder);
    ASSERT_EQ(responder.state(), State::kDone);
    const Session session = responder.take_session();
    EXPECT_EQ(session.peer.roles, Role::kOperator);
    EXPECT_EQ(session.peer.issuer, "");
}

TEST(Handshake, TurnsAwayAStrangerWithOneHashAndNoAnswer) {
    World ours(1);
    World theirs(2);
    Initiator initiator(options_for(theirs.node("vidai-0")), theirs.random);
    Responder responder(options_for(ours.node("vidai-1")), ours.random);
    EXPECT_EQ(refusal_of(responder, initiator.start()), Refusal::kStranger);
}

TEST(Handshake, TurnsAwayAnotherMeshUnderTheSameRoot) {
    World world;
    Responder responder(options_for(world.node("vidai-1")), world.random);
    world.root.trust.mesh.bytes[0] ^= 1;
    world.issuer = world.make_issuer(world.issuer_certificate());
    Initiator initiator(options_for(world.node("vidai-0")), world.random);
    EXPECT_EQ(refusal_of(responder, initiator.start()), Refusal::kWrongMesh);
}

// How a responder with `their` credentials is refused by an initiator with `our` options.
std::optional<Refusal> refusal_at_m2(World& world, HandshakeOptions our,
                                     std::shared_ptr<const Credentials> their) {
    Initiator initiator(std::move(our), world.random);
    Responder responder(options_for(std::move(their)), world.random);
    return refusal_of(initiator, responder.feed(initiator.start()).send);
}

std::optional<Refusal> refusal_at_m3(World& world, HandshakeOptions our,
                                     std::shared_ptr<const Credentials> their) {
    HandshakeOptions lenient = options_for(std::move(their));
    lenient.accept = Roles(0xffffffff);
    Initiator initiator(std::move(lenient), world.random);
    Responder responder(std::move(our), world.random);
    return refusal_of(responder, initiator.feed(responder.feed(initiator.start()).send).send);
}

// Both sides must refuse alike.
void expect_refused(World& world, const HandshakeOptions& our,
                    const std::shared_ptr<const Credentials>& their, Refusal why) {
    EXPECT_EQ(refusal_at_m2(world, our, their), why) << refusal_name(why);
    EXPECT_EQ(refusal_at_m3(world, our, their), why) << refusal_name(why);
}

TEST(Handshake, RefusesCertificatesOutOfTime) {
    World world;
    auto us = world.rooted("vidai-0", Role::kPeer);
    const auto them = world.node("vidai-1");
    HandshakeOptions late = options_for(us);
    late.now = kNow + kNodeValidity + kClockTolerance + std::chrono::milliseconds{1};
    HandshakeOptions early = options_for(us);
    early.now = kNow - kClockTolerance - std::chrono::milliseconds{1};
    expect_refused(world, late, them, Refusal::kCertificateExpired);
    expect_refused(world, early, them, Refusal::kCertificateNotYet);
}

TEST(Handshake, RefusesARevokedKeyAndWhateverARevokedIssuerCertified) {
    for (const bool issuer : {false, true}) {
        World world;
        const auto them = world.node("vidai-0");
        HandshakeOptions us = options_for(world.rooted("vidai-1", Role::kPeer));
        const auto revoked = std::make_shared<RevokedKeys>();
        us.revoked = revoked;
        {
            Initiator initiator(options_for(them), world.random);
            Responder responder(us, world.random);
            run(initiator, responder);
            EXPECT_EQ(responder.state(), State::kDone);
        }
        revoked->add(issuer ? world.issuer_key->public_key() : them->key->public_key());
        {
            Initiator initiator(options_for(them), world.random);
            Responder responder(us, world.random);
            run(initiator, responder);
            ASSERT_EQ(responder.state(), State::kRefused);
            EXPECT_EQ(responder.refusal(), Refusal::kCertificateRevoked);
        }
        {
            Initiator initiator(us, world.random);
            Responder responder(options_for(them), world.random);
            run(initiator, responder);
            ASSERT_EQ(initiator.state(), State::kRefused) << "the side that dials looks too";
            EXPECT_EQ(initiator.refusal(), Refusal::kCertificateRevoked);
        }
        revoked->remove(issuer ? world.issuer_key->public_key() : them->key->public_key());
        EXPECT_EQ(revoked->size(), 0u);
    }
}

TEST(Handshake, RefusesARoleThatTheConnectionDoesNotServe) {
    World world;
    HandshakeOptions peers_only = options_for(world.node("vidai-0"));
    peers_only.accept = Role::kPeer;
    expect_refused(world, peers_only, world.rooted("alice", Role::kOperator),
                   Refusal::kRoleMissing);
}

TEST(Handshake, RefusesAnotherNodeThanTheOneDialled) {
    World world;
    HandshakeOptions options = options_for(world.node("vidai-0"));
    options.expect = NodeId("vidai-2");
    expect_refused(world, options, world.node("vidai-1"), Refusal::kUnexpectedPeer);
}

TEST(Handshake, RefusesAStolenCertificateWithoutItsKey) {
    World world;
    const auto victim = world.node("vidai-1");
    const auto thief = std::make_shared<const Credentials>(
        Credentials{world.root.trust, key_from(99), victim->chain});
    expect_refused(world, options_for(world.node("vidai-0")), thief, Refusal::kBadProof);
}

TEST(Handshake, RefusesACertificateThatTheRootDidNotGive) {
    World world;
    World other(2);
    const auto foreign = other.node("vidai-1");
    const auto pretender = std::make_shared<const Credentials>(
        Credentials{world.root.trust, foreign->key, foreign->chain});
    expect_refused(world, options_for(world.node("vidai-0")), pretender, Refusal::kCertificateMesh);
}

TEST(Handshake, RefusesWhatAnIssuerMayNotGive) {
    World world;
    NodeCertificate leaf =
        world.node_certificate("vidai-1", key_from(5)->public_key(), Role::kPeer | Role::kOperator);
    const auto them = std::make_shared<const Credentials>(Credentials{
        world.root.trust, key_from(5),
        encode_chain(world.issuer.certificate, sign_certificate(*world.issuer.key, leaf))});
    expect_refused(world, options_for(world.node("vidai-0")), them,
                   Refusal::kCertificateConstraint);
}

TEST(Handshake, RefusesItself) {
    World world;
    const auto us = world.node("vidai-0");
    EXPECT_EQ(refusal_at_m2(world, options_for(us), us), Refusal::kSelf);
}

// Repeatable sides: the same seeds give the same messages, so that each can be tampered with.
class Tampering : public ::testing::Test {
  protected:
    Tampering() : zero_(world_.node("vidai-0")), one_(world_.node("vidai-1")) {
        Initiator initiator(options_for(zero_), random_a_);
        Responder responder(options_for(one_), random_b_);
        good_ = run(initiator, responder);
        EXPECT_EQ(responder.state(), State::kDone);
    }
    std::unique_ptr<Initiator> initiator_after_m1() {
        random_a_ = SeededRandom(11);
        auto initiator = std::make_unique<Initiator>(options_for(zero_), random_a_);
        EXPECT_EQ(initiator->start(), good_.m1);
        return initiator;
    }
    std::unique_ptr<Responder> responder() {
        random_b_ = SeededRandom(12);
        return std::make_unique<Responder>(options_for(one_), random_b_);
    }
    std::unique_ptr<Responder> responder_after_m1() {
        auto out = responder();
        EXPECT_EQ(out->feed(good_.m1).send, good_.m2);
        return out;
    }
    // The side that is waiting for message 1, 2 or 3.
    std::unique_ptr<Handshake> waiting_for(int message) {
        if (message == 1) return responder();
        if (message == 2) return initiator_after_m1();
        return responder_after_m1();
    }
    const Bytes& message(int number) const {
        return number == 1 ? good_.m1 : number == 2 ? good_.m2 : good_.m3;
    }

    World world_;
    SeededRandom random_a_{11}, random_b_{12};
    std::shared_ptr<const Credentials> zero_, one_;
    Exchange good_;
};

TEST_F(Tampering, OfAnyBitInAnyMessageIsRefused) {
    for (const int number : {1, 2, 3}) {
        for (std::size_t at = 0; at < message(number).size(); ++at) {
            // Every bit of the clear parts, one bit of each sealed byte.
            for (int bit = 0; bit < (at < 80 ? 8 : 1); ++bit) {
                Bytes bytes = message(number);
                bytes[at] ^= static_cast<std::uint8_t>(1 << bit);
                const auto side = waiting_for(number);
                const auto progress = side->feed(bytes);
                ASSERT_TRUE(progress.send.empty()) << "M" << number << " byte " << at;
                ASSERT_NE(progress.state, State::kDone) << "M" << number << " byte " << at;
                // Only a longer length may leave it waiting, for bytes that never come.
                ASSERT_TRUE(at < 2 || progress.state == State::kRefused);
            }
        }
    }
}

TEST_F(Tampering, WithAnyMessagesLengthIsRefused) {
    for (const int number : {1, 2, 3}) {
        const Bytes& whole = message(number);
        for (std::size_t size = 3; size <= whole.size() + 3; ++size) {
            if (size == whole.size()) continue;
            Bytes bytes = whole;
            bytes.resize(size);
            set_length(bytes);
            EXPECT_TRUE(refusal_of(*waiting_for(number), bytes)) << "M" << number << " " << size;
        }
    }
}

TEST_F(Tampering, ByCuttingAMessageShortLeavesItWaitingWithoutAnAnswer) {
    for (const int number : {1, 2, 3}) {
        const auto side = waiting_for(number);
        Bytes bytes = message(number);
        bytes.pop_back();
        const auto progress = side->feed(bytes);
        EXPECT_EQ(progress.state, State::kOngoing);
        EXPECT_TRUE(progress.send.empty());
    }
}

TEST_F(Tampering, WithImpossibleLengthsIsRefusedAtOnce) {
    for (const int number : {1, 2, 3}) {
        EXPECT_EQ(refusal_of(*waiting_for(number), {0x00, 0x00}), Refusal::kMessageSize);
        EXPECT_EQ(refusal_of(*waiting_for(number), {0x03, 0xff}), Refusal::kMessageSize);
        EXPECT_EQ(refusal_of(*waiting_for(number), {0xff, 0xff}), Refusal::kMessageSize);
        EXPECT_EQ(refusal_of(*waiting_for(number), {0x00, 0x01, 0x09}), Refusal::kMessageKind);
    }
    EXPECT_EQ(refusal_of(*waiting_for(1), {0x00, 0x01, 0x01}), Refusal::kMessageSize);
}

TEST_F(Tampering, WithTheOfferIsNoticedByTheOneWhoMadeIt) {
    Bytes more_versions = good_.m1;
    more_versions[3] = 2;
    more_versions.insert(more_versions.begin() + 5, 9);
    redo_mac1(more_versions, world_.root.trust);
    Bytes more_suites = good_.m1;
    more_suites[5] = 2;
    more_suites.insert(more_suites.begin() + 8, {0, 9});
    redo_mac1(more_suites, world_.root.trust);
    for (const Bytes& m1 : {more_versions, more_suites}) {
        const auto responding = responder();
        const Bytes m2 = responding->feed(m1).send;
        ASSERT_FALSE(m2.empty()) << "the responder cannot know yet";
        EXPECT_EQ(refusal_of(*initiator_after_m1(), m2), Refusal::kNotAuthentic);
    }
}

TEST_F(Tampering, AResponderNeedsAVersionAndASuiteThatItKnows) {
    Bytes version = good_.m1;
    version[4] = 9;
    redo_mac1(version, world_.root.trust);
    EXPECT_EQ(refusal_of(*responder(), version), Refusal::kNoCommonVersion);
    Bytes suite = good_.m1;
    suite[7] = 9;
    redo_mac1(suite, world_.root.trust);
    EXPECT_EQ(refusal_of(*responder(), suite), Refusal::kNoCommonVersion);
    Bytes counts = good_.m1;
    counts[5] = 200;
    redo_mac1(counts, world_.root.trust);
    EXPECT_EQ(refusal_of(*responder(), counts), Refusal::kMessageMalformed);
}

TEST_F(Tampering, AnAnswerThatWasNotOfferedIsRefused) {
    for (const std::size_t at : {3UL, 5UL}) {  // the version, the suite
        Bytes m2 = good_.m2;
        m2[at] = 9;
        EXPECT_EQ(refusal_of(*initiator_after_m1(), m2), Refusal::kNoCommonVersion);
    }
}

TEST_F(Tampering, AnEphemeralKeyOfSmallOrderIsRefused) {
    Bytes m1 = good_.m1;
    std::fill_n(m1.begin() + 8, 32, std::uint8_t{0});
    redo_mac1(m1, world_.root.trust);
    EXPECT_EQ(refusal_of(*responder(), m1), Refusal::kBadEphemeral);
    Bytes m2 = good_.m2;
    std::fill_n(m2.begin() + 6, 32, std::uint8_t{0});
    EXPECT_EQ(refusal_of(*initiator_after_m1(), m2), Refusal::kBadEphemeral);
}

TEST_F(Tampering, ReplayedMessagesGetNothing) {
    // M1 again: a fresh answer, which the one who replays cannot follow up with the old M3.
    Responder second(options_for(one_), world_.random);
    EXPECT_NE(second.feed(good_.m1).send, good_.m2);
    EXPECT_EQ(refusal_of(second, good_.m3), Refusal::kNotAuthentic);
    // M2 again, to a new initiator.
    Initiator again(options_for(zero_), world_.random);
    again.start();
    EXPECT_EQ(refusal_of(again, good_.m2), Refusal::kNotAuthentic);
}

TEST_F(Tampering, ReflectedAndMisplacedMessagesAreRefused) {
    for (const int due : {1, 2, 3}) {
        for (const int sent : {1, 2, 3}) {
            if (due == sent) continue;
            EXPECT_EQ(refusal_of(*waiting_for(due), message(sent)), Refusal::kMessageKind);
        }
    }
    // M2's sealed part dressed up as an M3: other keys and another role label.
    Bytes m3(good_.m2.begin() + 70, good_.m2.end());
    m3.insert(m3.begin(), {0, 0, 3});
    set_length(m3);
    EXPECT_EQ(refusal_of(*responder_after_m1(), m3), Refusal::kNotAuthentic);
}

TEST_F(Tampering, ARefusalIsFinal) {
    const auto side = responder();
    Bytes bad = good_.m1;
    bad.back() ^= 1;
    ASSERT_EQ(refusal_of(*side, bad), Refusal::kStranger);
    const auto progress = side->feed(good_.m1);
    EXPECT_EQ(progress.state, State::kRefused);
    EXPECT_EQ(progress.consumed, 0U);
    EXPECT_TRUE(progress.send.empty());
}

TEST(Handshake, RunsManyAtOnceWithoutMixingThem) {
    World world;
    const auto zero = world.node("vidai-0");
    const auto one = world.node("vidai-1");
    // Both dial each other at the same moment, ten times over.
    std::vector<std::unique_ptr<Initiator>> initiators;
    std::vector<std::unique_ptr<Responder>> responders;
    std::vector<Bytes> first;
    for (int i = 0; i < 20; ++i) {
        initiators.push_back(
            std::make_unique<Initiator>(options_for(i % 2 ? zero : one), world.random));
        responders.push_back(
            std::make_unique<Responder>(options_for(i % 2 ? one : zero), world.random));
        first.push_back(initiators.back()->start());
    }
    std::vector<Bytes> second;
    for (std::size_t i = 0; i < 20; ++i) second.push_back(responders[i]->feed(first[i]).send);
    std::set<std::array<std::uint8_t, 32>> keys;
    for (std::size_t i = 0; i < 20; ++i) {
        responders[i]->feed(initiators[i]->feed(second[i]).send);
        ASSERT_EQ(responders[i]->state(), State::kDone);
        const Session session = responders[i]->take_session();
        EXPECT_EQ(session.binding, initiators[i]->take_session().binding);
        keys.insert(session.send.key);
        keys.insert(session.receive.key);
    }
    EXPECT_EQ(keys.size(), 40U) << "no two sessions share a key";
}

TEST(Handshake, DoesNotAcceptTheMessageOfAnotherSessionOfTheSameNodes) {
    World world;
    Pair a(world);
    Pair b(world);
    const Bytes m2a = a.responder.feed(a.initiator.start()).send;
    const Bytes m2b = b.responder.feed(b.initiator.start()).send;
    EXPECT_EQ(refusal_of(a.initiator, m2b), Refusal::kNotAuthentic);
    const Bytes m3b = b.initiator.feed(m2b).send;
    EXPECT_EQ(refusal_of(a.responder, m3b), Refusal::kNotAuthentic);
}

}  // namespace
}  // namespace vidai::mesh::seal
