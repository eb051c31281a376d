// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/operators.h"

#include <algorithm>
#include <cstdlib>

#include <kj/debug.h>

#include "mesh/rpc/stating.h"
#include "mesh/state/key_value.h"
#include "mesh/state/statement.h"
#include "mesh/wire/operator_values.h"
#include "schema/rpc/operator.capnp.h"

namespace vidai::sim {

namespace {

namespace state = mesh::state;
namespace wire = mesh::wire;

constexpr int kPatienceSeconds = 10;
constexpr std::uint32_t kDeadlineMs = 5'000;
const Host kDesk = "10.8.0.1";

std::vector<state::Register> on_disk(const SimNode& node) {
    auto stored = state::load_state(node.path + "/" + mesh::rpc::kStateFile);
    return stored ? std::move(stored->registers) : std::vector<state::Register>();
}

bool holds(const std::vector<state::Register>& registers, const state::RegisterName& name,
           bool revoked) {
    return std::ranges::any_of(registers, [&](const state::Register& one) {
        if (one.statement.kind != name.kind || one.statement.id != name.id) return false;
        if (name.kind != state::RegisterKind::kKey || !revoked) return true;
        const auto record = state::decode_key(one.statement);
        return record && record->revoked;
    });
}

}  // namespace

void Operators::taskFailed(kj::Exception&& e) {
    KJ_LOG(FATAL, "an operator failed", e);
    std::abort();
}

// What fails was not promised.
void Operators::call(SimNode& at, Call call) {
    if (!at.runs() || at.revoked) return;
    auto talk = shake_hands(door_, kDesk, at.host, forger_.admin())
                    .then([this, call = std::move(call)](
                              Result<mesh::transport::Handshaken>&& done) -> kj::Promise<void> {
                        if (!done) return kj::READY_NOW;
                        auto caller = kj::heap<Caller>(std::move(*done), door_.clock);
                        auto called = call(*caller);
                        return called.attach(kj::mv(caller));
                    });
    tasks_.add(talk.catch_([](kj::Exception&&) {})
                   .exclusiveJoin(timer_.afterDelay(kPatienceSeconds * kj::SECONDS)));
}

void Operators::acknowledged(SimNode& by, std::uint32_t wipes, state::RegisterName name,
                             bool revoked) {
    if (by.wipes != wipes) return;  // lost since, while the answer was on its way
    if (!holds(on_disk(by), name, revoked)) {
        accuse_("acknowledged-on-disk",
                by.id + " has acknowledged " + name.id + " and does not hold it on its disk",
                false);
    }
    promised_.push_back({std::move(name), revoked, &by, false});
}

void Operators::create_key(SimNode& at) {
    const std::string name = "op-" + std::to_string(++keys_);
    call(at, [this, &at, wipes = at.wipes, name](Caller& caller) {
        auto request = caller.as<proto::Operator>().keyCreateRequest();
        mesh::KeyCreateRequest wanted;
        wanted.name = name;
        wire::write(wanted, request.initRequest());
        request.setDeadlineMs(kDeadlineMs);
        return request.send().then([this, &at, wipes](auto&& reply) {
            const auto made = wire::read_outcome<mesh::CreatedKey>(reply.getOutcome());
            if (!made) return;
            acknowledged(at, wipes, {state::RegisterKind::kKey, made->record.id.str()}, false);
        });
    });
}

void Operators::revoke_key(SimNode& at) {
    const auto found = std::ranges::find_if(promised_, [this](const Promised& one) {
        return one.name.kind == state::RegisterKind::kKey && !one.revoked && !one.excused &&
               !revoking_.contains(one.name.id);
    });
    if (found == promised_.end()) return;
    revoking_.insert(found->name.id);
    call(at, [this, &at, wipes = at.wipes, id = found->name.id](Caller& caller) {
        auto request = caller.as<proto::Operator>().keyRevokeRequest();
        request.setKey(id.c_str());
        request.setDeadlineMs(kDeadlineMs);
        return request.send().then([this, &at, wipes, id](auto&& reply) {
            const auto done = wire::read_outcome<state::KeyRecord>(reply.getOutcome());
            if (done) acknowledged(at, wipes, {state::RegisterKind::kKey, id}, true);
        });
    });
}

void Operators::revoke(SimNode& at, const mesh::seal::PublicKey& key, const std::string& subject,
                       Done done) {
    auto said = mesh::rpc::sign_revocation(forger_.admin().get(), {key, subject}, "simulated",
                                           door_.clock.wall_now());
    if (!said) return accuse_("revocation", said.error().message, false);
    call(at, [this, &at, wipes = at.wipes, said = std::move(*said), id = state::revocation_id(key),
              done = std::move(done)](Caller& caller) {
        auto request = caller.as<proto::Operator>().announceRequest();
        wire::write(said, request.initSaid());
        request.setDeadlineMs(kDeadlineMs);
        return request.send().then([this, &at, wipes, id, done](auto&& reply) {
            const auto stated = wire::read_outcome<mesh::Stated>(reply.getOutcome());
            if (!stated) return;
            acknowledged(at, wipes, {state::RegisterKind::kRevocation, id}, false);
            done();
        });
    });
}

void Operators::spend(SimNode& at, std::uint64_t amount) {
    if (!at.runs()) return;
    const auto keys = at.shared->keys.load();
    for (const state::KeyEntry& entry : keys->entries()) {
        if (!entry.slot) continue;
        return at.shared->counters.add_spend(*entry.slot,
                                             MicroUsd{static_cast<std::int64_t>(amount)});
    }
}

std::vector<std::pair<std::string, std::int64_t>> Operators::spent(const SimNode& node) {
    std::vector<std::pair<std::string, std::int64_t>> all;
    const auto keys = node.shared->keys.load();
    for (const state::KeyEntry& entry : keys->entries()) {
        if (!entry.slot) continue;
        const auto use = node.shared->counters.use(*entry.slot, node.clock->wall_now());
        all.emplace_back(entry.record.id.str(), use.spend_own.value + use.spend_known.value);
    }
    std::ranges::sort(all);
    return all;
}

void Operators::excuse(const SimNode& node, const std::vector<SimNode>& all) {
    for (Promised& one : promised_) {
        one.excused |= std::ranges::none_of(all, [&](const SimNode& other) {
            return &other != &node && other.runs() && !other.revoked &&
                   holds(on_disk(other), one.name, one.revoked);
        });
    }
}

bool Operators::only_holder(const SimNode& node, const std::vector<SimNode>& all) {
    return std::ranges::any_of(on_disk(node), [&](const state::Register& held) {
        const state::RegisterName name{held.statement.kind, held.statement.id};
        return name.kind == state::RegisterKind::kRevocation &&
               std::ranges::none_of(all, [&](const SimNode& other) {
                   return &other != &node && other.runs() && !other.revoked &&
                          holds(on_disk(other), name, false);
               });
    });
}

void Operators::check_kept(const std::vector<SimNode>& all) const {
    for (const SimNode& node : all) {
        if (!node.runs() || node.revoked) continue;
        const auto registers = on_disk(node);
        for (const Promised& one : promised_) {
            // What a node said that was put out may have died with its word.
            if (one.excused || one.by->revoked || holds(registers, one.name, one.revoked)) continue;
            accuse_("acknowledged-kept",
                    one.by->id + " has acknowledged " + one.name.id + " and " + node.id +
                        " does not hold it in the end",
                    false);
        }
    }
}

}  // namespace vidai::sim
