// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/replica.h"

#include <algorithm>
#include <utility>

#include "mesh/state/card_value.h"
#include "mesh/state/genesis.h"
#include "mesh/state/key_secret.h"
#include "mesh/state/key_value.h"
#include "mesh/state/limit_value.h"
#include "mesh/state/succession.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::rpc {

namespace {

using state::Register;
using state::RegisterKind;
using Merge = state::RegisterSet::Merge;

}  // namespace

std::unexpected<Error> no_such_key(const KeyId& id) {
    return fail(ErrorCode::kNotFound,
                "no key has the id '" + id.str() + "'; `vidaictl key list` shows all", id.str());
}

std::unexpected<Error> no_room() {
    return fail(ErrorCode::kResourceExhausted, "this node holds as many registers as it may",
                "registers");
}

const limits::StoreOptions& store_options() {
    static const limits::StoreOptions options;
    return options;
}

Replica::Replica(std::shared_ptr<seal::Roots> roots, Author author, Generation generation,
                 limits::CounterTable& table, Snapshot<state::KeyTable>& keys,
                 limits::CounterStore::Members members)
    : author_(std::move(author)),
      table_(table),
      published_(keys),
      identities_(std::move(roots)),
      verifier_(identities_.roots(), identities_.revoked()),
      counters_(table, author_.node, generation, store_options(), std::move(members)),
      book_(counters_) {}

const Register* Replica::find(const KeyId& id) const {
    return registers_.find({RegisterKind::kKey, id.str()});
}

Merge Replica::apply(Register candidate, state::KeyRecord record, MonoTime now) {
    clock_.observe(candidate.statement.time);
    const Merge merged = registers_.merge(std::move(candidate));
    if (merged != Merge::kApplied) return merged;
    state::KeyEntry& entry = entries_[record.id];
    const bool was_live = !entry.record.id.empty() && !entry.record.revoked;
    live_ += record.revoked ? 0 : 1;
    live_ -= was_live ? 1 : 0;
    entry.slot.reset();
    entry.limits.clear();
    if (record.revoked) {
        counters_.release(record.id, now);
    } else {
        const auto slot = counters_.bind(record.id, record.limits);
        if (slot) entry.slot = *slot;
        entry.limits = book_.apply(record);
    }
    entry.record = std::move(record);
    dirty_ = true;
    return merged;
}

std::vector<admission::IdentityChange> Replica::load(std::vector<Register> stored, WallTime wall,
                                                     MonoTime now) {
    MergeReport report;
    state::roots_first(*identities_.roots(), stored);
    for (Register& held : stored) (void)take(std::move(held), wall, now, report);
    apply_limits(now);
    return std::move(report.identities);
}

Result<void> Replica::take(Register verified, WallTime wall, MonoTime now, MergeReport& report) {
    if (state::by_operators(verified.statement.kind)) {
        return take_official(std::move(verified), wall, report);
    }
    if (verified.statement.kind == RegisterKind::kLimit) {
        return take_limit(std::move(verified), report);
    }
    if (verified.statement.kind == RegisterKind::kGenesis) {
        return take_genesis(std::move(verified), report);
    }
    if (verified.statement.kind == RegisterKind::kCard) {
        return take_card(std::move(verified), report);
    }
    auto record = state::decode_key(verified.statement);
    if (!record) return fail(std::move(record).error());
    const KeyChange change{record->id, record->revoked};
    if (apply(std::move(verified), std::move(*record), now) != Merge::kApplied) return no_room();
    report.news.push_back({RegisterKind::kKey, change.key.str()});
    ++report.applied;
    report.changes.push_back(change);
    return {};
}

Result<void> Replica::take_genesis(Register verified, MergeReport& report) {
    const auto ledger = state::decode_genesis(verified.statement);
    if (!ledger) return fail(ledger.error());
    if (genesis_settled_ && *ledger != *genesis_) {
        return fail(ErrorCode::kConflict, verified.statement.origin.str() +
                                              " would begin the mesh's money, which has begun "
                                              "elsewhere");
    }
    clock_.observe(verified.statement.time);
    state::RegisterName name{verified.statement.kind, verified.statement.id};
    if (registers_.merge(std::move(verified)) != Merge::kApplied) return no_room();
    report.news.push_back(std::move(name));
    ++report.applied;
    if (!genesis_ || *ledger < *genesis_) {
        genesis_ = *ledger;
        report.genesis = true;
    }
    return {};
}

Result<state::RegisterName> Replica::write_genesis(const seal::PublicKey& ledger, WallTime wall) {
    CHECK(!genesis_ || *genesis_ == ledger);
    Register mine =
        state::sign_register(state::encode_genesis(ledger, clock_.tick(wall), author_.node),
                             *author_.key, author_.chain);
    state::RegisterName name{mine.statement.kind, mine.statement.id};
    if (registers_.merge(std::move(mine)) != Merge::kApplied) return no_room();
    genesis_ = ledger;
    return name;
}

Result<void> Replica::take_official(Register verified, WallTime wall, MergeReport& report) {
    auto change = identities_.read(verified.statement);
    if (!change) return fail(std::move(change).error());
    if (state::is_over(admission::until_of(*change), wall)) {  // collected here already
        ++report.known;
        return {};
    }
    if (const auto* said = std::get_if<seal::Succession>(&*change)) {
        const Register* const held = registers_.find({RegisterKind::kRoot, verified.statement.id});
        if (held != nullptr) note_fork(verified, *held, wall, report);
        if (auto followed = identities_.follow(*said, verified, held, wall); !followed) {
            return followed;
        }
    }
    state::RegisterName name{verified.statement.kind, verified.statement.id};
    if (registers_.merge(std::move(verified)) != Merge::kApplied) return no_room();
    report.news.push_back(std::move(name));
    identities_.apply(*change);
    ++report.applied;
    report.identities.push_back(std::move(*change));
    return {};
}

void Replica::note_fork(const Register& candidate, const Register& held, WallTime wall,
                        MergeReport& report) const {
    if (candidate.statement.kind != RegisterKind::kRoot) return;
    const auto said = state::verify_succession(candidate, identities_.roots()->mesh());
    const auto followed = state::decode_succession(held.statement);
    if (!said || !followed || said->to == followed->to) return;
    const bool wins = supersedes(candidate, held) && followed->until > wall;
    report.forks.push_back(admission::root_fork(said->from, wins ? said->to : followed->to,
                                                wins ? followed->to : said->to));
}

MergeReport Replica::merge(std::vector<Register> received, WallTime wall, MonoTime now) {
    MergeReport report;
    const auto refuse = [&](Error why) {
        ++report.refused;
        if (!report.first_refusal) report.first_refusal = std::move(why);
    };
    state::roots_first(*identities_.roots(), received);
    for (Register& candidate : received) {
        // What is known already need not be verified: it will not be kept.
        const Register* held = registers_.find({candidate.statement.kind, candidate.statement.id});
        if (held && !supersedes(candidate, *held)) {
            note_fork(candidate, *held, wall, report);
            ++report.known;
            continue;
        }
        if (auto good = verifier_.verify(candidate, wall); !good) {
            refuse(std::move(good).error());
            continue;
        }
        auto taken = take(std::move(candidate), wall, now, report);
        if (!taken) refuse(std::move(taken).error());
    }
    apply_limits(now);
    return report;
}

Result<state::KeyRecord> Replica::write(state::KeyRecord record, WallTime wall, MonoTime now) {
    state::Statement statement{RegisterKind::kKey, record.id.str(), record.revoked,
                               clock_.tick(wall),  author_.node,    state::encode_key(record)};
    Register mine = state::sign_register(std::move(statement), *author_.key, author_.chain);
    if (apply(std::move(mine), record, now) != Merge::kApplied) return no_room();
    return record;
}

Result<CreatedKey> Replica::create(const KeyCreateRequest& wanted, WallTime wall, MonoTime now) {
    // Others' many keys do not keep this node from making a few.
    const bool few = registers_.size_of(author_.node) < state::kRegistersFew;
    if (registers_.size() >= kKeysMax && !few) {
        return fail(ErrorCode::kResourceExhausted,
                    "the mesh holds as many keys, revoked ones included, as it may: " +
                        std::to_string(kKeysMax));
    }
    state::KeyRecord record;
    record.name = wanted.name;
    record.models = wanted.models;
    record.limits = wanted.limits;
    record.budgets = wanted.budgets;
    record.owner = wanted.owner;
    record.created = wall;
    state::MintedKey minted = state::make_key(std::move(record));
    if (auto valid = state::validate(minted.record); !valid) return fail(std::move(valid).error());
    if (const std::size_t most = book_.most_for(minted.record); most > limits::kLimitsPerRequest) {
        return fail(ErrorCode::kConflict, "a request by this key would stand under " +
                                              std::to_string(most) + " limits, and at most " +
                                              std::to_string(limits::kLimitsPerRequest) +
                                              " are checked; `vidaictl limit list` shows all");
    }
    auto written = write(std::move(minted.record), wall, now);
    if (!written) return fail(std::move(written).error());
    return CreatedKey{std::move(*written), std::move(minted.text)};
}

Result<state::KeyRecord> Replica::revoke(const KeyId& id, WallTime wall, MonoTime now) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return no_such_key(id);
    state::KeyRecord record = found->second.record;
    if (record.revoked) return record;
    record.revoked = true;
    return write(std::move(record), wall, now);
}

void Replica::collect(WallTime wall) {
    for (const state::RegisterName& name : identities_.collect(wall)) registers_.erase(name);
}

std::vector<state::RegisterName> Replica::resign(std::size_t most, WallTime wall, MonoTime now) {
    std::vector<state::Statement> found;
    registers_.for_each([&](const Register& held) {
        const bool ours = !state::by_operators(held.statement.kind);
        if (ours && found.size() < most && verifier_.is_dated(held)) {
            found.push_back(held.statement);
        }
    });
    std::vector<state::RegisterName> names;
    for (const state::Statement& said : found) {
        names.push_back({said.kind, said.id});
        if (said.kind == RegisterKind::kKey) {
            (void)write(entries_.at(KeyId(said.id)).record, wall, now);
        } else if (said.kind == RegisterKind::kGenesis) {
            if (auto ledger = state::decode_genesis(said)) {
                (void)registers_.merge(state::sign_register(
                    state::encode_genesis(*ledger, clock_.tick(wall), author_.node), *author_.key,
                    author_.chain));
            }
        } else if (said.kind == RegisterKind::kCard) {
            if (auto card = state::decode_card(said)) (void)write(std::move(*card), wall);
        } else if (auto limit = state::decode_limit(said)) {
            (void)write(std::move(*limit), wall, now);
        }
    }
    return names;
}

void Replica::publish() {
    if (!std::exchange(dirty_, false)) return;
    std::vector<state::KeyEntry> entries;
    entries.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) entries.push_back(entry);
    std::vector<state::LimitRecord> limits;
    for (const auto& [id, limit] : book_.all()) limits.push_back(limit);
    published_.publish(
        std::make_shared<const state::KeyTable>(std::move(entries), std::move(limits)));
}

}  // namespace vidai::mesh::rpc
