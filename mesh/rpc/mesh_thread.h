// SPDX-License-Identifier: Apache-2.0
// MeshThread: what runs on the mesh thread, put together. Inputs (timers, links, peers, commands)
// go to the membership core, the exchange and the replica; the core's effects are performed here,
// and what changed is published. It decides nothing about the protocol.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <kj/async-io.h>

#include "mesh/admission/join_server.h"
#include "mesh/admission/registrar.h"
#include "mesh/membership/membership.h"
#include "mesh/mesh.h"
#include "mesh/rpc/crashes.h"
#include "mesh/rpc/desk.h"
#include "mesh/rpc/exchange.h"
#include "mesh/rpc/key_watch.h"
#include "mesh/rpc/links.h"
#include "mesh/rpc/mailbox_pump.h"
#include "mesh/rpc/off_loop.h"
#include "mesh/rpc/peer_quota.h"
#include "mesh/rpc/peer_server.h"
#include "mesh/rpc/refusals.h"
#include "mesh/rpc/replica.h"
#include "mesh/rpc/saver.h"
#include "mesh/rpc/shared.h"
#include "mesh/rpc/standing.h"
#include "mesh/rpc/startup.h"
#include "mesh/rpc/surroundings.h"
#include "mesh/rpc/treasury.h"
#include "mesh/rpc/usage_copies.h"
#include "mesh/seeds/seed_names.h"
#include "mesh/service.h"

namespace vidai::mesh::rpc {

inline constexpr const char* kSelfRevoked =
    "this node's key was revoked by an operator: the mesh does not speak with it any more. Stop "
    "it; "
    "to return, give it a new data directory";
inline constexpr const char* kIssuerRevoked =
    "the issuer's key that certified this node was revoked by an operator: the mesh does not speak "
    "with it any more. Where it has an issuer file, put the new one in its place: it is taken up "
    "within seconds. Else start it again, with the same data directory and a join token "
    "(`vidaictl mesh token create`)";
inline constexpr const char* kSelfForgotten =
    "an operator has removed this node from the mesh, which does not hear it any more: restart it "
    "to return";

struct Readiness {
    Service service = Service::kServing;
    std::string why{};  // it is not ready, for a person
};

// How this node shows itself under a certificate.
Links::Self link_self(const Startup& startup, const admission::Certified& certified,
                      const admission::Identities& identities);
Author author_of(const Startup& startup, const admission::Certified& certified);

class MeshThread final : private LinkEvents,
                         private PeerCalls,
                         private admission::JoinCalls,
                         private DeskEvents,
                         private kj::TaskSet::ErrorHandler {
  public:
    // All outlive it; `startup`'s issuer is taken.
    MeshThread(Startup& startup, Shared& shared, const NoticeSink& sink, Surroundings around);
    ~MeshThread() noexcept(false);

    // What whoever has proved to be `who` on a connection may call on it.
    ::capnp::Capability::Client serve(const seal::PeerIdentity& who,
                                      const admission::Binding& binding) {
        return bootstrap_for(who, binding);
    }
    kj::Promise<void> stopped() { return kj::mv(stop_.promise); }  // once
    // Commands come through Shared too, where there are descriptors.
    void on_command(Command command);

  private:
    MonoTime mono_now() const { return clock_.mono_now(); }
    WallTime wall_now() const { return clock_.wall_now(); }
    // Inputs.
    ::capnp::Capability::Client bootstrap_for(const seal::PeerIdentity& who,
                                              const admission::Binding& binding) override;
    void on_link_up(const NodeId& peer) override;
    void on_link_down(const NodeId& peer, membership::LinkEnd end) override;
    void on_dial_failed(const membership::Dial& dial, membership::DialFailure failure,
                        const Error& why) override;
    void on_refused(const std::string& address, const Error& why) override;
    void on_told_of_roots(const std::string& address, const seal::Bytes& told) override;
    std::optional<::capnp::Capability::Client> returning(const seal::PeerIdentity& who) override;
    void on_message(const NodeId& from, const membership::Message& message) override;
    void on_counters(const NodeId& from, const wire::CounterPush& push) override;
    void on_relayed(const NodeId& from, const wire::SignedBatches& batches) override {
        exchange_.on_relayed(from, batches);
    }
    void on_registers(const NodeId& from, wire::RegisterPage page) override;
    state::Page page_for(const NodeId& from, const wire::RegisterPull& pull) override;
    limits::CellPage cells_for(const NodeId& from, const limits::CellPull& pull) override;
    std::uint64_t digest_now() override;
    bool admits(const NodeId& from, transport::TrafficKind kind, std::uint64_t bytes) override;
    void on_turned_away(const NodeId& by, const std::string& reason) override;
    state::Page evidence_against(const seal::PeerIdentity& who) override;
    membership::Message word_of(const NodeId& peer) override;
    void on_malformed(const NodeId& from, const Error& why) override;
    seal::Bytes renew_for(const seal::PeerIdentity& peer) override;
    seal::Bytes rotate_for(const seal::PeerIdentity& peer, const seal::PublicKey& next,
                           const seal::Signature& proof) override;
    Result<seal::Bytes> certify_joiner(const seal::PeerIdentity& token,
                                       const admission::Binding& binding,
                                       const admission::JoinRequest& request) override;
    Result<CreatedToken> make_token(TokenRequest request) override;
    bool holds(const state::RegisterName& name, state::Hlc time) override;
    void on_limit_changed(const state::LimitRecord& limit) override;
    void on_card_applied(const CardChange& change) override;
    Result<wire::OwnCardPart> own_card_now(std::size_t skip) override;
    void on_cards(const std::vector<state::CardRecord>& cards, const std::string& note);
    void publish_card();
    void on_key_changed(const KeyChange& change) override;
    void on_forks(const std::string& told_by, const std::vector<Error>& forks) override;
    void on_stated(const MergeReport& report, const state::Register& said) override;
    kj::Promise<std::vector<NodeId>> holders(const state::RegisterName& name,
                                             state::Hlc time) override;
    kj::Promise<Result<BudgetPage>> change_budget(BudgetChange change,
                                                  std::chrono::milliseconds within) override;
    kj::Promise<Result<BudgetPage>> look_at_budgets(BudgetId budget, BudgetId after,
                                                    std::chrono::milliseconds within) override;
    Result<MoneyBooks> money_books_now(const BudgetId& budget, const BudgetId& after) override;
    void on_money(const NodeId& from, std::span<const seal::ByteView> said) override;
    Result<void> heard_by_others() override;
    CountingFacts counting() override;
    std::shared_ptr<const MeshView> view_now() override;
    kj::Promise<Result<UsageSheet>> sum_usage(usage::Query query) override;
    kj::Promise<Result<UsagePage>> find_usage(usage::Search search) override;
    kj::Promise<Result<UsageHoldings>> usage_holdings() override;
    kj::Promise<Result<UsageCorrection>> heal_usage(WallTime since, WallTime until,
                                                    bool dry_run) override;
    kj::Promise<Result<UsageCorrection>> bill_usage(std::string origin,
                                                    std::vector<usage::Bill> bills) override;
    void on_keep_usage(const NodeId& from, const wire::KeepUsage& asked) override;
    void on_usage_kept(const NodeId& from, wire::UsageKept said) override;
    UsageCopies::Around around_copies();
    void usage_tick();
    NodeReport report_now() override;
    bool drain(std::chrono::milliseconds grace) override;
    kj::Promise<Result<KeyRotation>> rotate_key() override;
    void taskFailed(kj::Exception&& e) override;
    void refused(Notice::Kind kind, const std::string& subject, const Error& why);

    // Money (mesh_money.cc).
    Treasury::Around around_treasury();
    void money_tick();
    void name_budgets();
    budget::PeerClocks peer_clocks();
    void begin_money(bool agreed);
    Result<std::vector<NodeId>> who_must_agree() const;
    kj::Promise<Result<void>> found_money(MonoTime until);
    kj::Promise<Result<void>> agree(state::RegisterName name, std::vector<NodeId> all,
                                    MonoTime until);
    void found_again();
    void tell_of_refusals();

    // Membership.
    template <class Input>
    void turn(Input input);  // an input to the core, then its effects
    void perform(const membership::Effects& effects);
    void on_event(const membership::Event& event);
    void watch_key(const membership::Event& event);

    // Regular work.
    void every(std::chrono::milliseconds interval, void (MeshThread::*work)());
    kj::Promise<void> again(std::chrono::milliseconds interval, void (MeshThread::*work)());
    void beat();
    void push_tick();
    void digest_tick();
    static std::uint32_t confirmed(const MeshView& view);  // members, but for those that left
    void count_who_lives();
    void second_tick();
    void links_tick();
    void renew_if_due(WallTime now);
    void reload_issuer(WallTime now);
    bool behind_the_root() const;  // our certificate is under a root that another one follows
    void join();
    kj::Promise<void> ask_for_certificate(std::vector<NodeId> peers);
    void take_certificate(admission::Certified renewed);
    Result<void> may_rotate();
    kj::Promise<Result<admission::Certified>> next_certificate(
        std::shared_ptr<const seal::NodeIdentity> next);
    kj::Promise<Result<void>> keep_identity(const seal::NodeIdentity& next,
                                            const admission::Certified& made);
    KeyRotation take_key(const seal::NodeIdentity& next, const admission::Certified& made);
    std::optional<admission::KnownNode> known_node(const NodeId& node) const;
    void leave();
    void be_superseded();
    void outgrow(Generation known);
    void publish_readiness();
    void look_around();
    Readiness readiness() const;
    bool informed() const;
    const char* why_revoked() const;

    void on_merged(const NodeId& from, const MergeReport& report);
    // Operators' statements that came into force; `news`: now, not in an earlier life.
    void react(const std::vector<admission::IdentityChange>& changes, bool news = true);
    void on_revoked(const state::Revocation& said, bool news);
    void on_forgotten(const state::Forget& said, bool news);
    void on_followed(const seal::Succession& said, bool news);
    void forget(const NodeId& node, const membership::Version& up_to);
    bool is_forgotten() const;  // this node
    void resign_if_due(WallTime now);
    seal::Bytes encode_state() const;
    void publish_view();
    void publish_metrics();
    void notice(Notice::Kind kind, std::string subject, std::string what, std::string message = {});

    Startup& startup_;
    const Clock& clock_;
    Shared& shared_;
    const NoticeSink& sink_;
    kj::Timer& timer_;
    seal::RandomSource& random_;
    kj::LowLevelAsyncIoProvider* const descriptors_;  // none in the simulator
    admission::Certified certified_;
    kj::PromiseFulfillerPair<void> stop_;
    bool superseded_ = false, left_ = false;
    std::optional<SetBack> set_back_;  // what was found out of this node's disk
    Standing standing_;
    std::optional<MonoTime> patient_until_;  // for peers to say what they know; from join() on
    kj::Own<kj::ConnectionReceiver> peers_;  // until join()
    Crashes crashes_;
    KeyWatch key_watch_;
    bool self_revoked_ = false;
    membership::Version forgotten_up_to_;  // of this node's lives
    bool rotating_ = false;                // this node's key is being replaced
    std::optional<MonoTime> resign_at_;
    std::string issuer_seen_;  // when the issuer file was last changed, as far as we know
    WallTime issuer_look_at_;
    std::uint64_t malformed_ = 0, saves_ = 0, saves_failed_ = 0;
    std::string unsaved_;  // why the last save failed; empty: it did not
    Refusals refusals_;
    PeerQuota quota_;

    Replica replica_;
    membership::Membership membership_;
    Saver saver_;
    admission::Registrar registrar_;
    std::unique_ptr<Saver> certificate_saver_;  // of a node that others certify
    std::unique_ptr<Saver> identity_saver_;     // of a node that has got a new key
    Desk desk_;
    seeds::ResolverThread resolver_;
    Links links_;
    Exchange exchange_;
    Treasury treasury_;
    UsageCopies copies_;
    OffLoop reports_;
    bool agreeing_ = false;
    std::optional<MailboxPump<Command>> commands_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::mesh::rpc
