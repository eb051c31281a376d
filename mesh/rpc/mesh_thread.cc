// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/mesh_thread.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "mesh/rpc/member_word.h"
#include "mesh/rpc/money_metrics.h"
#include "mesh/rpc/node_report.h"
#include "mesh/rpc/operator_server.h"
#include "mesh/rpc/report.h"
#include "mesh/rpc/sync_metrics.h"
#include "mesh/seal/identity_store.h"
#include "mesh/wire/membership.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::rpc {

namespace {

namespace ms = vidai::mesh::membership;

constexpr std::chrono::milliseconds kHeartbeat{250};
constexpr std::chrono::seconds kHousekeeping{1};
constexpr std::chrono::milliseconds kMoneyTick{50};
constexpr std::chrono::milliseconds kUsageTick{50};
constexpr std::chrono::milliseconds kLinksTickMin{50}, kLinksTickMax{1'000};
constexpr std::chrono::milliseconds kLastWords{500};  // for the last counters of one who leaves

template <class... Case>
struct Cases : Case... {
    using Case::operator()...;
};

std::uint64_t random_seed(seal::RandomSource& random) {
    std::array<std::uint8_t, 8> bytes{};
    random.fill(bytes);
    return seal::Reader(bytes).u64();
}

// The others; what this node said of itself is for admit_self().
std::vector<ms::ClaimRef> roster_of(const Startup& startup) {
    std::vector<ms::ClaimRef> roster;
    for (const seal::Bytes& packed : startup.stored.roster) {
        auto claim = wire::unpack_claim(packed);
        if (claim && claim->id != startup.node)
            roster.push_back(std::make_shared<const ms::Claim>(std::move(*claim)));
    }
    return roster;
}

// Who knows of nobody waits for nobody.
Duration patience_of(const Startup& startup) {
    const bool alone = startup.options.seeds.empty() && roster_of(startup).empty();
    return alone ? Duration{} : Duration(startup.options.join_patience);
}

}  // namespace

MeshThread::MeshThread(Startup& startup, Shared& shared, const NoticeSink& sink,
                       Surroundings around)
    : startup_(startup),
      clock_(*startup.options.clock),
      shared_(shared),
      sink_(sink),
      timer_(around.timer),
      random_(around.random),
      descriptors_(around.descriptors),
      certified_(startup.certified),
      stop_(kj::newPromiseAndFulfiller<void>()),
      standing_(startup.node, clock_.mono_now()),
      replica_(startup.roots, author_of(startup, certified_),
               limits::cell_generation(startup.certified.serial, startup.identity.generation),
               shared.counters, shared.keys,
               [this](const NodeId& node) { return membership_.claim_of(node) != nullptr; }),
      membership_(identity_of(startup), startup.address, {kWire.min, kWire.max},
                  crypto_of(startup, certified_, replica_.identities().revoked()),
                  startup.options.membership, random_seed(random_), roster_of(startup)),
      saver_(
          startup.data_dir.file(kStateFile), around.descriptors,
          [this]() { return encode_state(); },
          [this](const Result<void>& result) {
              const std::string path = startup_.data_dir.file(kStateFile);
              ++(result ? saves_ : saves_failed_);
              unsaved_ = result ? std::string() : result.error().message;
              if (result) return notice(Notice::Kind::kStateSaved, path, "saved");
              notice(Notice::Kind::kStateFailed, path, "failed", result.error().message);
          }),
      registrar_(
          std::move(startup.issuer), [this](const NodeId& node) { return known_node(node); },
          [this]() { return informed(); }, random_),
      desk_(startup, membership_, replica_, saver_, timer_, *this),
      links_(around.network, timer_, clock_, random_, resolver_,
             link_self(startup, certified_, replica_.identities()), *this, random_seed(random_)),
      exchange_(
          links_, replica_, clock_,
          {[this](const NodeId& id) { return membership_.claim_of(id); },
           startup.options.membership.full_mesh_max, random_seed(random_)},
          [this](const NodeId& from, const MergeReport& report) { on_merged(from, report); },
          [this](const NodeId& from, const Error& why) { on_malformed(from, why); }),
      treasury_(startup.ledger, shared, around_treasury()),
      copies_(startup, shared.usage, around_copies()),
      reports_("reports", around.descriptors),
      tasks_(*this) {
    if (around.descriptors != nullptr) {
        commands_.emplace(shared.commands, *around.descriptors,
                          [this](Command command) { on_command(command); });
    }
    for (const ms::ClaimRef& claim : membership_.claims()) {
        (void)key_watch_.heard(claim->id, seal::PublicKey{claim->key});
    }
    react(replica_.load(std::exchange(startup.stored.registers, {}), wall_now(), mono_now()),
          false);
    if (!registrar_.can_certify()) {
        certificate_saver_ = std::make_unique<Saver>(
            seal::membership_path(startup.data_dir.path()), around.descriptors,
            [this]() {
                const std::string text = seal::encode_membership(
                    {certified_.credentials->trust, *certified_.chain, startup_.joined_at});
                return seal::Bytes(text.begin(), text.end());
            },
            [this](const Result<void>& result) {
                if (result) return;
                notice(Notice::Kind::kStateFailed, startup_.node.str(), "failed",
                       result.error().message);
            });
    }
    replica_.publish();
    publish_card();
    name_budgets();
    begin_money(false);
    saver_.mark_dirty();  // even with nothing to say: it shows that the disk takes it
    peers_ = kj::mv(around.peers);
    if (around.operators.get() != nullptr) {
        links_.serve_local(kj::mv(around.operators), [this]() -> ::capnp::Capability::Client {
            return kj::heap<OperatorServer>(desk_, true);
        });
    }
    every(kHeartbeat, &MeshThread::beat);
    every(startup.options.push_interval, &MeshThread::push_tick);
    every(startup.options.membership.sync_interval, &MeshThread::digest_tick);
    every(kHousekeeping, &MeshThread::second_tick);
    every(kMoneyTick, &MeshThread::money_tick);
    every(kUsageTick, &MeshThread::usage_tick);
    every(std::clamp(startup.options.reauthenticate / 32, kLinksTickMin, kLinksTickMax),
          &MeshThread::links_tick);
    publish_readiness();
    publish_view();
    publish_metrics();
}

void MeshThread::join() {
    if (patient_until_) return;
    patient_until_ = mono_now() + patience_of(startup_);
    if (peers_.get() != nullptr) links_.serve(kj::mv(peers_));
    turn([&](ms::Effects& out) { membership_.join(mono_now(), startup_.options.seeds, out); });
    publish_readiness();
    publish_view();
    notice(Notice::Kind::kStarted, startup_.node.str(), std::to_string(startup_.peers.port));
    shared_.joined.open();
}

MeshThread::~MeshThread() noexcept(false) = default;

void MeshThread::notice(Notice::Kind kind, std::string subject, std::string what,
                        std::string message) {
    sink_({kind, std::move(subject), std::move(what), std::move(message)});
}

void MeshThread::taskFailed(kj::Exception&& e) {
    refused(Notice::Kind::kTrouble, startup_.node.str(),
            {ErrorCode::kInternal,
             std::string("a task of the mesh thread failed: ") + e.getDescription().cStr(),
             "internal"});
}

// --- membership

template <class Input>
void MeshThread::turn(Input input) {
    ms::Effects effects;
    input(effects);
    perform(effects);
}

void MeshThread::perform(const ms::Effects& effects) {
    for (const ms::Effect& effect : effects) {
        std::visit(Cases{[&](const ms::Send& send) { links_.send(send.to, send.message); },
                         [&](const ms::Dial& dial) { links_.dial(dial); },
                         [&](const ms::Close& close) { links_.part(close.peer); },
                         [&](const ms::ArmTimer& arm) {
                             const Duration wait = std::max(Duration{}, arm.at - mono_now());
                             tasks_.add(timer_.afterDelay(wait.count() * kj::NANOSECONDS)
                                            .then([this, token = arm.token]() {
                                                turn([&](ms::Effects& out) {
                                                    membership_.on_timer(mono_now(), token, out);
                                                });
                                            }));
                         },
                         [&](const ms::Notify& notify) { on_event(notify.event); }},
                   effect);
    }
}

void MeshThread::on_event(const ms::Event& event) {
    notice(Notice::Kind::kMember, event.subject.str(), std::string(ms::event_name(event.kind)),
           event.by.empty() ? std::string() : "according to " + event.by.str());
    if (ms::changes_claims(event.kind)) saver_.mark_dirty();  // they are part of the state
    if (event.subject != startup_.node) {
        crashes_.on_event(mono_now(), event);
        watch_key(event);
    }
    if (event.kind == ms::EventKind::kForgotten) replica_.counters().forget(event.subject);
    if (event.kind == ms::EventKind::kSuperseded) be_superseded();
    if (event.kind == ms::EventKind::kSetBack) outgrow(event.version.generation);
    left_ |= event.kind == ms::EventKind::kSelfLeft;
    publish_readiness();
    publish_view();
}

// --- links

::capnp::Capability::Client MeshThread::bootstrap_for(const seal::PeerIdentity& who,
                                                      const admission::Binding& binding) {
    PeerCalls& calls = *this;
    admission::JoinCalls& joins = *this;
    if (who.roles.has(seal::Role::kPeer)) {
        return kj::heap<PeerServer>(who, calls, links_.traffic().of(who.node), clock_);
    }
    if (who.roles.has(seal::Role::kOperator)) {
        return kj::heap<OperatorServer>(desk_, true, who.node.str());
    }
    if (who.roles.has(seal::Role::kObserver)) {
        return kj::heap<OperatorServer>(desk_, VIDAI_MUTANT("observer-may-write"));
    }
    return kj::heap<admission::JoinServer>(who, binding, joins);
}

void MeshThread::on_link_up(const NodeId& peer) {
    standing_.connected(peer, mono_now());
    // First what we are: by that the peer knows what it can answer us with.
    turn([&](ms::Effects& out) { membership_.on_connected(mono_now(), peer, out); });
    exchange_.on_link_up(peer);
    treasury_.on_link_up(peer);
    publish_view();
}

void MeshThread::on_link_down(const NodeId& peer, ms::LinkEnd end) {
    standing_.disconnected(peer, end, mono_now());
    exchange_.on_link_down(peer);
    treasury_.on_link_down(peer);
    turn([&](ms::Effects& out) { membership_.on_disconnected(mono_now(), peer, end, out); });
    publish_view();
}

void MeshThread::on_refused(const std::string& address, const Error& why) {
    refused(Notice::Kind::kPeerRefused, address, why);
}

void MeshThread::refused(Notice::Kind kind, const std::string& subject, const Error& why) {
    const auto untold = refusals_.count(why.param, subject, mono_now());
    if (!untold) return;
    const std::string more =
        *untold == 0 ? std::string()
                     : "; " + std::to_string(*untold) + " more like it since the last such line";
    notice(kind, subject, why.param, why.message + more);
}

void MeshThread::tell_of_refusals() {
    for (const Refusals::Untold& left : refusals_.overdue(mono_now())) {
        notice(Notice::Kind::kPeerRefused, left.last, std::string(left.reason),
               std::to_string(left.count) +
                   " more since the last line of this reason; `peer` is the last of them");
    }
}

// --- what peers say

void MeshThread::on_message(const NodeId& from, const ms::Message& message) {
    turn([&](ms::Effects& out) { membership_.on_message(mono_now(), from, message, out); });
}

void MeshThread::on_counters(const NodeId& from, const wire::CounterPush& push) {
    exchange_.on_counters(from, push);
    if (push.complete) publish_readiness();
}

void MeshThread::on_registers(const NodeId& from, wire::RegisterPage page) {
    exchange_.on_registers(from, std::move(page.registers));
}

state::Page MeshThread::page_for(const NodeId& from, const wire::RegisterPull& pull) {
    return replica_.registers().page(pull.digest, pull.from, pull.bytes_max,
                                     newest_kind(membership_.claim_of(from)));
}

limits::CellPage MeshThread::cells_for(const NodeId& from, const limits::CellPull& pull) {
    return exchange_.cells_for(from, pull);
}

std::uint64_t MeshThread::digest_now() {
    return replica_.registers().digest().root();
}

void MeshThread::on_malformed(const NodeId& from, const Error& why) {
    ++malformed_;
    if (!quota_.worth_saying(from, mono_now())) return;
    notice(Notice::Kind::kTrouble, from.str(), "malformed", why.message);
}

void MeshThread::on_merged(const NodeId& from, const MergeReport& report) {
    on_forks(from.str(), report.forks);
    if (report.first_refusal) {
        notice(Notice::Kind::kTrouble, from.str(), "register_refused",
               report.first_refusal->message);
    }
    publish_readiness();
    react(report.identities);
    if (report.genesis) {
        begin_money(false);
        saver_.mark_dirty();
    }
    if (!report.cards.empty()) on_cards(report.cards, "told by " + from.str());
    if (report.changes.empty() && report.limits.empty()) return;
    for (const state::LimitRecord& limit : report.limits) {
        notice(Notice::Kind::kLimitChanged, limit.name, limit.deleted ? "deleted" : "set",
               "told by " + from.str());
    }
    for (const KeyChange& change : report.changes) {
        notice(Notice::Kind::kKeyChanged, change.key.str(), change.revoked ? "revoked" : "created",
               "told by " + from.str());
    }
    replica_.publish();
    name_budgets();
    saver_.mark_dirty();
    publish_view();
}

void MeshThread::on_key_changed(const KeyChange& change) {
    notice(Notice::Kind::kKeyChanged, change.key.str(), change.revoked ? "revoked" : "created");
    replica_.publish();
    name_budgets();
    if (const state::Register* changed = replica_.find(change.key)) {
        exchange_.push_register(*changed);
    }
    publish_view();
}

// --- regular work

void MeshThread::every(std::chrono::milliseconds interval, void (MeshThread::*work)()) {
    tasks_.add(again(interval, work));
}

kj::Promise<void> MeshThread::again(std::chrono::milliseconds interval,
                                    void (MeshThread::*work)()) {
    return timer_.afterDelay(interval.count() * kj::MILLISECONDS).then([this, interval, work]() {
        // What failed once may do the next time, and without it the node is none.
        auto failed = kj::runCatchingExceptions([&]() { (this->*work)(); });
        KJ_IF_MAYBE (e, failed) taskFailed(kj::mv(*e));
        return again(interval, work);
    });
}

CountingFacts MeshThread::counting() {
    const auto view = shared_.view.load();
    return {static_cast<std::uint32_t>(view->counting),
            exchange_.delay(startup_.options.push_interval), exchange_.skew(),
            crashes_.count(mono_now()), confirmed(*view)};
}

void MeshThread::beat() {
    shared_.heart.beat(mono_now());
}

void MeshThread::push_tick() {
    exchange_.push_counters(static_cast<std::uint32_t>(shared_.view.load()->counting));
}

void MeshThread::digest_tick() {
    exchange_.pull_from_one();
}

void MeshThread::second_tick() {
    const WallTime wall = wall_now();
    replica_.counters().tick(mono_now(), wall);
    saver_.save_if_dirty();
    if (certificate_saver_) certificate_saver_->save_if_dirty();
    reload_issuer(wall);
    renew_if_due(wall);
    resign_if_due(wall);
    replica_.collect(wall);
    publish_view();
    count_who_lives();
    look_around();
    found_again();
    publish_readiness();
    tell_of_refusals();
    publish_metrics();
}

void MeshThread::links_tick() {
    links_.tick(mono_now(), wall_now());
}

void MeshThread::on_command(Command command) {
    if (command == Command::kJoin) return join();
    if (command == Command::kLeave) return leave();
    stop_.fulfiller->fulfill();
}

void MeshThread::leave() {
    // The last counters first: a peer may drop us as soon as it has heard the farewell.
    exchange_.push_counters(1);
    auto limit = timer_.afterDelay(kLastWords.count() * kj::MILLISECONDS);
    auto returned = treasury_.close(kLastWords);
    auto flushed = exchange_.flush().exclusiveJoin(kj::mv(limit));
    auto told = flushed.then([returned = kj::mv(returned)]() mutable { return kj::mv(returned); })
                    .then([this]() {
                        turn([&](ms::Effects& out) { membership_.leave(mono_now(), out); });
                        const auto linger = startup_.options.membership.leave_linger;
                        return timer_.afterDelay((linger + std::chrono::milliseconds(50)).count() *
                                                 kj::MILLISECONDS);
                    });
    tasks_.add(told.then([this]() { return saver_.save(); }).then([this](Result<void>&&) {
        shared_.left.open();
    }));
}

// --- showing

seal::Bytes MeshThread::encode_state() const {
    std::vector<const state::Register*> registers;
    replica_.registers().for_each([&](const state::Register& held) { registers.push_back(&held); });
    std::vector<seal::Bytes> roster = {wire::pack_claim(*membership_.self())};
    for (const ms::ClaimRef& claim : membership_.claims()) {
        roster.push_back(wire::pack_claim(*claim));
    }
    return state::encode_state(startup_.trust.mesh, registers, roster);
}

void MeshThread::publish_view() {
    auto view = std::make_shared<MeshView>();
    view->mesh = startup_.trust.mesh;
    view->self = startup_.node;
    view->members = show_members(membership_, mono_now(), wall_now());
    view->counting = 0;
    for (const Member& member : view->members) {
        const bool counts = member.self || member.status == MemberStatus::kAlive ||
                            member.status == MemberStatus::kSuspect;
        view->counting += counts ? 1 : 0;
    }
    view->delay = std::chrono::ceil<std::chrono::milliseconds>(
        exchange_.delay(startup_.options.push_interval));
    view->registers = replica_.registers().size();
    view->digest = replica_.registers().digest().root();
    shared_.view.publish(std::move(view));
}

std::shared_ptr<const MeshView> MeshThread::view_now() {
    publish_view();
    return shared_.view.load();
}

NodeReport MeshThread::report_now() {
    return make_report({startup_, certified_, membership_, exchange_, *view_now(),
                        shared_.service.load(), *shared_.not_ready.load(), standing_.alone(),
                        unsaved_, set_back_, refusals_, registrar_.issuer(), treasury_.report(),
                        copies_.report(), mono_now(), wall_now()});
}

bool MeshThread::drain(std::chrono::milliseconds grace) {
    if (shared_.drain_grace_ms.load() >= 0) return false;
    shared_.drain_grace_ms.store(grace.count());
    publish_readiness();
    notice(Notice::Kind::kMember, startup_.node.str(), "draining", "an operator asked for it");
    return true;
}

void MeshThread::publish_metrics() {
    const auto view = shared_.view.load();
    std::vector<MetricFamily> families =
        mesh_metrics({*view, membership_.counters(), membership_.health(), links_.counters(),
                      exchange_.counters(), links_.size(), replica_.live_keys(), malformed_, saves_,
                      saves_failed_, refusals_, quota_.refused_bytes(), standing_});
    std::ranges::move(
        sync_metrics({membership_.counters(), exchange_.propagation(), exchange_.syncs(),
                      links_.traffic(), certificate_expiry(*certified_.chain), mono_now()}),
        std::back_inserter(families));
    std::ranges::move(money_metrics(treasury_.report(), treasury_.alerts(), treasury_.vault()),
                      std::back_inserter(families));
    shared_.metrics.publish(std::make_shared<const std::vector<MetricFamily>>(std::move(families)));
}

}  // namespace vidai::mesh::rpc
