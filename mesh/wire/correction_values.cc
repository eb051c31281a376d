// SPDX-License-Identifier: Apache-2.0
// Corrections of usage, as operators ask for them and are told of them, to and from the wire.
#include <algorithm>
#include <string>
#include <utility>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {

namespace {

constexpr std::size_t kTextMax = 4'096;
constexpr unsigned kFilesMax = 100;

std::string bounded(capnp::Text::Reader text) {
    return std::string(view_of(text).substr(0, kTextMax));
}

}  // namespace

void write(const UsageCorrection& done, proto::UsageCorrection::Builder out) {
    const usage::Corrected& sums = done.sums;
    out.setNode(to_text(done.node.str()));
    out.setOrigin(to_text(done.origin));
    out.setLooked(sums.looked);
    out.setCorrected(sums.corrected);
    out.setUnpriced(sums.unpriced);
    out.setBilled(sums.billed);
    out.setBefore(sums.before.value);
    out.setAfter(sums.after.value);
    auto rows = out.initRows(static_cast<unsigned>(sums.rows.size()));
    unsigned at = 0;
    for (const auto& [key, row] : sums.rows) {
        rows[at].setProvider(to_text(key.first));
        rows[at].setTarget(to_text(key.second));
        rows[at].setCorrected(row.corrected);
        rows[at].setBefore(row.before.value);
        rows[at++].setAfter(row.after.value);
    }
    out.setMore(sums.more);
    auto files =
        out.initUnreadable(std::min(static_cast<unsigned>(done.unreadable.size()), kFilesMax));
    for (unsigned i = 0; i < files.size(); ++i) files.set(i, to_text(done.unreadable[i]));
}

Result<UsageCorrection> read(proto::UsageCorrection::Reader in) {
    const auto malformed = fail(ErrorCode::kProtocol, "a correction of usage is malformed");
    if (in.getRows().size() > usage::kCorrectedRowsMax + 1) return malformed;
    if (in.getUnreadable().size() > kFilesMax) return malformed;
    UsageCorrection done;
    done.node = NodeId(bounded(in.getNode()));
    done.origin = bounded(in.getOrigin());
    usage::Corrected& sums = done.sums;
    sums.looked = in.getLooked();
    sums.corrected = in.getCorrected();
    sums.unpriced = in.getUnpriced();
    sums.billed = in.getBilled();
    sums.before = {in.getBefore()};
    sums.after = {in.getAfter()};
    for (const auto row : in.getRows()) {
        sums.rows[{bounded(row.getProvider()), bounded(row.getTarget())}] = {
            row.getCorrected(), {row.getBefore()}, {row.getAfter()}};
    }
    sums.more = in.getMore();
    for (const auto what : in.getUnreadable()) done.unreadable.push_back(bounded(what));
    return done;
}

void write(const std::vector<usage::Bill>& bills, capnp::List<proto::UsageBill>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) {
        out[i].setNumber(bills[i].number);
        out[i].setCost(bills[i].cost.value);
    }
}

Result<std::vector<usage::Bill>> read(capnp::List<proto::UsageBill>::Reader in) {
    if (in.size() > usage::kBillsMax) {
        return fail(ErrorCode::kInvalidRequest, "too many bills at a time", "bills");
    }
    std::vector<usage::Bill> bills;
    for (const auto bill : in) {
        if (bill.getCost() < 0 || bill.getCost() > usage::kBillMax.value) {
            return fail(ErrorCode::kInvalidRequest, "a bill is of no amount that there can be",
                        "cost");
        }
        bills.push_back({bill.getNumber(), {bill.getCost()}});
    }
    return bills;
}

}  // namespace vidai::mesh::wire
