// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/registers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "mesh/state/statement.h"

namespace vidai::sim {

using namespace mesh::state;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::size_t kPageBytes = 1'500;  // small, so that there are several
constexpr std::uint64_t kKeys = 12;        // few, so that they are written concurrently
constexpr Duration kTick = seconds(1);
constexpr std::uint32_t kTicksPerPull = 5;
constexpr Duration kPullTimeout = seconds(5);
constexpr Duration kFirstWrite = milliseconds(500);
constexpr Duration kLastWrite = kFaultTime + seconds(1);
// Clocks differ by five seconds and step by two and a half, each way.
constexpr milliseconds kClocks{15'000};

std::uint64_t hash_of(const Statement& statement) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::uint8_t byte : encode(statement)) hash = (hash ^ byte) * 0x100000001b3;
    return hash * 0x9e3779b97f4a7c15;
}

Register sign(Statement statement) {
    static const auto chain = std::make_shared<const mesh::seal::Bytes>();
    Register out{std::move(statement), {}, chain};
    const std::uint64_t hash = hash_of(out.statement);
    for (std::size_t i = 0; i < 8; ++i) {
        out.signature.bytes[i] = static_cast<std::uint8_t>(hash >> (8 * i));
    }
    return out;
}

RegisterName name_of(const Register& held) {
    return {held.statement.kind, held.statement.id};
}

}  // namespace

Registers::Registers(World& world, const Plan& plan)
    : world_(world), rng_(plan.seed ^ 0x4e6), nodes_(world.size()) {
    world_.scheduler().after(kFirstWrite, [this] { write_something(); });
}

void Registers::on_start(std::uint32_t index) {
    Node& node = nodes_[index];
    std::vector<Register> volume = std::move(node.volume);
    const std::uint64_t serial = world_.node(index).volumes.back();
    if (const std::uint32_t copied = world_.node(index).identity; copied != index) {
        if (node.serial == 0) volume = nodes_[copied].volume;
    } else if (node.serial != serial) {
        volume.clear();  // it was wiped
    }
    node = {};
    node.serial = serial;
    node.relay = std::make_unique<RegisterRelay>(
        RegisterRelayOptions{.full_mesh_max = world_.options().full_mesh_max},
        serial + world_.node(index).life + index);
    for (Register& held : volume) (void)take(index, std::move(held));
    const auto phase = rng_.below(static_cast<std::uint64_t>(kTick.count()));
    world_.later(index, Duration(phase), [this, index] { tick(index); });
}

void Registers::on_connected(std::uint32_t index, std::uint32_t peer) {
    nodes_[index].pulls.erase(peer);
    nodes_[index].relay->on_connected(world_.node(peer).name);
    pull(index, peer, {});
}

void Registers::on_disconnected(std::uint32_t index, std::uint32_t peer) {
    nodes_[index].pulls.erase(peer);
    nodes_[index].relay->on_disconnected(world_.node(peer).name);
}

void Registers::send(std::uint32_t index, std::uint32_t peer, Packet packet) {
    Node& node = nodes_[index];
    const std::int64_t second = world_.now().time_since_epoch() / seconds(1);
    if (std::exchange(node.second, second) != second) node.bytes = 0;
    node.bytes += wire_bytes(packet);
    // Each peer may be told everything, twice where the connection was replaced, and asked.
    const std::size_t most = nodes_.size() * (4 * bytes_written_ + 64 * 1024);
    if (node.bytes > most) {
        world_.violate("registers-bounded", world_.node(index).name.str() + " sends " +
                                                std::to_string(node.bytes) + " bytes in a second");
    }
    world_.send(index, peer, std::move(packet));
}

WallTime Registers::until_of(const Statement& said) const {
    if (said.kind == RegisterKind::kRevocation) return decode_revocation(said)->until;
    return decode_forget(said)->until;
}

Statement Registers::draw(std::uint32_t index) {
    Node& node = nodes_[index];
    const WallTime now = world_.wall(index);
    const NodeId& name = world_.node(index).name;
    const WallTime until =
        now + milliseconds(2'000 + static_cast<std::int64_t>(rng_.below(60'000)));
    if (rng_.chance(0.15)) {
        Revocation said{{}, "n", "simulated", until};
        said.key.bytes[0] = static_cast<std::uint8_t>(++statements_);
        return encode_statement(said, name, now);
    }
    if (rng_.chance(0.1)) {
        const Forget said{NodeId("g" + std::to_string(rng_.below(3))), 1 + rng_.below(3),
                          Generation{rng_.below(3)}, until};
        return encode_statement(said, name, now);
    }
    Statement said{RegisterKind::kKey,
                   "k" + std::to_string(rng_.below(kKeys)),
                   rng_.chance(0.1),
                   node.clock.tick(now),
                   name,
                   {}};
    // An edit starts from what the node holds: it does not bring back what it knows is revoked.
    const Register* held = node.set.find({said.kind, said.id});
    said.retired |= held != nullptr && held->statement.retired;
    said.value.resize(1 + rng_.below(300), static_cast<std::uint8_t>(rng_.below(256)));
    return said;
}

void Registers::write_something() {
    const MonoTime begin{std::chrono::hours(1)};
    if (world_.now() - begin > kLastWrite) return;
    world_.scheduler().after(Duration(rng_.below(2'000'000'000)), [this] { write_something(); });
    const auto index = static_cast<std::uint32_t>(rng_.below(nodes_.size()));
    const World::Node& process = world_.node(index);
    if (!world_.running(index) || process.paused || process.left) return;
    Register mine = sign(draw(index));
    names_.insert(name_of(mine));
    bytes_written_ += mine.statement.value.size() + 256;
    written_.push_back(mine);
    (void)take(index, mine);
    const auto told = std::make_shared<std::vector<Register>>(1, std::move(mine));
    for (std::uint32_t peer = 0; peer < nodes_.size(); ++peer) {
        if (peer != index && world_.linked(index, peer)) {
            send(index, peer, RegisterPush{told});
        }
    }
}

// Once, and not to whom it came from.
void Registers::pass_on(std::uint32_t index, std::uint32_t from, Register told, bool found) {
    const NodeId& author = told.statement.origin;
    const std::size_t bytes = told.statement.value.size() + 256;
    const NodeId& teller = world_.node(from).name;
    RegisterRelay& relay = *nodes_[index].relay;
    const std::vector<NodeId> next =
        found ? relay.next_of_found(author, teller, bytes, world_.now())
              : relay.next(author, teller, bytes, world_.living(index), world_.now());
    const auto page = std::make_shared<std::vector<Register>>(1, std::move(told));
    for (const NodeId& peer : next) send(index, *world_.index_of(peer), RegisterPush{page});
}

bool Registers::take(std::uint32_t index, Register told) {
    Node& node = nodes_[index];
    const Name name = name_of(told);
    if (told.signature.bytes != sign(told.statement).signature.bytes) return false;
    if (by_operators(name.kind) && is_over(until_of(told.statement), world_.wall(index)))
        return false;
    if (!by_operators(name.kind)) node.clock.observe(told.statement.time);
    const auto rank = [](const Statement& said) { return std::pair(said.retired, said.time); };
    const auto heard = rank(told.statement);
    const bool news = node.set.merge(std::move(told)) == RegisterSet::Merge::kApplied;
    const Register* held = node.set.find(name);
    if (!by_operators(name.kind) && (held == nullptr || rank(held->statement) < heard)) {
        world_.violate("newest-wins", world_.node(index).name.str() + " is told a newer " +
                                          name.id + " and keeps the older");
    }
    if (held != nullptr && held->statement.retired) {
        node.retired.insert(name);
    } else if (node.retired.contains(name)) {
        world_.violate("retired-stays",
                       world_.node(index).name.str() + " takes " + name.id + " back into force");
    }
    if (node.set.size() > names_.size()) {
        world_.violate("registers-bounded",
                       world_.node(index).name.str() + " holds " + std::to_string(node.set.size()));
    }
    return news;
}

void Registers::collect(std::uint32_t index) {
    Node& node = nodes_[index];
    const WallTime now = world_.wall(index);
    std::vector<Name> over;
    node.set.for_each([&](const Register& held) {
        if (!by_operators(held.statement.kind)) return;
        const WallTime until = until_of(held.statement);
        if (!is_over(until, now)) return;
        over.push_back(name_of(held));
        if (now < until) {
            world_.violate("held-until-over", world_.node(index).name.str() + " drops " +
                                                  held.statement.id + " while it is in force");
        }
    });
    for (const Name& name : over) {
        node.set.erase(name);
        node.retired.erase(name);
    }
}

void Registers::tick(std::uint32_t index) {
    Node& node = nodes_[index];
    collect(index);
    node.volume.clear();
    node.set.for_each([&](const Register& held) { node.volume.push_back(held); });
    if (++node.ticks % kTicksPerPull == 0) {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            const std::uint32_t peer = node.next_peer++ % static_cast<std::uint32_t>(nodes_.size());
            if (peer == index || !world_.linked(index, peer)) continue;
            if (!node.pulls.contains(peer)) pull(index, peer, {});
            break;
        }
    }
    world_.later(index, kTick, [this, index] { tick(index); });
}

void Registers::pull(std::uint32_t index, std::uint32_t peer, Cursor from) {
    const std::uint64_t token = ++token_;
    nodes_[index].pulls[peer] = token;
    auto digest = std::make_shared<RegisterDigest>(nodes_[index].set.digest());
    send(index, peer, RegisterPull{token, std::move(digest), std::move(from)});
    world_.later(index, kPullTimeout, [this, index, peer, token] {
        const auto open = nodes_[index].pulls.find(peer);
        if (open != nodes_[index].pulls.end() && open->second == token) {
            nodes_[index].pulls.erase(open);
        }
    });
}

void Registers::on_packet(std::uint32_t index, std::uint32_t peer, const Packet& packet) {
    Node& node = nodes_[index];
    if (const auto* push = std::get_if<RegisterPush>(&packet)) {
        for (const Register& told : *push->registers) {
            if (take(index, told)) pass_on(index, peer, told, false);
        }
    } else if (const auto* asked = std::get_if<RegisterPull>(&packet)) {
        const Page page = node.set.page(*asked->digest, asked->from, kPageBytes);
        auto registers = std::make_shared<std::vector<Register>>();
        for (const Register* held : page.registers) registers->push_back(*held);
        send(index, peer, RegisterPage{asked->token, std::move(registers), page.next});
    } else if (const auto* page = std::get_if<RegisterPage>(&packet)) {
        const auto open = node.pulls.find(peer);
        if (open == node.pulls.end() || open->second != page->token) return;
        node.pulls.erase(open);
        std::vector<Register> news;
        for (const Register& told : *page->registers) {
            if (take(index, told)) news.push_back(told);
        }
        if (news.size() <= RegisterRelay::kFew) {
            for (Register& told : news) pass_on(index, peer, std::move(told), true);
        }
        if (page->next && !page->registers->empty()) pull(index, peer, *page->next);
    }
}

// Something said under it is over by some clocks and not by others, or has just been: who does not
// hold that any more may hold, and must find, what it had superseded.
bool Registers::is_ending(const Name& name) const {
    constexpr milliseconds kFound{10'000};
    const WallTime now = world_.wall();
    return std::ranges::any_of(written_, [&](const Register& said) {
        if (!by_operators(said.statement.kind) || name_of(said) != name) return false;
        const WallTime until = until_of(said.statement);
        return until <= now + kClocks && until + kClocks + kFound > now;
    });
}

// What all must hold alike.
std::map<RegisterName, std::uint64_t> Registers::settled(std::uint32_t index) const {
    std::map<Name, std::uint64_t> out;
    nodes_[index].set.for_each([&](const Register& held) {
        if (!is_ending(name_of(held))) out[name_of(held)] = hash_of(held.statement);
    });
    return out;
}

std::string Registers::disagreement() const {
    std::optional<std::uint32_t> first;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (!world_.running(i) || world_.node(i).left) continue;
        if (!first) first = i;
        const auto here = settled(i), there = settled(*first);
        if (here == there) continue;
        const auto differ = std::ranges::mismatch(here, there);
        const std::string& id =
            differ.in1 != here.end() ? differ.in1->first.id : differ.in2->first.id;
        return world_.node(i).name.str() + " and " + world_.node(*first).name.str() +
               " hold other registers, " + id + " for one";
    }
    return {};
}

void Registers::finish() {
    RegisterSet in_order, halves[2], shuffled;
    for (std::size_t i = 0; i < written_.size(); ++i) {
        (void)in_order.merge(written_[i]);
        (void)halves[2 * i / std::max<std::size_t>(1, written_.size())].merge(written_[i]);
    }
    std::vector<Register> mixed = written_;
    for (const Register& each : written_) {
        if (rng_.chance(0.5)) mixed.push_back(each);
    }
    for (std::size_t i = mixed.size(); i > 1; --i) std::swap(mixed[i - 1], mixed[rng_.below(i)]);
    for (const Register& each : mixed) (void)shuffled.merge(each);
    halves[0].for_each([&](const Register& held) { (void)halves[1].merge(held); });
    if (in_order.digest() != shuffled.digest() || in_order.digest() != halves[1].digest()) {
        world_.violate("merge-order",
                       "the registers of this run in another order or grouping make "
                       "another state");
    }
    // Long after: nothing that is over is held by anybody.
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (!world_.running(i)) continue;
        nodes_[i].set.for_each([&](const Register& held) {
            if (!by_operators(held.statement.kind)) return;
            if (until_of(held.statement) + kClocks > world_.wall()) return;
            world_.violate("state-collected", world_.node(i).name.str() + " still holds " +
                                                  held.statement.id + ", which is over");
        });
    }
}

}  // namespace vidai::sim
