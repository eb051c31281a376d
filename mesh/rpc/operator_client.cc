// SPDX-License-Identifier: Apache-2.0
// The client side of mesh/operator.h: a KJ loop of its own, driven only while a call waits.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include <kj/async-io.h>
#include <kj/vector.h>

#include "mesh/clock.h"
#include "mesh/operator.h"
#include "mesh/rpc/operator_impl.h"
#include "mesh/rpc/startup.h"
#include "mesh/rpc/stating.h"
#include "mesh/seal/identity_store.h"
#include "mesh/seal/roots.h"
#include "mesh/state/succession.h"
#include "mesh/transport/handshaking.h"
#include "mesh/transport/plain_text.h"
#include "mesh/transport/sealed_stream.h"
#include "mesh/transport/sockets.h"
#include "mesh/wire/message.h"
#include "mesh/wire/operator_values.h"
#include "schema/rpc/operator.capnp.h"

namespace vidai::mesh {

namespace {

using Stream = kj::Own<kj::AsyncIoStream>;

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::ptrdiff_t kShownAtOnce = 16;

// An operator's tool is no part of a simulated or shifted mesh.
const Clock& system_time() {
    static const std::shared_ptr<const Clock> clock = system_clock();
    return *clock;
}

// A thread can have one KJ loop; its clients share it.
std::shared_ptr<kj::AsyncIoContext> thread_loop() {
    static thread_local std::weak_ptr<kj::AsyncIoContext> shared;
    auto loop = shared.lock();
    if (!loop) {
        loop = std::make_shared<kj::AsyncIoContext>(kj::setupAsyncIo());
        shared = loop;
    }
    return loop;
}

// What to dial and, but for the local socket, as whom and whom to believe.
struct Plan {
    std::string address;
    std::shared_ptr<const seal::Credentials> self;
    std::shared_ptr<seal::Roots> roots{};
    std::shared_ptr<seal::Bytes> told = std::make_shared<seal::Bytes>();
};

Result<Plan> plan_for(const OperatorTarget& target) {
    if (target.address.starts_with(kUnixPrefix)) return Plan{target.address, nullptr};
    if (auto parsed = transport::parse_host_port(target.address); !parsed) {
        return fail(std::move(parsed).error());
    }
    auto trust = seal::load_trust(target.root_file);
    if (!trust) return fail(std::move(trust).error());
    auto self = seal::load_operator(target.identity_file);
    if (!self) return fail(std::move(self).error());
    if (self->trust.mesh == trust->mesh && self->trust.root != trust->root) {
        return fail(ErrorCode::kUnauthenticated,
                    target.identity_file + " is under another root of this mesh than " +
                        target.root_file +
                        ". Where the root was rolled over, both files are those that it made: "
                        "`vidaictl config set-context NAME --identity NEW_DIR/operator.key --root "
                        "NEW_DIR/mesh.pub`",
                    target.identity_file);
    }
    if (self->trust != *trust) {
        return fail(ErrorCode::kUnauthenticated,
                    target.identity_file + " belongs to another mesh than " + target.root_file,
                    target.identity_file);
    }
    auto roots = std::make_shared<seal::Roots>(self->trust);
    // Beside a new root lies how it followed the old one, under which nodes may still be.
    const auto beside = std::filesystem::path(target.root_file).replace_filename("succession");
    if (const auto packed = seal::load_succession(beside.string())) {
        const auto said = state::unpack_successions(*packed);
        if (said) (void)state::follow(*roots, *said);
    }
    return Plan{target.address, std::make_shared<const seal::Credentials>(std::move(*self)),
                std::move(roots)};
}

// KJ describes a failed lookup by its expressions: "DNS lookup failed.; params.host = ...;
// gai_strerror(...) = Name or service not known".
std::string reason(const kj::Exception& e) {
    std::string description = transport::plain_text(e);
    const std::size_t value = description.rfind(" = ");
    if (!description.starts_with("DNS lookup failed") || value == std::string::npos) {
        return description;
    }
    return "its name cannot be resolved: " + description.substr(value + 3);
}

// Closed during the handshake, with or without a word; a node does not tell strangers why.
std::unexpected<Error> turned_off() {
    return fail(ErrorCode::kUnauthenticated,
                "the node closed the connection before it let this operator in. Either it is out "
                "of its mesh itself, revoked or forgotten, as its log and /readyz would say: ask "
                "another node. Or it does not take this operator's certificate: that belongs to "
                "another mesh, has expired, was revoked, or was not made for operators. Or this is "
                "no vidaid's mesh port");
}

kj::Promise<Result<Stream>> seal_stream(Stream stream, const Plan& plan) {
    if (!plan.self) return Result<Stream>(kj::mv(stream));
    transport::tune(*stream);
    seal::HandshakeOptions options{plan.self, {Generation{0}, rpc::kWire, {}}, seal::Role::kPeer,
                                   {},        system_time().wall_now(),        {},
                                   plan.roots};
    auto machine = std::make_unique<seal::Initiator>(std::move(options), seal::system_random());
    return transport::run_handshake(kj::mv(stream), std::move(machine), plan.told)
        .then(
            [](Result<transport::Handshaken>&& done) -> Result<Stream> {
                if (!done && done.error().param == transport::kClosedParam) return turned_off();
                if (!done) return fail(std::move(done).error());
                return Result<Stream>(kj::heap<transport::SealedStream>(
                    std::move(*done), wire::kPeerWordsMax, system_time()));
            },
            [](kj::Exception&& e) -> Result<Stream> {
                if (e.getType() == kj::Exception::Type::DISCONNECTED) return turned_off();
                return fail(ErrorCode::kUnavailable,
                            "the handshake broke off: " + transport::plain_text(e));
            });
}

Result<Stream> reach(const OperatorTarget& target, const Plan& plan, kj::AsyncIoContext& io,
                     std::chrono::milliseconds timeout) {
    auto late = io.provider->getTimer()
                    .afterDelay(timeout.count() * kj::MILLISECONDS)
                    .then([where = target.address]() -> Result<Stream> {
                        return fail(ErrorCode::kDeadlineExceeded,
                                    where + " did not answer within the time allowed", where);
                    });
    auto connecting =
        io.provider->getNetwork()
            .parseAddress(plan.address.c_str())
            .then([](kj::Own<kj::NetworkAddress>&& found) {
                auto connected = found->connect();
                return connected.attach(kj::mv(found));
            })
            .then([&plan](Stream&& stream) { return seal_stream(kj::mv(stream), plan); });
    auto reached = connecting.catch_([&target](kj::Exception&& e) -> Result<Stream> {
        return fail(ErrorCode::kUnavailable, "cannot reach " + target.address + ": " + reason(e),
                    target.address);
    });
    return reached.exclusiveJoin(kj::mv(late)).wait(io.waitScope);
}

bool follow(Plan& plan) {
    const auto told = state::unpack_successions(std::exchange(*plan.told, {}));
    if (!plan.roots || !told) return false;
    const seal::Trust before = plan.roots->newest();
    (void)state::follow(*plan.roots, *told);
    return plan.roots->newest() != before;
}

Result<BudgetStanding> only_one(const BudgetId& budget, BudgetPage page) {
    if (page.budgets.size() == 1) return std::move(page.budgets.front());
    if (!page.silent.empty()) {
        return fail(ErrorCode::kUnavailable,
                    "the node that owns budget " + budget.str() + ", " + page.silent.front().str() +
                        ", does not answer; try again",
                    budget.str());
    }
    if (page.unowned > 0) {
        return fail(ErrorCode::kUnavailable,
                    "nobody in reach owns the part of all budgets that '" + budget.str() +
                        "' belongs to, so none can tell of it: `vidaictl mesh doctor` says why",
                    budget.str());
    }
    return fail(ErrorCode::kNotFound,
                "no budget is named '" + budget.str() + "'; `vidaictl budget list` shows all",
                budget.str());
}

}  // namespace

OperatorClient::OperatorClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OperatorClient::~OperatorClient() = default;
OperatorClient::OperatorClient(OperatorClient&&) noexcept = default;
OperatorClient& OperatorClient::operator=(OperatorClient&&) noexcept = default;

Result<OperatorClient> OperatorClient::connect(const OperatorTarget& target,
                                               std::chrono::milliseconds timeout) {
    auto plan = plan_for(target);
    if (!plan) return fail(std::move(plan).error());
    auto io = thread_loop();
    auto stream = reach(target, *plan, *io, timeout);
    // Once more for each new root that the mesh has to tell of.
    for (std::size_t i = 1; i < seal::kRootsMax && !stream && follow(*plan); ++i) {
        stream = reach(target, *plan, *io, timeout);
    }
    if (!stream) return fail(std::move(stream).error());
    return OperatorClient(std::make_unique<Impl>(std::move(io), kj::mv(*stream),
                                                 std::move(plan->address), std::move(plan->self),
                                                 std::move(plan->roots), timeout));
}

Result<std::vector<Member>> OperatorClient::members() {
    return impl_->call<std::vector<Member>>(impl_->remote.membersRequest());
}

Result<MeshStatus> OperatorClient::status() {
    return impl_->call<MeshStatus>(impl_->remote.statusRequest());
}

Result<NodeDetail> OperatorClient::node_show(const NodeId& node) {
    auto request = impl_->remote.nodeShowRequest();
    request.setNode(wire::to_text(node.str()));
    auto detail = impl_->call<NodeDetail>(kj::mv(request));
    if (!detail) return detail;
    const auto issuer = rpc::parse_public_key(detail->issuer_key);
    if (issuer) detail->issuer_fingerprint = seal::fingerprint(*issuer);
    return detail;
}

Result<std::vector<NodeDetail>> OperatorClient::nodes_show() {
    const auto known = members();
    if (!known) return fail(known.error());
    std::vector<NodeDetail> all;
    for (auto from = known->begin(); from != known->end();) {
        const auto to = from + std::min<std::ptrdiff_t>(kShownAtOnce, known->end() - from);
        kj::Vector<kj::Promise<Result<NodeDetail>>> asked;
        for (; from != to; ++from) {
            auto request = impl_->remote.nodeShowRequest();
            request.setNode(wire::to_text(from->id.str()));
            asked.add(impl_->ask<NodeDetail>(kj::mv(request)));
        }
        for (auto& detail : kj::joinPromises(asked.releaseAsArray()).wait(impl_->io->waitScope)) {
            // Gone from the roster since.
            if (!detail && detail.error().code == ErrorCode::kNotFound) continue;
            if (!detail) return fail(std::move(detail).error());
            all.push_back(std::move(*detail));
        }
    }
    return all;
}

Result<CreatedKey> OperatorClient::key_create(const KeyCreateRequest& wanted) {
    auto request = impl_->remote.keyCreateRequest();
    wire::write(wanted, request.initRequest());
    request.setDeadlineMs(impl_->deadline_ms());
    return impl_->call<CreatedKey>(kj::mv(request));
}

Result<std::vector<state::KeyRecord>> OperatorClient::key_list() {
    std::vector<state::KeyRecord> keys;
    for (bool more = true; more;) {
        auto request = impl_->remote.keyListRequest();
        if (!keys.empty()) request.setAfter(wire::to_text(keys.back().id.str()));
        auto page = impl_->call<wire::KeyPage>(kj::mv(request));
        if (!page) return fail(std::move(page).error());
        more = page->more && !page->keys.empty();
        std::move(page->keys.begin(), page->keys.end(), std::back_inserter(keys));
    }
    std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
        return std::tie(a.created, a.id) < std::tie(b.created, b.id);
    });
    return keys;
}

Result<KeyRevocation> OperatorClient::key_revoke(const KeyId& key) {
    auto request = impl_->remote.keyRevokeRequest();
    request.setKey(wire::to_text(key.str()));
    request.setDeadlineMs(impl_->deadline_ms());
    KeyRevocation done;
    auto asked = impl_->ask<state::KeyRecord>(
        kj::mv(request), [&done](const auto& reply) { done.time = reply.getTime(); });
    auto revoked = asked.wait(impl_->io->waitScope);
    if (!revoked) return fail(std::move(revoked).error());
    done.key = std::move(*revoked);
    return done;
}

Result<LimitReport> OperatorClient::limit_show(const KeyId& key) {
    auto request = impl_->remote.limitShowRequest();
    request.setKey(wire::to_text(key.str()));
    return impl_->call<LimitReport>(kj::mv(request));
}

Result<LimitChange> OperatorClient::limit_change(LimitOp op, const state::LimitRecord& limit) {
    auto request = impl_->remote.limitChangeRequest();
    request.setOp(static_cast<std::uint8_t>(op));
    wire::write(limit, request.initLimit());
    request.setDeadlineMs(impl_->deadline_ms());
    return impl_->call<LimitChange>(kj::mv(request));
}

Result<std::vector<state::LimitRecord>> OperatorClient::limit_list() {
    std::vector<state::LimitRecord> limits;
    for (bool more = true; more;) {
        auto request = impl_->remote.limitListRequest();
        if (!limits.empty()) request.setAfter(wire::to_text(limits.back().id));
        auto page = impl_->call<wire::LimitPage>(kj::mv(request));
        if (!page) return fail(std::move(page).error());
        more = page->more && !page->limits.empty();
        std::move(page->limits.begin(), page->limits.end(), std::back_inserter(limits));
    }
    std::sort(limits.begin(), limits.end(), [](const auto& a, const auto& b) {
        return std::tie(a.name, a.id) < std::tie(b.name, b.id);
    });
    return limits;
}

Result<LimitStanding> OperatorClient::limit_standing(const std::string& name) {
    auto request = impl_->remote.limitStandingRequest();
    request.setName(wire::to_text(name));
    return impl_->call<LimitStanding>(kj::mv(request));
}

Result<BudgetStanding> OperatorClient::budget_change(const BudgetChange& change) {
    auto request = impl_->remote.budgetChangeRequest();
    request.setOp(static_cast<std::uint8_t>(change.op));
    request.setBudget(wire::to_text(change.budget.str()));
    request.setLimitMicroUsd(change.limit.value_or(MicroUsd{}).value);
    request.setKeepsLimit(!change.limit);
    request.setWindow(wire::to_text(change.window));
    request.setZone(wire::to_text(change.zone));
    request.setEnforce(!change.enforce ? 0 : *change.enforce ? 2 : 1);
    request.setSetsAlerts(change.alerts.has_value());
    if (change.alerts) request.setAlerts(wire::to_data(*change.alerts));
    const bool tops_up = change.op == BudgetOp::kTopUp || change.op == BudgetOp::kEndTopUp;
    if (tops_up) wire::write(change.top_up, request.initTopUp());
    request.setDeadlineMs(impl_->deadline_ms());
    auto page = impl_->call<BudgetPage>(kj::mv(request));
    if (!page) return fail(std::move(page).error());
    if (change.op != BudgetOp::kDelete) return only_one(change.budget, std::move(*page));
    BudgetStanding gone;
    gone.budget = change.budget;
    return gone;
}

Result<BudgetStanding> OperatorClient::budget_show(const BudgetId& budget) {
    auto request = impl_->remote.budgetListRequest();
    request.setBudget(wire::to_text(budget.str()));
    request.setDeadlineMs(impl_->deadline_ms());
    auto page = impl_->call<BudgetPage>(kj::mv(request));
    if (!page) return fail(std::move(page).error());
    return only_one(budget, std::move(*page));
}

Result<MoneyBooks> OperatorClient::money_books(const BudgetId& budget) {
    MoneyBooks all;
    for (bool more = true; more;) {
        auto request = impl_->remote.moneyBooksRequest();
        request.setBudget(wire::to_text(budget.str()));
        if (!all.budgets.empty()) request.setAfter(wire::to_text(all.budgets.back().str()));
        auto page = impl_->call<MoneyBooks>(kj::mv(request));
        if (!page) return fail(std::move(page).error());
        more = page->more && !page->budgets.empty();
        if (all.budgets.empty()) {
            all = std::move(*page);
            continue;
        }
        // Of the node it says the newest, of budgets one part after the other.
        const auto append = [](auto& to, auto& from) {
            std::move(from.begin(), from.end(), std::back_inserter(to));
        };
        append(all.budgets, page->budgets);
        append(all.owned, page->owned);
        append(all.held, page->held);
        append(all.kept, page->kept);
        all.owns = std::move(page->owns);
        all.own = std::move(page->own);
        all.kept_logs = std::move(page->kept_logs);
    }
    return all;
}

Result<BudgetPage> OperatorClient::budget_list() {
    BudgetPage all;
    for (bool more = true; more;) {
        auto request = impl_->remote.budgetListRequest();
        if (!all.budgets.empty()) {
            request.setAfter(wire::to_text(all.budgets.back().budget.str()));
        }
        request.setDeadlineMs(impl_->deadline_ms());
        auto page = impl_->call<BudgetPage>(kj::mv(request));
        if (!page) return fail(std::move(page).error());
        more = page->more && !page->budgets.empty();
        std::move(page->budgets.begin(), page->budgets.end(), std::back_inserter(all.budgets));
        all.silent = std::move(page->silent);
        all.unowned = page->unowned;
    }
    std::ranges::sort(all.budgets, {}, &BudgetStanding::budget);
    return all;
}

Result<UsageSheet> OperatorClient::usage(const usage::Query& query) {
    auto request = impl_->remote.usageRequest();
    request.setBy(wire::to_text(usage::to_text(query.by)));
    request.setSinceMs(query.since.time_since_epoch().count());
    request.setUntilMs(query.until.time_since_epoch().count());
    wire::write(query.parts, request.initParts(static_cast<unsigned>(query.parts.size())));
    return impl_->call<UsageSheet>(kj::mv(request));
}

Result<UsagePage> OperatorClient::usage_events(const usage::Search& search) {
    auto request = impl_->remote.usageEventsRequest();
    request.setFrom(search.from);
    request.setSinceMs(search.since.time_since_epoch().count());
    request.setUntilMs(search.until.time_since_epoch().count());
    request.setRequest(wire::to_text(search.request));
    request.setOrigin(wire::to_text(search.origin));
    request.setThrough(search.through == UINT64_MAX ? 0 : search.through);
    return impl_->call<UsagePage>(kj::mv(request));
}

Result<UsageHoldings> OperatorClient::usage_holdings() {
    return impl_->call<UsageHoldings>(impl_->remote.usageHoldingsRequest());
}

Result<NodeReport> OperatorClient::report() {
    return impl_->call<NodeReport>(impl_->remote.reportRequest());
}

Result<CreatedToken> OperatorClient::token_create(const TokenRequest& wanted) {
    auto request = impl_->remote.createTokenRequest();
    wire::write(wanted, request.initRequest());
    return impl_->call<CreatedToken>(kj::mv(request));
}

Result<KeyRotation> OperatorClient::rotate_key(const NodeId& node) {
    auto request = impl_->remote.rotateKeyRequest();
    request.setNode(wire::to_text(node.str()));
    return impl_->call<KeyRotation>(kj::mv(request));
}

Result<Draining> OperatorClient::drain(const NodeId& node, std::chrono::milliseconds grace) {
    auto request = impl_->remote.drainRequest();
    request.setNode(wire::to_text(node.str()));
    request.setGraceMs(static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(grace.count(), 0, std::numeric_limits<std::uint32_t>::max())));
    return impl_->call<Draining>(kj::mv(request));
}

}  // namespace vidai::mesh
