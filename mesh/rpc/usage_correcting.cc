// SPDX-License-Identifier: Apache-2.0
// Corrections of what calls cost, on the node that made them.
#include <string>
#include <utility>
#include <vector>

#include "mesh/rpc/usage.h"
#include "mesh/seal/keys.h"
#include "mesh/usage/archive.h"
#include "mesh/usage/reading.h"

namespace vidai::mesh::rpc {

Result<UsageCorrection> correct_usage(const Startup& startup, usage::Recorder& recorder,
                                      const CorrectionOrder& order, const usage::Judge& judge,
                                      const std::stop_token& stop) {
    if (!startup.ledger) return std::unexpected(startup.ledger.error());
    const seal::PublicKey own = startup.ledger->key->public_key();
    UsageCorrection done;
    done.node = startup.node;
    done.origin = seal::to_hex(own.bytes);
    if (!order.origin.empty() && order.origin != done.origin) {
        return fail(ErrorCode::kConflict,
                    "these calls were recorded on another volume than this node has; only a call's "
                    "own node can correct it",
                    "origin");
    }
    recorder.flush();
    const std::string folder = usage::origin_folder(usage_archive(startup), own);
    const usage::Span all{1, recorder.counts().synced};
    usage::Correcting correcting(judge, order.since, order.until);
    const auto read = [&](const auto& take) {
        return usage::read_folder(folder, {startup.trust.mesh, own}, all, take, stop);
    };
    (void)read([&](const usage::Event& event) { correcting.look(event); });
    const auto unread = read([&](const usage::Event& event) { correcting.correct(event); });
    for (const usage::Unread& one : unread) done.unreadable.push_back(one.why.message);
    if (stop.stop_requested()) return fail(ErrorCode::kUnavailable, "this node stops");
    done.sums = correcting.sums();
    std::vector<usage::Event> made = correcting.take();
    if (order.dry_run || made.empty()) return done;
    if (const std::uint64_t lost = recorder.adjust(std::move(made)); lost > 0) {
        return fail(ErrorCode::kIo, "this node's disk did not take " + std::to_string(lost) +
                                        " corrections; see usage.failed in its log, and try again");
    }
    return done;
}

}  // namespace vidai::mesh::rpc
