// SPDX-License-Identifier: Apache-2.0
// Writes the seeds of this folder's targets: what real clients send, one call to a file.
// usage: rpc_seeds CORPUS_FOLDER
#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/message_bytes.h"
#include "mesh/clock.h"
#include "mesh/state/statement.h"
#include "mesh/usage/batch.h"
#include "mesh/wire/membership.h"
#include "mesh/wire/operator_values.h"
#include "mesh/wire/registers.h"
#include "mesh/wire/usage.h"
#include "schema/rpc/operator.capnp.h"
#include "schema/rpc/peer.capnp.h"
#include "tests/fuzz/rpc/target.h"

namespace {

using namespace vidai;
using namespace vidai::mesh;
using Client = capnp::Capability::Client;
using Talk = std::function<kj::Promise<void>(Client)>;

template <class Interface, class Fill>
Talk call(Fill fill) {
    return [fill](Client client) { return fill(client.castAs<Interface>()).ignoreResult(); };
}

// Whatever the interface, its calls and what makes their parameters.
std::vector<std::pair<std::string, Talk>> peer_calls() {
    const auto deliver = [](const membership::Message& message) {
        return call<proto::Peer>([message](proto::Peer::Client peer) {
            auto request = peer.deliverRequest();
            wire::write(message, request.initMessage());
            return request.send();
        });
    };
    membership::Accusation accused;
    accused.subject = NodeId("target");
    accused.accuser = NodeId("somebody");
    const std::vector<membership::Rumor> rumors{accused};
    const membership::Digest digest{NodeId("target"), {}, membership::Status::kAlive};
    return {
        {"ping", deliver(membership::Ping{7, digest})},
        {"ack", deliver(membership::Ack{7})},
        {"indirect", deliver(membership::IndirectPing{8, NodeId("n9")})},
        {"gossip", deliver(membership::Gossip{rumors})},
        {"sync", deliver(membership::SyncRequest{NodeId(), NodeId(), {digest}})},
        {"reply", deliver(membership::SyncReply{rumors, {NodeId("target")}})},
        {"counters", call<proto::Peer>([](proto::Peer::Client peer) {
             auto request = peer.pushCountersRequest();
             auto batch = request.initPush().initBatch();
             batch.setNode("somebody");
             batch.setGeneration(3);
             auto cells = batch.initCells(2);
             for (unsigned i = 0; i < 2; ++i) {
                 cells[i].setKey("AbCdEf012345");
                 cells[i].setWindow(29'000'000);
                 cells[i].setCharged(5 + i);
             }
             request.getPush().setComplete(true);
             return request.send();
         })},
        {"pull", call<proto::Peer>([](proto::Peer::Client peer) {
             auto request = peer.pullRegistersRequest();
             wire::write(wire::RegisterPull{}, request.initPull());
             return request.send();
         })},
        {"holds", call<proto::Peer>([](proto::Peer::Client peer) {
             auto request = peer.holdsRequest();
             request.setKind(2);
             request.setId("00");
             return request.send();
         })},
        {"away", call<proto::Peer>([](proto::Peer::Client peer) {
             auto request = peer.turnAwayRequest();
             request.setReason("same_node_id");
             return request.send();
         })},
        {"renew", call<proto::Peer>([](proto::Peer::Client peer) {
             return peer.renewCertificateRequest().send();
         })},
        {"money", call<proto::Peer>([](proto::Peer::Client peer) {
             const budget::LedgerKey ledger{.bytes = {1, 2, 3}};
             auto request = peer.tellMoneyRequest();
             budget::Hello hello;
             hello.boot = {1};
             hello.log = {{ledger, 1}, {}, {ledger, 1}, true};
             request.setSaid(wire::to_data(budget::encode_message(hello)));
             auto more = request.initMore(1);
             more.set(0, wire::to_data(budget::encode_message(budget::AskAck{{ledger, 1}})));
             return request.send();
         })},
        {"keep_usage", call<proto::Peer>([](proto::Peer::Client peer) {
             auto request = peer.keepUsageRequest();
             const std::array<kj::byte, 64> bytes{};
             request.setOrigin(kj::arrayPtr(bytes.data(), 32));
             request.setProof(kj::arrayPtr(bytes.data(), 64));
             usage::Batch batch;
             batch.add({.number = 7, .request = "req", .caller = {}, .callee = {}, .tokens = {}});
             request.setBatch(wire::to_data(batch.take()));
             return request.send();
         })},
        {"usage_kept", call<proto::Peer>([](proto::Peer::Client peer) {
             auto request = peer.usageKeptRequest();
             const std::array<kj::byte, 32> bytes{};
             request.setOrigin(kj::arrayPtr(bytes.data(), 32));
             request.setFloor(2);
             wire::write({{2, 7}, {9, 9}}, request.initRuns(2));
             return request.send();
         })},
        {"rotate", call<proto::Peer>([](proto::Peer::Client peer) {
             auto request = peer.rotateKeyRequest();
             const std::array<kj::byte, 64> bytes{};
             request.setKey(kj::arrayPtr(bytes.data(), 32));
             request.setProof(kj::arrayPtr(bytes.data(), 64));
             return request.send();
         })},
    };
}

std::vector<std::pair<std::string, Talk>> operator_calls(const state::Register& said) {
    using Op = proto::Operator::Client;
    const auto simple = [](auto fill) { return call<proto::Operator>(fill); };
    return {
        {"members", simple([](Op o) { return o.membersRequest().send(); })},
        {"status", simple([](Op o) { return o.statusRequest().send(); })},
        {"report", simple([](Op o) { return o.reportRequest().send(); })},
        {"show", simple([](Op o) {
             auto request = o.nodeShowRequest();
             request.setNode("target");
             return request.send();
         })},
        {"create", simple([](Op o) {
             auto request = o.keyCreateRequest();
             wire::write(KeyCreateRequest{"team", {"fast"}, {60, 1'000, 4}, {BudgetId("org")}},
                         request.initRequest());
             request.setDeadlineMs(100);
             return request.send();
         })},
        {"list", simple([](Op o) { return o.keyListRequest().send(); })},
        {"revoke", simple([](Op o) {
             auto request = o.keyRevokeRequest();
             request.setKey("AbCdEf012345");
             return request.send();
         })},
        {"limit", simple([](Op o) {
             auto request = o.limitShowRequest();
             request.setKey("AbCdEf012345");
             return request.send();
         })},
        {"limit_change", simple([](Op o) {
             auto request = o.limitChangeRequest();
             state::LimitRecord limit;
             limit.name = "ml";
             limit.scope.equal[2] = "ml";
             limit.scope.each = 1;
             limit.amount = 100;
             limit.burst = 10;
             wire::write(limit, request.initLimit());
             request.setDeadlineMs(100);
             return request.send();
         })},
        {"budget_change", simple([](Op o) {
             auto request = o.budgetChangeRequest();
             request.setOp(1);
             request.setBudget("ml");
             request.setLimitMicroUsd(5'000'000);
             request.setWindow("month");
             request.setZone("Europe/Berlin");
             request.setEnforce(1);
             request.setSetsAlerts(true);
             const std::array<kj::byte, 2> alerts{80, 100};
             request.setAlerts(kj::arrayPtr(alerts.data(), alerts.size()));
             request.setDeadlineMs(100);
             return request.send();
         })},
        {"budget_list", simple([](Op o) {
             auto request = o.budgetListRequest();
             request.setAfter("ml");
             request.setDeadlineMs(100);
             return request.send();
         })},
        {"money_books", simple([](Op o) {
             auto request = o.moneyBooksRequest();
             request.setBudget("ml");
             return request.send();
         })},
        {"usage", simple([](Op o) {
             auto request = o.usageRequest();
             request.setBy("team,model");
             request.setUntilMs(1'900'000'000'000);
             const std::vector<usage::Part> parts{{std::string(64, 'a'), {1, 9}}};
             wire::write(parts, request.initParts(1));
             return request.send();
         })},
        {"usage_events", simple([](Op o) {
             auto request = o.usageEventsRequest();
             request.setUntilMs(1'900'000'000'000);
             request.setOrigin(std::string(64, 'a').c_str());
             request.setThrough(9);
             return request.send();
         })},
        {"usage_holdings", simple([](Op o) { return o.usageHoldingsRequest().send(); })},
        {"price_apply", simple([](Op o) {
             auto request = o.priceApplyRequest();
             request.setText("prices: [{provider: p, model: m, input: 1usd, output: 2usd}]");
             request.setDeadlineMs(100);
             return request.send();
         })},
        {"price_cards", simple([](Op o) {
             auto request = o.priceCardsRequest();
             request.setSkip(1);
             return request.send();
         })},
        {"own_card", simple([](Op o) {
             auto request = o.ownCardRequest();
             request.setSkip(7);
             return request.send();
         })},
        {"usage_heal", simple([](Op o) {
             auto request = o.usageHealRequest();
             request.setUntilMs(1'900'000'000'000);
             request.setDryRun(true);
             return request.send();
         })},
        {"usage_bill", simple([](Op o) {
             auto request = o.usageBillRequest();
             request.setOrigin(std::string(64, 'a').c_str());
             const std::vector<usage::Bill> bills{{7, {12}}, {8, {0}}};
             wire::write(bills, request.initBills(2));
             return request.send();
         })},
        {"limit_list", simple([](Op o) { return o.limitListRequest().send(); })},
        {"limit_standing", simple([](Op o) {
             auto request = o.limitStandingRequest();
             request.setName("ml");
             return request.send();
         })},
        {"announce", simple([said](Op o) {
             auto request = o.announceRequest();
             wire::write(said, request.initSaid());
             return request.send();
         })},
        {"acknowledged", simple([said](Op o) {
             auto request = o.acknowledgedRequest();
             Stated stated;
             stated.kind = static_cast<std::uint8_t>(said.statement.kind);
             stated.id = said.statement.id;
             wire::write(stated, request.initSaid());
             return request.send();
         })},
        {"statements", simple([](Op o) {
             auto request = o.statementsRequest();
             request.initAfter().setKind(2);
             return request.send();
         })},
        {"drain", simple([](Op o) {
             auto request = o.drainRequest();
             request.setGraceMs(5);
             return request.send();
         })},
        {"rotate", simple([](Op o) {
             auto request = o.rotateKeyRequest();
             request.setNode("another");
             return request.send();
         })},
        {"token", simple([](Op o) {
             auto request = o.createTokenRequest();
             wire::write(TokenRequest{"web-*", std::chrono::seconds(60), {"127.0.0.1:7420"}},
                         request.initRequest());
             return request.send();
         })},
    };
}

std::vector<std::pair<std::string, Talk>> join_calls() {
    return {{"request", call<proto::Join>([](proto::Join::Client join) {
                 const std::vector<std::uint8_t> key(32, 4), proof(64, 5);
                 auto request = join.requestCertificateRequest();
                 request.setNode("web-1");
                 request.setKey(wire::to_data(key));
                 request.setProof(wire::to_data(proof));
                 return request.send();
             })}};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: rpc_seeds CORPUS_FOLDER\n");
        return 2;
    }
    fuzz::Target& target = fuzz::target();
    const seal::Credentials& boss = target.boss();
    const state::Revocation gone{seal::PublicKey{}, "somebody", "test",
                                 vidai::mesh::system_clock()->wall_now() + std::chrono::days(400)};
    const state::Register said = state::sign_register(
        state::encode_statement(gone, NodeId("operator"), vidai::mesh::system_clock()->wall_now()),
        *boss.key, std::make_shared<const seal::Bytes>(boss.chain), boss.trust.mesh);
    const auto write = [&](const char* folder, seal::Role role, const auto& calls) {
        for (const auto& [name, talk] : calls) {
            const seal::Bytes bytes = target.record(role, talk);
            std::ofstream out(std::string(argv[1]) + "/" + folder + "/" + name, std::ios::binary);
            out.write(reinterpret_cast<const char*>(bytes.data()),
                      static_cast<std::streamsize>(bytes.size()));
            std::printf("%s/%s: %zu bytes, answered with %zu\n", folder, name.c_str(), bytes.size(),
                        target.feed(role, bytes));
        }
    };
    write("peer", seal::Role::kPeer, peer_calls());
    write("operator", seal::Role::kOperator, operator_calls(said));
    write("join", seal::Role::kJoin, join_calls());
    return 0;
}
