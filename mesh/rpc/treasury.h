// SPDX-License-Identifier: Apache-2.0
// Treasury: this node's part in the mesh's money, put together: the volume's key and journal, the
// Bank over them, the nodes that it talks to, and what workers are shown. It decides nothing about
// money. Before the mesh has any it stands still: nothing is written, and every budget is unknown.
// Mesh thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <kj/async-io.h>
#include <kj/timer.h>

#include "mesh/budget/bank.h"
#include "mesh/budget/message_bytes.h"
#include "mesh/clock.h"
#include "mesh/mesh.h"
#include "mesh/money_books.h"
#include "mesh/node_report.h"
#include "mesh/rpc/shared.h"
#include "mesh/rpc/vault.h"
#include "mesh/seal/ledger_key.h"

namespace vidai::mesh::rpc {

class Treasury final : private kj::TaskSet::ErrorHandler {
  public:
    // What it needs of the node that it is a part of.
    struct Around {
        MeshId mesh;
        NodeId node;
        kj::Timer& timer;
        const Clock& clock;
        seal::RandomSource& random;
        kj::LowLevelAsyncIoProvider* io;  // null: as in Surroundings
        // To a node that is connected and keeps logs; else nothing happens.
        std::function<void(const NodeId&, std::span<const seal::Bytes>)> tell;  // at least one
        std::function<std::vector<NodeId>()> connected;                         // that keep logs
        std::function<bool(const NodeId&)> is_gone;  // dead, left or unknown
        std::function<void(Notice)> notice;
        std::function<budget::PeerClocks()> peer_clocks;
        std::uint64_t log_bytes;  // MeshOptions::budget_log_bytes
    };
    // A budget as its owner knows it, and where that is.
    struct Seen {
        NodeId owner;
        budget::Sight sight;
    };
    struct Page {
        std::vector<Seen> seen;  // in the order of the logs: by bucket and name
        bool more = false;
        std::vector<NodeId> silent;  // did not answer: what they own is not here
        std::uint32_t unowned = 0;   // buckets of those asked for that nobody in reach owns
    };

    // `volume`: nothing, and why, where it cannot be used; then all money is frozen here.
    Treasury(Result<seal::LedgerVolume> volume, Shared& shared, Around around);
    ~Treasury() noexcept(false);

    // This volume's; nothing where it cannot be used.
    std::optional<seal::PublicKey> ledger() const;
    // The mesh's money begins, or began, at that volume. `agreed`: where it is this one, that every
    // member has it in force; else it waits to be told again.
    void begin(const seal::PublicKey& genesis, bool agreed);
    bool begun() const { return begun_; }
    // Whether the money of the mesh is known to have begun: somebody owns budgets' buckets.
    bool somebody_owns() const { return begun_ && bank_->owner_of({0}) != nullptr; }
    bool founding() const { return bank_ && !begun_; }
    // Why nothing of this volume's money is spent; empty: it is.
    std::string frozen() const;
    // For the doctor and the metrics.
    MoneyReport report() const;
    // Thresholds of budgets that this process has told of.
    std::uint64_t alerts() const { return alerts_; }

    void on_link_up(const NodeId& peer);
    void on_link_down(const NodeId& peer);
    // One behind the other. kProtocol where one is malformed, and those behind it are not looked
    // at.
    Result<void> on_told(const NodeId& from, std::span<const seal::ByteView> said);
    void tick();  // each 50 ms or so
    // The budgets that keys stand under: workers are shown those.
    void name(std::set<BudgetId> budgets);

    // Ends with what came of it: an answer of its owner, or kUnavailable when `within` is over.
    kj::Promise<Result<void>> edit(budget::Edit wanted, std::chrono::milliseconds within);
    // One budget, or all behind `after`. kUnavailable where money is frozen here.
    kj::Promise<Result<Page>> look(BudgetId budget, BudgetId after,
                                   std::chrono::milliseconds within);

    // This node's own, for audits.
    MoneyBooks books(const BudgetId& budget, const BudgetId& after) const;

    // The node drains: leases go back. Ends when they are, or after `within`.
    kj::Promise<void> close(std::chrono::milliseconds within);

    const budget::Bank* bank() const { return begun_ ? &*bank_ : nullptr; }
    const Vault* vault() const { return vault_.get(); }
    NodeId node_of(const budget::LedgerKey& ledger) const;  // empty: not met

  private:
    struct Editing {
        kj::Own<kj::PromiseFulfiller<Result<void>>> answer;
        budget::Edit wanted;
        MonoTime until;
        std::optional<MonoTime> again;  // nobody could write it; then it is tried again
    };
    struct Looking {
        kj::Own<kj::PromiseFulfiller<Result<Page>>> answer;
        budget::Look wanted;
        std::map<budget::LedgerKey, std::optional<budget::Seen>> asked{};
        MonoTime until;
        MonoTime again{};  // of one budget, while it changes hands
    };

    MonoTime now() const { return around_.clock.mono_now(); }
    bool open(const seal::PublicKey& genesis);
    void freeze(const Error& why);
    void tell_time();
    Result<void> hear(const NodeId& from, seal::ByteView said);
    void turn();
    void turn_now();
    void write();
    void on_written(const Result<void>& result);
    void rewrite_if_due();
    void on_rewritten(const Result<void>& result);
    void send();
    void greet(const NodeId& node);
    void meet(const NodeId& from, const budget::LedgerKey& ledger);
    void finish_edits();
    void finish_looks();
    void ask_owner(std::uint64_t id);
    Page page_of(Looking& looking) const;
    void tell_news();
    void tell_thresholds();
    void look_for_the_lost();
    bool is_mute(const budget::LedgerKey& ledger) const;
    void look_for_owners();
    bool without_owner(budget::Bucket bucket) const;
    std::uint32_t unowned() const;  // buckets, but those on their way to another log
    budget::BudgetEntry entry_of(const BudgetId& id) const;
    void show(const std::set<BudgetId>& budgets, const std::vector<BudgetId>& forgotten = {});
    kj::Promise<void> hear_asks();
    void take_asks();
    void taskFailed(kj::Exception&& e) override;

    Result<seal::LedgerVolume> volume_;
    Shared& shared_;
    Around around_;
    std::unique_ptr<Vault> vault_;
    std::optional<budget::Bank> bank_;
    bool begun_ = false;
    std::string frozen_;
    std::array<MonoTime, budget::kBuckets> owned_at_{};  // when each was seen to have an owner
    budget::ClockJudge judge_;
    MonoTime turned_, written_, looked_, greeted_, begun_at_, rewrite_after_;
    bool turn_due_ = false, write_due_ = false;
    seal::Signature proof_;
    std::map<NodeId, budget::LedgerKey> ledger_of_;
    std::map<budget::LedgerKey, NodeId> node_of_;
    std::map<budget::LedgerKey, MonoTime> mute_since_;  // whose node is connected, and not at work
    std::set<BudgetId> named_;
    std::uint64_t next_id_ = 0;
    std::map<std::uint64_t, Editing> editing_;
    std::map<std::uint64_t, Looking> looking_;
    std::uint64_t asks_count_ = 0;
    std::uint64_t alerts_ = 0;
    kj::Own<kj::AsyncInputStream> asks_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::mesh::rpc
