// SPDX-License-Identifier: Apache-2.0
// Usage, as operators are told of it, to and from the wire.
#include <algorithm>
#include <string>
#include <utility>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {

namespace {

constexpr std::size_t kTextMax = 4'096;
constexpr unsigned kFilesMax = 100;  // of which is told what was wrong

std::string bounded(capnp::Text::Reader text) {
    return std::string(view_of(text).substr(0, kTextMax));
}

void write(const usage::Sums& sums, proto::UsageSums::Builder out) {
    out.setEvents(sums.events);
    out.setUnpriced(sums.unpriced);
    out.setInput(sums.tokens.input.value);
    out.setCachedInput(sums.tokens.cached_input.value);
    out.setCacheWrite(sums.tokens.cache_write.value);
    out.setOutput(sums.tokens.output.value);
    out.setReasoning(sums.tokens.reasoning.value);
    out.setAudioInput(sums.tokens.audio_input.value);
    out.setAudioOutput(sums.tokens.audio_output.value);
    out.setCost(sums.cost.value);
    out.setEstimated(sums.estimated.value);
    out.setCharged(sums.charged.value);
}

// What is negative never was a sum.
usage::Sums read(proto::UsageSums::Reader in) {
    const auto from_zero = [](std::int64_t value) { return std::max<std::int64_t>(0, value); };
    return {.events = in.getEvents(),
            .unpriced = in.getUnpriced(),
            .tokens = {.input = {from_zero(in.getInput())},
                       .cached_input = {from_zero(in.getCachedInput())},
                       .cache_write = {from_zero(in.getCacheWrite())},
                       .output = {from_zero(in.getOutput())},
                       .reasoning = {from_zero(in.getReasoning())},
                       .audio_input = {from_zero(in.getAudioInput())},
                       .audio_output = {from_zero(in.getAudioOutput())}},
            .cost = {from_zero(in.getCost())},
            .estimated = {from_zero(in.getEstimated())},
            .charged = {from_zero(in.getCharged())}};
}

}  // namespace

void write(const UsageSheet& usage, proto::UsageSheet::Builder out) {
    out.setNode(to_text(usage.node.str()));
    out.setOrigin(to_text(usage.origin));
    out.setThrough(usage.through);
    auto rows = out.initRows(static_cast<unsigned>(usage.sheet.rows.size()));
    unsigned at = 0;
    for (const auto& [group, sums] : usage.sheet.rows) {
        auto values = rows[at].initGroup(static_cast<unsigned>(group.size()));
        for (unsigned i = 0; i < values.size(); ++i) values.set(i, to_text(group[i]));
        write(sums, rows[at++].initSums());
    }
    write(usage.sheet.others, out.initOthers());
    const auto files = std::min(static_cast<unsigned>(usage.unreadable.size()), kFilesMax);
    auto unreadable = out.initUnreadable(files);
    for (unsigned i = 0; i < files; ++i) unreadable.set(i, to_text(usage.unreadable[i]));
    out.setLost(usage.lost);
}

// Its total is what its parts come to.
Result<UsageSheet> read(proto::UsageSheet::Reader in) {
    const auto malformed = fail(ErrorCode::kProtocol, "a sheet of usage is malformed", "usage");
    if (in.getRows().size() > usage::kGroupsMax) return malformed;
    if (in.getUnreadable().size() > kFilesMax) return malformed;
    UsageSheet usage;
    usage.node = NodeId(bounded(in.getNode()));
    usage.origin = bounded(in.getOrigin());
    usage.through = in.getThrough();
    for (const auto row : in.getRows()) {
        if (row.getGroup().size() > usage::kFields) return malformed;
        usage::Sheet::Group group;
        for (const auto value : row.getGroup()) group.push_back(bounded(value));
        usage.sheet.add(std::move(group), read(row.getSums()));
    }
    usage.sheet.others = read(in.getOthers());
    usage.sheet.total.add(usage.sheet.others);
    for (const auto what : in.getUnreadable()) usage.unreadable.push_back(bounded(what));
    usage.lost = in.getLost();
    return usage;
}

}  // namespace vidai::mesh::wire
