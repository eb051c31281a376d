// SPDX-License-Identifier: Apache-2.0
// Two ends of a sealed stream over an in-memory pipe, with a hand on the wire between them.
#include "mesh/transport/sealed_stream.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <kj/async-io.h>

#include "mesh/wire/message.h"
#include "schema/rpc/values.capnp.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::transport {
namespace {

using state::testing::kNow;
using state::testing::Origins;

std::shared_ptr<const seal::Credentials> credentials(const Origins& mesh, const std::string& name) {
    const auto origin = mesh.make(name);
    return std::make_shared<const seal::Credentials>(
        seal::Credentials{mesh.trust(), origin.key, *origin.chain});
}

struct Ends {
    kj::Own<SealedStream> left, right;
};

class SealedPair : public ::testing::Test {
  protected:
    // Runs the handshake over `a` and `b`, which need not be one pipe.
    Ends connect(kj::Own<kj::AsyncIoStream> a, kj::Own<kj::AsyncIoStream> b,
                 std::size_t words_max = 1'000) {
        seal::HandshakeOptions left{
            credentials(mesh_, "a"), {{1}, {}, "a:1"}, seal::Role::kPeer, {}, kNow};
        seal::HandshakeOptions right{
            credentials(mesh_, "b"), {{1}, {}, "b:1"}, seal::Role::kPeer, {}, kNow};
        auto dialling = run_handshake(
            kj::mv(a), std::make_unique<seal::Initiator>(std::move(left), seal::system_random()));
        auto answering = run_handshake(
            kj::mv(b), std::make_unique<seal::Responder>(std::move(right), seal::system_random()));
        auto done = dialling.wait(io_->waitScope);
        EXPECT_TRUE(done.has_value());
        Ends ends;
        ends.left = kj::heap<SealedStream>(std::move(*done), words_max, *clock_);
        // The dialler's last message goes with its first record.
        const seal::Bytes hello = message("hello");
        ends.left->write(hello.data(), hello.size()).wait(io_->waitScope);
        auto other = answering.wait(io_->waitScope);
        EXPECT_TRUE(other.has_value());
        ends.right = kj::heap<SealedStream>(std::move(*other), words_max, *clock_);
        EXPECT_EQ(read(*ends.right, hello.size()), hello);
        return ends;
    }

    static seal::Bytes message(const std::string& text) {
        capnp::MallocMessageBuilder builder;
        builder.initRoot<proto::Claim>().setAddress(text);
        return wire::flatten(builder);
    }

    seal::Bytes read(SealedStream& stream, std::size_t size) {
        seal::Bytes out(size);
        out.resize(stream.tryRead(out.data(), size, size).wait(io_->waitScope));
        return out;
    }

    const std::unique_ptr<kj::AsyncIoContext> io_ =
        std::make_unique<kj::AsyncIoContext>(kj::setupAsyncIo());
    const std::shared_ptr<const Clock> clock_ = system_clock();
    Origins mesh_;
};

TEST_F(SealedPair, CarriesBytesBothWaysInAnySize) {
    auto pipe = kj::newTwoWayPipe();
    Ends ends = connect(kj::mv(pipe.ends[0]), kj::mv(pipe.ends[1]), 1'000'000);
    for (const std::size_t size : {1u, 100u, 16'384u, 70'000u}) {
        const seal::Bytes bytes = message(std::string(size, 'x'));
        for (int way = 0; way < 2; ++way) {
            SealedStream& from = way == 0 ? *ends.left : *ends.right;
            SealedStream& to = way == 0 ? *ends.right : *ends.left;
            auto written = from.write(bytes.data(), bytes.size()).eagerlyEvaluate(nullptr);
            EXPECT_EQ(read(to, bytes.size()), bytes) << size;
            written.wait(io_->waitScope);
        }
    }
}

TEST_F(SealedPair, EndsCleanlyAfterTheFarewell) {
    auto pipe = kj::newTwoWayPipe();
    Ends ends = connect(kj::mv(pipe.ends[0]), kj::mv(pipe.ends[1]));
    ends.left->shutdownWrite();
    EXPECT_TRUE(read(*ends.right, 8).empty());
    EXPECT_FALSE(ends.right->fault().has_value());
}

TEST_F(SealedPair, RefusesAMessageBeyondWhatTheRoleMaySend) {
    auto pipe = kj::newTwoWayPipe();
    Ends ends = connect(kj::mv(pipe.ends[0]), kj::mv(pipe.ends[1]), 50);
    const seal::Bytes bytes = message(std::string(1'000, 'x'));
    auto written = ends.left->write(bytes.data(), bytes.size()).eagerlyEvaluate(nullptr);
    EXPECT_THROW(read(*ends.right, 8), kj::Exception);
    ASSERT_TRUE(ends.right->fault().has_value());
    EXPECT_NE(ends.right->fault()->message.find("too large"), std::string::npos)
        << ends.right->fault()->message;
}

TEST_F(SealedPair, RefusesTheSegmentCountThatOverflows) {
    auto pipe = kj::newTwoWayPipe();
    Ends ends = connect(kj::mv(pipe.ends[0]), kj::mv(pipe.ends[1]));
    const seal::Bytes bytes(8, 0xff);
    auto written = ends.left->write(bytes.data(), bytes.size()).eagerlyEvaluate(nullptr);
    EXPECT_THROW(read(*ends.right, 8), kj::Exception);
    ASSERT_TRUE(ends.right->fault().has_value());
    EXPECT_NE(ends.right->fault()->message.find("segments"), std::string::npos)
        << ends.right->fault()->message;
}

// Passes everything on but flips one bit of what is written after `armed` was set.
class Flipper final : public kj::AsyncIoStream {
  public:
    Flipper(kj::Own<kj::AsyncIoStream> inner, const bool& armed)
        : inner_(kj::mv(inner)), armed_(armed) {}
    kj::Promise<std::size_t> tryRead(void* buffer, std::size_t min, std::size_t max) override {
        return inner_->tryRead(buffer, min, max);
    }
    kj::Promise<void> write(const void* buffer, std::size_t size) override {
        auto copy = kj::heapArray<kj::byte>(static_cast<const kj::byte*>(buffer), size);
        if (armed_) copy[size / 2] ^= 1;
        auto sent = inner_->write(copy.begin(), copy.size());
        return sent.attach(kj::mv(copy));
    }
    kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>>) override {
        return KJ_EXCEPTION(UNIMPLEMENTED, "one buffer at a time");
    }
    kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
    void shutdownWrite() override { inner_->shutdownWrite(); }

  private:
    kj::Own<kj::AsyncIoStream> inner_;
    const bool& armed_;
};

TEST_F(SealedPair, HandsOutNothingOfARecordThatWasAltered) {
    auto pipe = kj::newTwoWayPipe();
    bool armed = false;
    Ends ends = connect(kj::heap<Flipper>(kj::mv(pipe.ends[0]), armed), kj::mv(pipe.ends[1]));
    armed = true;  // NOLINT(clang-analyzer-deadcode.DeadStores): Flipper holds a reference
    const seal::Bytes bytes = message("pay 1");
    auto written = ends.left->write(bytes.data(), bytes.size()).eagerlyEvaluate(nullptr);
    EXPECT_THROW(read(*ends.right, 1), kj::Exception);
    EXPECT_TRUE(ends.right->fault().has_value());
}

}  // namespace
}  // namespace vidai::mesh::transport
