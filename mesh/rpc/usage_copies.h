// SPDX-License-Identifier: Apache-2.0
// UsageCopies: this node's events to its keeper, and others' events to this node's disk: what
// Settling says is sent as far as the connection's bulk window and a rate have room, and what comes
// is written by a thread of its own, with one sync for all that waits, and only then answered. It
// decides nothing about whom and what. Mesh thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kj/async-io.h>

#include "mesh/clock.h"
#include "mesh/mesh.h"
#include "mesh/node_report.h"
#include "mesh/rpc/off_loop.h"
#include "mesh/rpc/session.h"
#include "mesh/rpc/startup.h"
#include "mesh/usage/copies.h"
#include "mesh/usage/recorder.h"
#include "mesh/usage/settling.h"
#include "mesh/wire/usage.h"
#include "schema/base/token_bucket.h"

namespace vidai::mesh::rpc {

class UsageCopies final : private kj::TaskSet::ErrorHandler {
  public:
    struct Around {
        std::function<std::vector<NodeId>()> keepers;     // connected, alive, and know how
        std::function<Session*(const NodeId&)> session;   // nullptr: not connected
        std::function<void(const std::string&)> trouble;  // for people
        kj::LowLevelAsyncIoProvider* io;                  // null: as in Surroundings
    };
    using Holdings = std::map<seal::PublicKey, usage::Holding>;

    // `recorder` outlives it; without one, or without a ledger, nothing is copied in or out.
    UsageCopies(const Startup& startup, usage::Recorder* recorder, Around around);
    ~UsageCopies() noexcept(false);

    void tick();  // each 50 ms or so
    // kProtocol: the volume is not that peer's.
    Result<void> on_keep(const NodeId& from, const wire::KeepUsage& asked);
    void on_kept(const NodeId& from, wire::UsageKept said);

    // Others' events that are on this disk, once it is known what was there at the start.
    kj::Promise<const Holdings*> holdings();
    // Nothing where no usage is recorded.
    std::optional<RecordReport> report() const;

  private:
    static constexpr std::size_t kIncomingMax = 4U << 20;  // bytes that wait for the disk
    static constexpr std::size_t kReadMax = 512U << 10;    // of the tail, or of files, at a time
    static constexpr RateLimit kRate{4U << 20, 1U << 20};  // bytes to the keeper

    struct Incoming {
        seal::PublicKey origin;
        NodeId from;
        seal::Bytes batch;
    };
    // What the other thread has come to.
    struct Written {
        Holdings changed;
        std::uint64_t bytes = 0, failures = 0;
        std::string trouble;
    };
    struct Found {
        std::vector<usage::Record> records;
        std::vector<usage::Span> absent;
        bool failed = false;
    };

    MonoTime now() const { return startup_.options.clock->mono_now(); }
    bool idle() const { return recorder_ == nullptr || !startup_.ledger; }
    void load();
    void ask();
    void send();
    bool fill(const usage::Span& span);
    void read_files(const usage::Span& span);
    static Found find(const std::string& folder, const journal::Owner& own, const usage::Span& span,
                      const std::stop_token& stop);
    void write();
    static Written write_all(usage::Copies& copies, const std::vector<Incoming>& incoming,
                             WallTime now);
    void on_written(Written written);
    void tell(const NodeId& peer, const seal::PublicKey& origin);
    void publish();
    void taskFailed(kj::Exception&& e) override;

    const Startup& startup_;
    usage::Recorder* const recorder_;
    const Around around_;
    const std::string archive_;
    journal::Owner own_;
    seal::Signature proof_;

    // This node's own.
    std::optional<usage::Settling> settling_;
    std::optional<NodeId> keeper_;
    std::deque<usage::Record> ready_;  // small enough to travel, not sent
    bool reading_ = false;
    MonoTime read_again_{};
    TokenBucket rate_;

    // Others'.
    std::map<NodeId, seal::PublicKey> proved_;
    std::map<seal::PublicKey, NodeId> asked_;  // how much is there of it
    std::vector<Incoming> incoming_;
    std::size_t incoming_bytes_ = 0;
    bool writing_ = true;  // until it is loaded
    MonoTime tidied_{};
    Holdings holdings_;
    std::unique_ptr<usage::Copies> copies_;  // the other thread's
    kj::ForkedPromise<void> loaded_;
    kj::Own<kj::PromiseFulfiller<void>> load_done_;
    OffLoop disk_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::mesh::rpc
