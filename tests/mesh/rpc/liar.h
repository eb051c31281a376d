// SPDX-License-Identifier: Apache-2.0
// A node that has its certificate and answers operators as a test likes: over the real handshake
// and real records, on a thread of its own with a KJ loop.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <capnp/rpc-twoparty.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include "mesh/clock.h"
#include "mesh/rpc/startup.h"
#include "mesh/seal/identity.h"
#include "mesh/seal/identity_store.h"
#include "mesh/transport/handshaking.h"
#include "mesh/transport/sealed_stream.h"
#include "mesh/wire/message.h"
#include "schema/rpc/operator.capnp.h"
#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh::testing {

class Liar {
  public:
    using Make = std::function<kj::Own<proto::Operator::Server>()>;

    Liar(const Cluster& cluster, Make make) : cluster_(cluster), make_(std::move(make)) {
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
        port_ = listening_.get_future().get();
    }
    OperatorClient connect() const {
        const std::string address = "127.0.0.1:" + std::to_string(port_);
        auto client = OperatorClient::connect(
            {address, cluster_.files.operator_file, cluster_.files.root_file}, 10s);
        EXPECT_TRUE(client.has_value()) << client.error().message;
        return std::move(*client);
    }

  private:
    std::shared_ptr<const seal::Credentials> credentials() const {
        const auto issuer = seal::load_issuer(cluster_.files.issuer_file).value();
        auto& random = seal::system_random();
        auto key = std::make_shared<const seal::SecretKey>(seal::SecretKey::generate(random));
        auto chain = seal::issue_node_certificate(issuer, NodeId("liar"), key->public_key(),
                                                  clock_->wall_now(), seal::kNodeValidity, random);
        return std::make_shared<const seal::Credentials>(
            seal::Credentials{issuer.trust, key, std::move(chain).value()});
    }
    // One connection, then the next.
    kj::Promise<void> serve(kj::ConnectionReceiver& receiver) {
        return receiver.accept().then([this, &receiver](kj::Own<kj::AsyncIoStream>&& stream) {
            seal::HandshakeOptions options{credentials(),
                                           {Generation{1}, rpc::kWire, "127.0.0.1:1"},
                                           seal::Role::kOperator,
                                           {},
                                           clock_->wall_now()};
            auto machine =
                std::make_unique<seal::Responder>(std::move(options), seal::system_random());
            return transport::run_handshake(kj::mv(stream), std::move(machine))
                .then([this](Result<transport::Handshaken>&& done) -> kj::Promise<void> {
                    if (!done) return kj::READY_NOW;
                    auto sealed = kj::heap<transport::SealedStream>(
                        std::move(*done), wire::kOperatorWordsMax, *clock_);
                    auto network = kj::heap<::capnp::TwoPartyVatNetwork>(
                        *sealed, ::capnp::rpc::twoparty::Side::SERVER);
                    auto system = kj::heap(::capnp::makeRpcServer(*network, make_()));
                    auto over = network->onDisconnect();
                    // One by one: what attach() takes at once it destroys last first, and a
                    // system says goodbye over its network.
                    return over.attach(kj::mv(system))
                        .attach(kj::mv(network))
                        .attach(kj::mv(sealed));
                })
                .then([this, &receiver]() { return serve(receiver); });
        });
    }
    void run(const std::stop_token& stop) {
        auto io = kj::setupAsyncIo();
        auto address = io.provider->getNetwork().parseAddress("127.0.0.1").wait(io.waitScope);
        auto receiver = address->listen();
        auto serving = serve(*receiver).eagerlyEvaluate([](kj::Exception&&) {});
        listening_.set_value(receiver->getPort());
        while (!stop.stop_requested()) {
            io.provider->getTimer().afterDelay(5 * kj::MILLISECONDS).wait(io.waitScope);
        }
    }

    const Cluster& cluster_;
    const Make make_;
    const std::shared_ptr<const Clock> clock_ = system_clock();
    std::promise<unsigned> listening_;
    unsigned port_ = 0;
    std::jthread thread_;  // ends before what it uses
};

}  // namespace vidai::mesh::testing
