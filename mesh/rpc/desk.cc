// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/desk.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mesh/seal/encoding.h"
#include "mesh/wire/membership.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::rpc {

namespace {

using state::RegisterKind;

constexpr std::size_t kListBytes = 256 * 1024;
constexpr std::size_t kLimitBytes = 256;      // of one, but for its scope
constexpr std::size_t kStatementBytes = 256;  // of one, but for its value and its chain

std::size_t size_of(const state::KeyRecord& key) {
    std::size_t size = 160 + key.name.size();
    for (const std::string& model : key.models) size += 24 + model.size();
    for (const BudgetId& budget : key.budgets) size += 24 + budget.str().size();
    return size;
}

}  // namespace

std::unexpected<Error> not_known_to(Capability capability, const std::vector<NodeId>& nodes) {
    std::string names;
    for (const NodeId& node : nodes) names += (names.empty() ? "" : ", ") + node.str();
    return fail(ErrorCode::kConflict,
                "these nodes run programs without '" +
                    capability_names(bit_of(capability)).front() +
                    "' and would be left behind: " + names +
                    ". Upgrade them first, or forget them; `vidaictl mesh members -o wide` "
                    "shows what each can do",
                "capability");
}

Desk::Desk(const Startup& startup, const membership::Membership& membership, Replica& replica,
           Saver& saver, kj::Timer& timer, DeskEvents& events)
    : startup_(startup),
      clock_(*startup.options.clock),
      membership_(membership),
      replica_(replica),
      saver_(saver),
      timer_(timer),
      events_(events) {}

Result<std::vector<Member>> Desk::members() {
    return events_.view_now()->members;
}

Result<MeshStatus> Desk::status() {
    const auto view = events_.view_now();
    MeshStatus status;
    status.mesh = view->mesh;
    status.node = view->self;
    status.version = startup_.options.program_version;
    status.wire_min = kWire.min;
    status.wire_max = kWire.max;
    const auto count = [&](MemberStatus wanted) {
        return static_cast<std::size_t>(
            std::count_if(view->members.begin(), view->members.end(),
                          [&](const Member& member) { return member.status == wanted; }));
    };
    status.members = view->members.size();
    status.alive = count(MemberStatus::kAlive);
    status.suspect = count(MemberStatus::kSuspect);
    status.dead = count(MemberStatus::kDead);
    status.left = count(MemberStatus::kLeft);
    status.delay = view->delay;
    status.registers = view->registers;
    status.digest = view->digest;
    status.keys = replica_.live_keys();
    status.solo = !startup_.options.enabled;
    return status;
}

Result<NodeDetail> Desk::node_show(const NodeId& node) {
    const auto view = events_.view_now();
    const auto member = std::find_if(view->members.begin(), view->members.end(),
                                     [&](const Member& m) { return m.id == node; });
    if (member == view->members.end()) {
        return fail(ErrorCode::kNotFound,
                    "no node '" + node.str() + "' is known; `vidaictl mesh members` shows all",
                    node.str());
    }
    NodeDetail detail{*member, {}, {}, {}, {}, {}, 0, {}};
    std::vector<membership::ClaimRef> claims = membership_.claims();
    claims.push_back(membership_.self());
    for (const membership::ClaimRef& claim : claims) {
        if (claim->id != node) continue;
        detail.key_fingerprint = seal::fingerprint(seal::PublicKey{claim->key});
        detail.key = seal::to_hex(claim->key);
        detail.serial = claim->version.serial;
        detail.word = wire::pack_claim(*claim);
        const auto identity =
            startup_.roots->verify_recorded(wall_now(), seal::bytes_of(claim->credential));
        if (!identity) continue;  // expired since: then nothing more can be said
        detail.certificate_until = identity->valid_until;
        detail.issuer = identity->issuer;
        detail.root = seal::fingerprint(identity->root);
        if (!identity->issuer.empty()) detail.issuer_key = seal::to_hex(identity->issuer_key.bytes);
    }
    return detail;
}

kj::Promise<Result<void>> Desk::saved(std::chrono::milliseconds within) {
    auto late = timer_.afterDelay(within.count() * kj::MILLISECONDS).then([]() -> Result<void> {
        return fail(ErrorCode::kDeadlineExceeded, "the disk did not take it in time");
    });
    if (VIDAI_MUTANT("acknowledged-unsaved")) return Result<void>();
    return saver_.save().exclusiveJoin(kj::mv(late));
}

kj::Promise<Result<CreatedKey>> Desk::key_create(KeyCreateRequest request,
                                                 std::chrono::milliseconds within) {
    if (auto heard = events_.heard_by_others(); !heard) {
        return Result<CreatedKey>(fail(std::move(heard).error()));
    }
    if (!request.budgets.empty()) {  // who does not know them would let the key spend
        const auto without = lacking(events_.view_now()->members, Capability::kBudgets);
        if (!without.empty()) {
            return Result<CreatedKey>(not_known_to(Capability::kBudgets, without));
        }
    }
    auto created = replica_.create(request, wall_now(), mono_now());
    if (!created) return Result<CreatedKey>(std::move(created));
    events_.on_key_changed({created->record.id, false});
    return saved(within).then([this, made = std::move(*created)](
                                  Result<void>&& stored) mutable -> Result<CreatedKey> {
        if (stored) return std::move(made);
        // Nobody was told its secret, so it must not live on.
        (void)replica_.revoke(made.record.id, wall_now(), mono_now());
        events_.on_key_changed({made.record.id, true});
        return fail(stored.error().code, "the key was not created: this node cannot store it: " +
                                             stored.error().message);
    });
}

static_assert(kKeyRegister == static_cast<std::uint8_t>(RegisterKind::kKey));
static_assert(kLimitRegister == static_cast<std::uint8_t>(RegisterKind::kLimit));

kj::Promise<Result<KeyRevocation>> Desk::key_revoke(KeyId key, std::chrono::milliseconds within) {
    if (auto heard = events_.heard_by_others(); !heard) {
        return Result<KeyRevocation>(fail(std::move(heard).error()));
    }
    auto revoked = replica_.revoke(key, wall_now(), mono_now());
    if (!revoked) return Result<KeyRevocation>(fail(std::move(revoked).error()));
    events_.on_key_changed({key, true});
    // Revoked before, perhaps: then by what is held.
    const state::Register* const held = replica_.registers().find({RegisterKind::kKey, key.str()});
    CHECK(held != nullptr, "a key that is held has a register");
    KeyRevocation done{std::move(*revoked), held->statement.time.value};
    return saved(within).then([done = std::move(done)](
                                  Result<void>&& stored) mutable -> Result<KeyRevocation> {
        if (stored) return std::move(done);
        return fail(stored.error().code,
                    "the key is revoked and the other nodes are told, but this node cannot store "
                    "it: " +
                        stored.error().message);
    });
}

Result<wire::KeyPage> Desk::key_list(const std::string& after) {
    wire::KeyPage page;
    std::size_t bytes = 0;
    const auto& keys = replica_.keys();
    for (auto at = keys.upper_bound(KeyId(after)); at != keys.end(); ++at) {
        bytes += size_of(at->second.record);
        if (bytes > kListBytes && !page.keys.empty()) {
            page.more = true;
            break;
        }
        page.keys.push_back(at->second.record);
    }
    return page;
}

Result<LimitReport> Desk::limit_show(const KeyId& key) {
    return replica_.limits_of(key, events_.counting(), wall_now());
}

kj::Promise<Result<LimitChange>> Desk::limit_change(LimitOp op, state::LimitRecord limit,
                                                    std::chrono::milliseconds within) {
    if (auto heard = events_.heard_by_others(); !heard) {
        return Result<LimitChange>(fail(std::move(heard).error()));
    }
    // Who does not know it would let through what others hold back.
    const auto without = lacking(events_.view_now()->members, Capability::kLimits);
    if (!without.empty()) return Result<LimitChange>(not_known_to(Capability::kLimits, without));
    auto changed = replica_.change_limit(op, std::move(limit), wall_now(), mono_now());
    if (!changed) return Result<LimitChange>(std::move(changed));
    events_.on_limit_changed(changed->limit);
    return saved(within).then(
        [change = std::move(*changed)](Result<void>&& stored) mutable -> Result<LimitChange> {
            if (stored) return std::move(change);
            return fail(stored.error().code,
                        "it is in force and the other nodes are told, but this node cannot store "
                        "it: " +
                            stored.error().message);
        });
}

Result<wire::LimitPage> Desk::limit_list(const std::string& after) {
    wire::LimitPage page;
    std::size_t bytes = 0;
    const auto& limits = replica_.limits().all();
    for (auto at = limits.upper_bound(after); at != limits.end(); ++at) {
        bytes += kLimitBytes;
        for (const std::string& value : at->second.scope.equal) bytes += value.size();
        page.more = bytes > kListBytes && !page.limits.empty();
        if (page.more) break;
        page.limits.push_back(at->second);
    }
    return page;
}

Result<LimitStanding> Desk::limit_standing(const std::string& name) {
    return replica_.standing_of(name, events_.counting(), wall_now());
}

kj::Promise<Result<BudgetPage>> Desk::budget_change(BudgetChange change,
                                                    std::chrono::milliseconds within) {
    if (auto heard = events_.heard_by_others(); !heard) {
        return Result<BudgetPage>(fail(std::move(heard).error()));
    }
    const auto without = lacking(events_.view_now()->members, Capability::kLedger);
    if (!without.empty()) return Result<BudgetPage>(not_known_to(Capability::kLedger, without));
    // Who does not know what a log has in it cannot keep it.
    std::optional<Capability> needed;
    if (change.enforce || change.alerts) needed = Capability::kBudgetPolicies;
    if (change.op == BudgetOp::kTopUp) needed = Capability::kBudgetTopUps;
    if (needed) {
        const auto old = lacking(events_.view_now()->members, *needed);
        if (!old.empty()) return Result<BudgetPage>(not_known_to(*needed, old));
    }
    return events_.change_budget(std::move(change), within);
}

kj::Promise<Result<BudgetPage>> Desk::budget_list(BudgetId budget, BudgetId after,
                                                  std::chrono::milliseconds within) {
    return events_.look_at_budgets(std::move(budget), std::move(after), within);
}

Result<MoneyBooks> Desk::money_books(const BudgetId& budget, const BudgetId& after) {
    return events_.money_books_now(budget, after);
}

kj::Promise<Result<UsageSheet>> Desk::usage(usage::Query query) {
    return events_.sum_usage(std::move(query));
}

kj::Promise<Result<UsagePage>> Desk::usage_events(usage::Search search) {
    return events_.find_usage(std::move(search));
}

kj::Promise<Result<UsageHoldings>> Desk::usage_holdings() {
    return events_.usage_holdings();
}

Result<NodeReport> Desk::report() {
    return events_.report_now();
}

Result<CreatedToken> Desk::token_create(TokenRequest request) {
    if (auto heard = events_.heard_by_others(); !heard) return fail(std::move(heard).error());
    return events_.make_token(std::move(request));
}

kj::Promise<Result<Stated>> Desk::announce(state::Register said, std::chrono::milliseconds within) {
    using Answer = Result<Stated>;
    if (auto heard = events_.heard_by_others(); !heard) {
        return Answer(fail(std::move(heard).error()));
    }
    if (!state::by_operators(said.statement.kind)) {
        return Answer(fail(ErrorCode::kInvalidRequest,
                           "only revocations and removals are announced", "kind"));
    }
    if (said.statement.kind == RegisterKind::kRoot) {
        const auto view = events_.view_now();
        const auto without = lacking(view->members, Capability::kRootStatements);
        if (!without.empty()) return Answer(not_known_to(Capability::kRootStatements, without));
    }
    const MergeReport report = replica_.merge({said}, wall_now(), mono_now());
    if (!report.forks.empty()) events_.on_forks(said.statement.origin.str(), report.forks);
    if (report.first_refusal) return Answer(fail(*report.first_refusal));
    if (report.applied == 0 && !report.forks.empty()) return Answer(fail(report.forks.front()));
    Stated stated;
    stated.kind = static_cast<std::uint8_t>(said.statement.kind);
    stated.id = said.statement.id;
    stated.time = said.statement.time.value;
    events_.on_stated(report, said);
    return saved(within).then([stated =
                                   std::move(stated)](Result<void>&& stored) mutable -> Answer {
        if (stored) return std::move(stated);
        return fail(stored.error().code,
                    "it is in force and the other nodes are told, but this node cannot store it: " +
                        stored.error().message);
    });
}

kj::Promise<Result<Acknowledgement>> Desk::acknowledged(const Stated& said) {
    using Answer = Result<Acknowledgement>;
    const state::RegisterName name{RegisterKind{said.kind}, said.id};
    const state::Register* const held = replica_.registers().find(name);
    if (held == nullptr) {
        return Answer(fail(ErrorCode::kNotFound, "this node holds no such statement", said.id));
    }
    return events_.holders(name, state::Hlc{said.time})
        .then([this](std::vector<NodeId>&& by) -> Answer {
            Acknowledgement heard;
            const auto view = events_.view_now();
            for (const Member& member : view->members) {
                const bool has =
                    member.self || std::find(by.begin(), by.end(), member.id) != by.end();
                if (has) {
                    heard.by.push_back(member.id);
                } else if (member.status != MemberStatus::kLeft) {
                    heard.missing.push_back(member.id);
                }
            }
            return heard;
        });
}

// There are few of them among very many keys; asked for by people, once in a while.
Result<wire::StatementPage> Desk::statements(const state::RegisterName& after) {
    std::map<state::RegisterName, const state::Register*> found;
    replica_.registers().for_each([&](const state::Register& held) {
        const state::Statement& said = held.statement;
        if (said.kind != RegisterKind::kRevocation && said.kind != RegisterKind::kForget) return;
        state::RegisterName name{said.kind, said.id};
        if (after < name) found.emplace(std::move(name), &held);
    });
    wire::StatementPage page;
    std::size_t bytes = 0;
    for (const auto& [name, held] : found) {
        bytes += kStatementBytes + held->statement.value.size() + held->chain->size();
        page.more = bytes > kListBytes && !page.said.empty();
        if (page.more) break;
        page.said.push_back(*held);
    }
    return page;
}

kj::Promise<Result<KeyRotation>> Desk::rotate_key(const NodeId& node) {
    if (node == startup_.node) return events_.rotate_key();
    return Result<KeyRotation>(fail(ErrorCode::kConflict,
                                    "this is node '" + startup_.node.str() + "', not '" +
                                        node.str() + "': only a node itself can make its key",
                                    node.str()));
}

Result<Draining> Desk::drain(const NodeId& node, std::chrono::milliseconds grace) {
    if (!node.empty() && node != startup_.node) {
        return fail(ErrorCode::kConflict,
                    "this is node '" + startup_.node.str() + "', not '" + node.str() +
                        "': nothing drains. The address that the mesh knows of '" + node.str() +
                        "' leads here",
                    node.str());
    }
    return Draining{startup_.node, !events_.drain(grace)};
}

}  // namespace vidai::mesh::rpc
