// SPDX-License-Identifier: Apache-2.0
// How counters get further than connections do, in the world: relays, a keyed hash in place of
// signatures, and liars.
#include <algorithm>
#include <chrono>
#include <utility>

#include "mesh/limits/window.h"
#include "tests/sim/counters.h"

namespace vidai::sim {

using namespace mesh::limits;  // NOLINT(google-build-using-namespace)

namespace {

constexpr Duration kReachesAll = std::chrono::seconds(2);
constexpr Duration kReachesNext = std::chrono::seconds(1);
constexpr Duration kCallTimeout = std::chrono::seconds(5);
// So that its answers are told from those to pushes.
constexpr std::uint64_t kRelayToken = std::uint64_t{1} << 63;

BatchSignature keyed_hash(const SignedBatch& said, const NodeId& by) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto mix = [&](char byte) {
        hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
    };
    for (const char byte : by.str()) mix(byte);
    for (const char byte : signed_bytes(said)) mix(byte);
    BatchSignature out{};
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(hash >> (8 * i));
    return out;
}

}  // namespace

std::unique_ptr<CounterRelay> Counters::make_relay(std::uint32_t index) const {
    const World::Node& process = world_.node(index);
    RelayCrypto crypto{
        [self = process.name](const SignedBatch& said) { return keyed_hash(said, self); },
        [this, index](const SignedBatch& said) {
            using mesh::membership::Version;
            const NodeId& origin = said.batch.node;
            if (world_.node(index).core->version_of(origin) == Version{}) {
                return Authorship::kUnknown;
            }
            return said.signature == keyed_hash(said, origin) ? Authorship::kGenuine
                                                              : Authorship::kForged;
        }};
    return std::make_unique<CounterRelay>(
        *nodes_[index].store, std::move(crypto),
        RelayOptions{.full_mesh_max = world_.options().full_mesh_max, .cells_max = cells_per_call_},
        generation(index).value * nodes_.size() + index);
}

void Counters::relay(std::uint32_t index, std::uint32_t nodes) {
    Node& node = nodes_[index];
    const auto room = [&](const NodeId& peer) { return room_for(index, *world_.index_of(peer)); };
    for (RelayCall& call : node.relay->on_interval(world_.now(), world_.wall(index), nodes, room)) {
        check_passed_on(index, call);
        const std::uint32_t peer = *world_.index_of(call.to);
        const std::uint64_t token = kRelayToken | ++relay_token_;
        node.relays[peer].insert(token);
        auto batches = std::make_shared<std::vector<SignedBatchRef>>(std::move(call.batches));
        world_.send(index, peer, CounterRelayed{call_of(index, token), std::move(batches)});
        world_.later(index, kCallTimeout,
                     [this, index, peer, token] { nodes_[index].relays[peer].erase(token); });
    }
}

void Counters::on_relay(std::uint32_t index, std::uint32_t peer, const CounterRelayed& told) {
    for (const SignedBatchRef& said : *told.batches) hear(index, peer, said);
    world_.send(index, peer, CounterAnswer{told.call});
}

void Counters::hear(std::uint32_t index, std::uint32_t from, const SignedBatchRef& said) {
    nodes_[index].heard.try_emplace(name_of(*said), world_.now());
    const MergeCount count = nodes_[index].relay->on_relay(world_.node(from).name, said,
                                                           world_.now(), world_.wall(index));
    if (count.applied == 0) return;
    check_cells(index, said->batch);
    check_known(index, said->batch);
}

// All have met, and none was too busy to pass on what it heard.
bool Counters::all_relay() const {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (!world_.running(i) || world_.living(i) != nodes_.size()) return false;
        if (nodes_[i].relay->counters().dropped != 0) return false;
    }
    return true;
}

// Once: in one interval, whomever it is told then.
void Counters::check_passed_on(std::uint32_t index, const RelayCall& call) {
    Node& node = nodes_[index];
    for (const SignedBatchRef& said : call.batches) {
        const Said name = name_of(*said);
        const auto [at, fresh] = node.passed_on.try_emplace(name, world_.now());
        const bool own = said->batch.node == world_.node(index).name;
        if (fresh && own && flooded_ && all_relay()) {
            world_.later(index, kReachesAll, [this, index, name, at = world_.now()] {
                check_reaches_all(index, name, at);
            });
        }
        if (fresh || at->second == world_.now()) continue;
        world_.violate("passed-on-once", world_.node(index).name.str() + " passes on batch " +
                                             std::to_string(said->sequence) + " of " +
                                             said->batch.node.str() + " again");
    }
}

// Whether anybody who had heard it, or had said it `at` that time, has been connected to that node
// ever since: it was told then. Connections of small meshes may all change within a second, and
// what is on its way on one that ends is lost; it is asked for.
bool Counters::told_by_one(std::uint32_t index, std::uint32_t origin, const Said& said,
                           MonoTime at) const {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        const auto heard = nodes_[i].heard.find(said);
        if (i != origin && heard == nodes_[i].heard.end()) continue;
        const MonoTime since = i == origin ? at : heard->second;
        const auto connected = nodes_[i].connected.find(index);
        if (connected == nodes_[i].connected.end() || connected->second > since) continue;
        if (world_.now() - since >= kReachesNext) return true;
    }
    return false;
}

void Counters::check_reaches_all(std::uint32_t index, const Said& said, MonoTime at) const {
    if (!all_relay()) return;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (i == index || !world_.running(i) || nodes_[i].heard.contains(said)) continue;
        if (!told_by_one(i, index, said, at)) continue;
        world_.violate("relays-reach-all", world_.node(i).name.str() + " has not heard batch " +
                                               std::to_string(std::get<2>(said)) + " of " +
                                               world_.node(index).name.str() + " from anybody");
    }
}

// More than it ever charged, under its name, by a hand that has no key of it.
void Counters::on_forge(std::uint32_t index, std::uint32_t liar, std::uint32_t about) {
    if (!world_.running(about) || index == about) return;
    SignedBatch lie;
    const Generation of = generation(about);
    lie.batch = {world_.node(about).name, of, {}, 0, 1'000'000, 1'000'000, true};
    lie.batch.cells.push_back(
        {key_id(0), Kind::kRequests, window_at(world_.wall(index)).window, kCountMax / 2, 0});
    lie.sequence = 1'000'000;
    lie.signature = keyed_hash(lie, world_.node(liar).name);
    hear(index, liar, std::make_shared<const SignedBatch>(std::move(lie)));
}

}  // namespace vidai::sim
