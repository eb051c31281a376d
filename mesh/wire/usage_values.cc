// SPDX-License-Identifier: Apache-2.0
// Usage, as operators are told of it, to and from the wire.
#include <algorithm>
#include <string>
#include <utility>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {

namespace {

constexpr std::size_t kTextMax = 4'096;
constexpr unsigned kFilesMax = 100;      // of which is told what was wrong
constexpr unsigned kOriginsMax = 2'048;  // of which a node may have something
constexpr unsigned kRunsTold = 4'096;    // of each, the newest

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
    out.setAdjusted(sums.adjusted.value);
    out.setPricedSince(sums.priced_since);
}

void write(const usage::Event& event, proto::UsageEvent::Builder out) {
    out.setNumber(event.number);
    out.setTimeMs(event.time.time_since_epoch().count());
    out.setRequest(to_text(event.request));
    out.setKey(to_text(event.caller.key.str()));
    out.setUser(to_text(event.caller.user));
    out.setTeam(to_text(event.caller.team));
    out.setProject(to_text(event.caller.project));
    out.setModel(to_text(event.callee.model));
    out.setProvider(to_text(event.callee.provider));
    out.setTarget(to_text(event.callee.target));
    out.setEndpoint(to_text(event.callee.endpoint));
    out.setInput(event.tokens.input.value);
    out.setCachedInput(event.tokens.cached_input.value);
    out.setCacheWrite(event.tokens.cache_write.value);
    out.setOutput(event.tokens.output.value);
    out.setReasoning(event.tokens.reasoning.value);
    out.setAudioInput(event.tokens.audio_input.value);
    out.setAudioOutput(event.tokens.audio_output.value);
    out.setPriced(event.priced);
    out.setPriceFromMs(event.price_from.time_since_epoch().count());
    out.setCost(event.cost.value);
    out.setEstimated(event.estimated);
    out.setCharged(event.charged.value);
    out.setOutcome(static_cast<std::uint8_t>(event.outcome));
    out.setTier(static_cast<std::uint8_t>(event.tier));
    out.setCeiling(event.ceiling);
    out.setAdjusts(event.adjusts);
    out.setBilled(event.billed);
}

usage::Event read(proto::UsageEvent::Reader in) {
    const auto time = [](std::int64_t ms) { return WallTime(WallTime::duration(ms)); };
    return {.number = in.getNumber(),
            .time = time(in.getTimeMs()),
            .request = bounded(in.getRequest()),
            .caller = {.key = KeyId(bounded(in.getKey())),
                       .user = bounded(in.getUser()),
                       .team = bounded(in.getTeam()),
                       .project = bounded(in.getProject())},
            .callee = {.model = bounded(in.getModel()),
                       .provider = bounded(in.getProvider()),
                       .target = bounded(in.getTarget()),
                       .endpoint = bounded(in.getEndpoint())},
            .tokens = {.input = {in.getInput()},
                       .cached_input = {in.getCachedInput()},
                       .cache_write = {in.getCacheWrite()},
                       .output = {in.getOutput()},
                       .reasoning = {in.getReasoning()},
                       .audio_input = {in.getAudioInput()},
                       .audio_output = {in.getAudioOutput()}},
            .priced = in.getPriced(),
            .price_from = time(in.getPriceFromMs()),
            .cost = {in.getCost()},
            .estimated = in.getEstimated(),
            .charged = {in.getCharged()},
            .outcome = usage::Outcome{in.getOutcome()},
            .tier = pricing::ServiceTier{in.getTier()},
            .ceiling = in.getCeiling(),
            .adjusts = in.getAdjusts(),
            .billed = in.getBilled()};
}

void write(const std::vector<std::string>& unreadable, capnp::List<capnp::Text>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) out.set(i, to_text(unreadable[i]));
}
unsigned files_told(const std::vector<std::string>& unreadable) {
    return std::min(static_cast<unsigned>(unreadable.size()), kFilesMax);
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
            .cost = {in.getCost()},  // these may be corrections of what another node has
            .estimated = {in.getEstimated()},
            .charged = {from_zero(in.getCharged())},
            .adjusted = {in.getAdjusted()},
            .priced_since = in.getPricedSince()};
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
    write(usage.unreadable, out.initUnreadable(files_told(usage.unreadable)));
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

void write(const UsagePage& page, proto::UsagePage::Builder out) {
    out.setNode(to_text(page.node.str()));
    out.setOrigin(to_text(page.origin));
    auto events = out.initEvents(static_cast<unsigned>(page.events.size()));
    for (unsigned i = 0; i < events.size(); ++i) write(page.events[i], events[i]);
    out.setNext(page.next);
    write(page.unreadable, out.initUnreadable(files_told(page.unreadable)));
}

// It goes on behind itself, or not at all: whoever follows pages comes to an end.
Result<UsagePage> read(proto::UsagePage::Reader in) {
    const auto malformed = fail(ErrorCode::kProtocol, "a page of usage is malformed", "usage");
    if (in.getEvents().size() > UsagePage::kEventsMax) return malformed;
    if (in.getUnreadable().size() > kFilesMax) return malformed;
    UsagePage page;
    page.node = NodeId(bounded(in.getNode()));
    page.origin = bounded(in.getOrigin());
    for (const auto event : in.getEvents()) {
        if (event.getOutcome() >= usage::kOutcomes) return malformed;
        if (event.getTier() >= pricing::kServiceTiers) return malformed;
        page.events.push_back(read(event));
    }
    page.next = in.getNext();
    if (page.next != 0 && (page.events.empty() || page.events.back().number >= page.next)) {
        return malformed;
    }
    for (const auto what : in.getUnreadable()) page.unreadable.push_back(bounded(what));
    return page;
}

void write(const std::vector<usage::Part>& parts, capnp::List<proto::UsagePart>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) {
        out[i].setOrigin(to_text(parts[i].origin));
        out[i].setFrom(parts[i].span.from);
        out[i].setThrough(parts[i].span.through);
    }
}

Result<std::vector<usage::Part>> read(capnp::List<proto::UsagePart>::Reader in) {
    if (in.size() > usage::kPartsMax) {
        return fail(ErrorCode::kInvalidRequest, "too many parts at a time", "parts");
    }
    std::vector<usage::Part> parts;
    for (const auto part : in) {
        parts.push_back({bounded(part.getOrigin()), {part.getFrom(), part.getThrough()}});
    }
    return parts;
}

void write(const UsageHoldings& usage, proto::UsageHoldings::Builder out) {
    out.setNode(to_text(usage.node.str()));
    out.setOrigin(to_text(usage.origin));
    auto holdings = out.initHoldings(static_cast<unsigned>(usage.holdings.size()));
    for (unsigned i = 0; i < holdings.size(); ++i) {
        const UsageHoldings::Holding& holding = usage.holdings[i];
        holdings[i].setOrigin(to_text(holding.origin));
        holdings[i].setNode(to_text(holding.node.str()));
        std::vector<usage::Span> runs = holding.held.spans();
        if (runs.size() > kRunsTold) runs.erase(runs.begin(), runs.end() - kRunsTold);
        auto told = holdings[i].initRuns(static_cast<unsigned>(runs.size()));
        for (unsigned j = 0; j < told.size(); ++j) {
            told[j].setFrom(runs[j].from);
            told[j].setThrough(runs[j].through);
        }
    }
    out.setSettled(usage.settled);
    out.setInDoubt(usage.in_doubt);
    out.setLost(usage.lost);
}

Result<UsageHoldings> read(proto::UsageHoldings::Reader in) {
    const auto malformed = fail(ErrorCode::kProtocol, "what it has of usage is malformed", "usage");
    if (in.getHoldings().size() > kOriginsMax) return malformed;
    UsageHoldings usage;
    usage.node = NodeId(bounded(in.getNode()));
    usage.origin = bounded(in.getOrigin());
    for (const auto holding : in.getHoldings()) {
        auto& told = usage.holdings.emplace_back();
        told.origin = bounded(holding.getOrigin());
        told.node = NodeId(bounded(holding.getNode()));
        if (holding.getRuns().size() > kRunsTold) return malformed;
        for (const auto run : holding.getRuns()) {
            if (run.getFrom() == 0 || run.getFrom() > run.getThrough()) return malformed;
            told.held.insert(usage::Span{run.getFrom(), run.getThrough()});
        }
    }
    usage.settled = in.getSettled();
    usage.in_doubt = in.getInDoubt();
    usage.lost = in.getLost();
    return usage;
}

}  // namespace vidai::mesh::wire
