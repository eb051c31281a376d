// SPDX-License-Identifier: Apache-2.0
// Limits, as operators change them and are told of them, to and from the wire.
#include <chrono>
#include <string>
#include <utility>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {

namespace {

constexpr std::size_t kTextMax = 4'096;
constexpr unsigned kListMax = 16'384;
constexpr std::uint8_t kLimitKindCount = static_cast<std::uint8_t>(LimitKind::kConcurrency) + 1;

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("an operator message is malformed: ") + what,
                what);
}

std::string bounded(capnp::Text::Reader text) {
    return std::string(view_of(text).substr(0, kTextMax));
}

void write(const LimitUse& use, proto::LimitUse::Builder out) {
    out.setKind(static_cast<std::uint8_t>(use.kind));
    out.setLimit(use.limit);
    out.setOwn(use.own);
    out.setKnown(use.known);
    out.setBound(use.bound);
    out.setBurst(use.burst);
    out.setDelayMs(use.delay.count());
    out.setNodes(static_cast<std::uint32_t>(use.nodes));
    out.setCrashes(use.crashes);
}

Result<LimitUse> read(proto::LimitUse::Reader in) {
    if (in.getKind() >= kLimitKindCount) return malformed("limit kind");
    return LimitUse{static_cast<LimitKind>(in.getKind()),
                    in.getLimit(),
                    in.getOwn(),
                    in.getKnown(),
                    in.getBound(),
                    in.getBurst(),
                    std::chrono::milliseconds(in.getDelayMs()),
                    in.getNodes(),
                    in.getCrashes()};
}

}  // namespace

void write(const LimitReport& report, proto::LimitReport::Builder out) {
    out.setKey(to_text(report.key.str()));
    out.setName(to_text(report.name));
    out.setRevoked(report.revoked);
    out.setMode(to_text(report.mode));
    auto list = out.initLimits(static_cast<unsigned>(report.limits.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
        write(report.limits[i], list[i]);
    }
    out.setSpendOwnMicroUsd(report.spend_own.value);
    out.setSpendKnownMicroUsd(report.spend_known.value);
}

Result<LimitReport> read(proto::LimitReport::Reader in) {
    LimitReport report;
    if (in.getLimits().size() > kLimitKindCount) return malformed("limits");
    report.key = KeyId(bounded(in.getKey()));
    report.name = bounded(in.getName());
    report.revoked = in.getRevoked();
    report.mode = bounded(in.getMode());
    for (const auto slot : in.getLimits()) {
        auto use = read(slot);
        if (!use) return fail(std::move(use).error());
        report.limits.push_back(*use);
    }
    report.spend_own = {in.getSpendOwnMicroUsd()};
    report.spend_known = {in.getSpendKnownMicroUsd()};
    return report;
}

void write(const state::LimitRecord& limit, proto::Limit::Builder out) {
    out.setId(to_text(limit.id));
    out.setName(to_text(limit.name));
    auto equal = out.initEqual(static_cast<unsigned>(state::kScopeFields));
    for (unsigned i = 0; i < equal.size(); ++i) equal.set(i, to_text(limit.scope.equal[i]));
    out.setEach(limit.scope.each);
    out.setUnit(static_cast<std::uint8_t>(limit.unit));
    out.setAmount(limit.amount);
    out.setSpanSeconds(limit.span_s);
    out.setFixed(limit.fixed);
    out.setBurst(limit.burst);
    out.setMode(static_cast<std::uint8_t>(limit.mode));
    out.setCreatedMs(limit.created.time_since_epoch().count());
    out.setDeleted(limit.deleted);
}

Result<state::LimitRecord> read(proto::Limit::Reader in) {
    state::LimitRecord limit;
    if (in.getEqual().size() != state::kScopeFields) return malformed("scope");
    if (in.getUnit() > static_cast<std::uint8_t>(state::LimitUnit::kConcurrency)) {
        return malformed("unit");
    }
    if (in.getMode() > static_cast<std::uint8_t>(state::LimitMode::kEscrow)) {
        return malformed("mode");
    }
    limit.id = bounded(in.getId());
    limit.name = bounded(in.getName());
    for (unsigned i = 0; i < state::kScopeFields; ++i) {
        limit.scope.equal[i] = bounded(in.getEqual()[i]);
    }
    limit.scope.each = in.getEach();
    limit.unit = state::LimitUnit{in.getUnit()};
    limit.amount = in.getAmount();
    limit.span_s = in.getSpanSeconds();
    limit.fixed = in.getFixed();
    limit.burst = in.getBurst();
    limit.mode = state::LimitMode{in.getMode()};
    limit.created = WallTime(std::chrono::milliseconds(in.getCreatedMs()));
    limit.deleted = in.getDeleted();
    return limit;
}

void write(const LimitChange& change, proto::LimitChange::Builder out) {
    write(change.limit, out.initLimit());
    out.setTime(change.time);
}

Result<LimitChange> read(proto::LimitChange::Reader in) {
    auto limit = read(in.getLimit());
    if (!limit) return fail(std::move(limit).error());
    return LimitChange{std::move(*limit), in.getTime()};
}

void write(const LimitPage& page, proto::LimitPage::Builder out) {
    auto list = out.initLimits(static_cast<unsigned>(page.limits.size()));
    for (unsigned i = 0; i < list.size(); ++i) write(page.limits[i], list[i]);
    out.setMore(page.more);
}

Result<LimitPage> read(proto::LimitPage::Reader in) {
    if (in.getLimits().size() > kListMax) return malformed("limits");
    LimitPage page;
    for (const auto slot : in.getLimits()) {
        auto limit = read(slot);
        if (!limit) return fail(std::move(limit).error());
        page.limits.push_back(std::move(*limit));
    }
    page.more = in.getMore();
    return page;
}

void write(const LimitStanding& standing, proto::LimitStanding::Builder out) {
    write(standing.limit, out.initLimit());
    auto list = out.initCounters(static_cast<unsigned>(standing.counters.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
        list[i].setValue(to_text(standing.counters[i].value));
        write(standing.counters[i].use, list[i].initUse());
    }
    out.setMore(standing.more);
    out.setAllowed(standing.allowed);
    out.setSeen(static_cast<std::uint32_t>(standing.seen));
    out.setConfirmed(static_cast<std::uint32_t>(standing.confirmed));
}

Result<LimitStanding> read(proto::LimitStanding::Reader in) {
    auto limit = read(in.getLimit());
    if (!limit) return fail(std::move(limit).error());
    if (in.getCounters().size() > kListMax) return malformed("counters");
    LimitStanding standing{std::move(*limit), {},           in.getMore(),
                           in.getAllowed(),   in.getSeen(), in.getConfirmed()};
    for (const auto slot : in.getCounters()) {
        auto use = read(slot.getUse());
        if (!use) return fail(std::move(use).error());
        standing.counters.push_back({bounded(slot.getValue()), *use});
    }
    return standing;
}

}  // namespace vidai::mesh::wire
