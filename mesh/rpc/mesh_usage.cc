// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that is about usage: what operators ask of it.
#include <algorithm>
#include <utility>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/rpc/usage.h"

namespace vidai::mesh::rpc {

namespace {

std::unexpected<Error> nothing_recorded() {
    return fail(ErrorCode::kUnavailable, "this node records no usage");
}

}  // namespace

kj::Promise<Result<UsageSheet>> MeshThread::sum_usage(usage::Query query) {
    if (shared_.usage == nullptr) return Result<UsageSheet>(nothing_recorded());
    return reports_.run<UsageSheet>([this, query = std::move(query)](const std::stop_token& stop) {
        return rpc::sum_usage(startup_, *shared_.usage, query, stop);
    });
}

kj::Promise<Result<UsagePage>> MeshThread::find_usage(usage::Search search) {
    if (shared_.usage == nullptr) return Result<UsagePage>(nothing_recorded());
    return reports_.run<UsagePage>([this, search = std::move(search)](const std::stop_token& stop) {
        return rpc::find_usage(startup_, *shared_.usage, search, stop);
    });
}

kj::Promise<Result<UsageCorrection>> MeshThread::heal_usage(WallTime since, WallTime until,
                                                            bool dry_run) {
    if (shared_.usage == nullptr) return Result<UsageCorrection>(nothing_recorded());
    const auto pricer = shared_.pricer.load();
    if (!*pricer) {
        return Result<UsageCorrection>(
            fail(ErrorCode::kUnavailable, "this node does not know its prices yet; try again"));
    }
    return reports_.run<UsageCorrection>(
        [this, since, until, dry_run, pricer](const std::stop_token& stop) {
            return correct_usage(startup_, *shared_.usage, {since, until, {}, dry_run}, (*pricer)(),
                                 stop);
        });
}

kj::Promise<Result<UsageCorrection>> MeshThread::bill_usage(std::string origin,
                                                            std::vector<usage::Bill> bills) {
    if (shared_.usage == nullptr) return Result<UsageCorrection>(nothing_recorded());
    return reports_.run<UsageCorrection>(
        [this, origin = std::move(origin), bills = std::move(bills)](const std::stop_token& stop) {
            return correct_usage(startup_, *shared_.usage,
                                 {WallTime::min(), WallTime::max(), origin, false},
                                 usage::by_bills(bills), stop);
        });
}

UsageCopies::Around MeshThread::around_copies() {
    return {[this]() {
                const auto view = shared_.view.load();
                std::vector<NodeId> keepers;
                for (const Member& member : view->members) {
                    const bool lives = member.status == MemberStatus::kAlive ||
                                       member.status == MemberStatus::kSuspect;
                    if (member.self || !lives || links_.find(member.id) == nullptr) continue;
                    // One that does not know what an event may say by now would refuse it.
                    if ((member.capabilities & bit_of(Capability::kUsageAdjustments)) == 0) {
                        continue;
                    }
                    keepers.push_back(member.id);
                }
                return keepers;
            },
            [this](const NodeId& peer) { return links_.find(peer); },
            [this](const std::string& what) {
                refused(Notice::Kind::kTrouble, startup_.node.str(),
                        {ErrorCode::kIo, what, "usage"});
            },
            descriptors_};
}

void MeshThread::on_keep_usage(const NodeId& from, const wire::KeepUsage& asked) {
    if (auto heard = copies_.on_keep(from, asked); !heard) on_malformed(from, heard.error());
}

void MeshThread::on_usage_kept(const NodeId& from, wire::UsageKept said) {
    copies_.on_kept(from, std::move(said));
}

void MeshThread::usage_tick() {
    copies_.tick();
}

kj::Promise<Result<UsageHoldings>> MeshThread::usage_holdings() {
    using Answer = Result<UsageHoldings>;
    if (shared_.usage == nullptr) return Answer(nothing_recorded());
    auto own = reports_.run<UsageHoldings>(
        [this](const std::stop_token&) { return own_usage(startup_, *shared_.usage); });
    return own.then([this](Answer&& told) -> kj::Promise<Answer> {
        if (!told) return kj::mv(told);
        auto others = copies_.holdings();
        return others.then([out = std::move(*told)](
                               const UsageCopies::Holdings* holdings) mutable -> Answer {
            for (const auto& [origin, holding] : *holdings) {
                if (holding.held.empty()) continue;
                out.holdings.push_back({seal::to_hex(origin.bytes), holding.node, holding.held});
            }
            std::ranges::sort(out.holdings, {}, &UsageHoldings::Holding::origin);
            return std::move(out);
        });
    });
}

}  // namespace vidai::mesh::rpc
