// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/batch.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "schema/records/usage_generated.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::usage {

namespace {

namespace fb = records::usage;

constexpr flatbuffers::uoffset_t kDepthMax = 4;
constexpr flatbuffers::uoffset_t kTablesMax = 1 + (2 * kBatchEventsMax);
constexpr std::uint8_t kPriced = 1;
constexpr std::uint8_t kEstimated = 2;
constexpr std::uint8_t kAdjusts = 4;
constexpr std::uint8_t kBilled = 8;
constexpr std::uint8_t kCeiling = 16;
constexpr unsigned kTierShift = 5;
constexpr std::uint8_t kTierMask = 3;
static_assert(pricing::kServiceTiers == kTierMask + 1);

std::unexpected<Error> malformed() {
    return fail(ErrorCode::kCorrupt, "not a batch of usage events, or with one beyond its bounds");
}

bool within(std::int64_t value, std::int64_t most) {
    return value >= 0 && value <= most;
}
bool within(WallTime time) {
    return within(time.time_since_epoch().count(), kTimeMsMax);
}

bool within(const std::string& text) {
    return text.size() <= kTextBytesMax;
}
bool within(const TokensByKind& used) {
    return std::ranges::all_of(
        std::array{used.input, used.cached_input, used.cache_write, used.output, used.reasoning,
                   used.audio_input, used.audio_output},
        [](Tokens kind) { return within(kind.value, kTokensMax); });
}
bool within(const Caller& who) {
    return within(who.key.str()) && within(who.user) && within(who.team) && within(who.project);
}
bool within(const Callee& what) {
    return within(what.model) && within(what.provider) && within(what.target) &&
           within(what.endpoint);
}

// Only what corrects another event may take something off.
bool within_cost(std::int64_t cost, bool adjusts) {
    return cost <= kCostMax && cost >= (adjusts ? -kCostMax : 0);
}

WallTime time_of(std::int64_t ms) {
    return WallTime(WallTime::duration(ms));
}

bool clamp(std::string& text) {
    if (text.size() <= kTextBytesMax) return false;
    constexpr std::size_t kUtf8Longest = 4;
    std::size_t end = kTextBytesMax;
    const auto continues = [&](std::size_t at) {
        return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
    };
    while (end > kTextBytesMax - kUtf8Longest && continues(end)) --end;
    text.resize(end);
    return true;
}
bool clamp(std::int64_t& value, std::int64_t most) {
    if (within(value, most)) return false;
    value = std::clamp<std::int64_t>(value, 0, most);
    return true;
}
bool clamp(WallTime& time) {
    std::int64_t ms = time.time_since_epoch().count();
    const bool out = clamp(ms, kTimeMsMax);
    time = time_of(ms);
    return out;
}

}  // namespace

bool clamp(Event& event) {
    bool out = false;
    Caller& who = event.caller;
    Callee& what = event.callee;
    TokensByKind& used = event.tokens;
    for (std::string* text : {&event.request, &who.user, &who.team, &who.project, &what.model,
                              &what.provider, &what.target, &what.endpoint}) {
        out |= clamp(*text);
    }
    if (!within(who.key.str())) {
        std::string key = who.key.str();
        out |= clamp(key);
        who.key = KeyId(std::move(key));
    }
    for (Tokens* kind : {&used.input, &used.cached_input, &used.cache_write, &used.output,
                         &used.reasoning, &used.audio_input, &used.audio_output}) {
        out |= clamp(kind->value, kTokensMax);
    }
    if (!within_cost(event.cost.value, event.adjusts != 0)) {
        const std::int64_t least = event.adjusts != 0 ? -kCostMax : 0;
        event.cost.value = std::clamp(event.cost.value, least, kCostMax);
        out = true;
    }
    out |= clamp(event.charged.value, kCostMax);
    out |= clamp(event.time);
    clamp(event.price_from);  // nothing odd: a price may always have held
    return out;
}

Batch::Batch() = default;
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

template <class One>
std::pair<std::uint16_t, bool> Batch::Table<One>::place(const One& one) {
    if (!all.empty() && *all[last] == one) return {last, false};
    const auto [at, added] = places.try_emplace(one, static_cast<std::uint16_t>(all.size()));
    if (added) {
        CHECK(within(one));
        all.push_back(&at->first);
    }
    last = at->second;
    return {last, added};
}

namespace {

std::size_t text_bytes(const Caller& who) {
    return who.key.str().size() + who.user.size() + who.team.size() + who.project.size();
}
std::size_t text_bytes(const Callee& what) {
    return what.model.size() + what.provider.size() + what.target.size() + what.endpoint.size();
}
constexpr std::size_t kTableBytes = 64;  // of what has texts, beside them

fb::Row row_of(const Event& event, std::uint16_t caller, std::uint16_t callee) {
    const TokensByKind& used = event.tokens;
    std::uint8_t flags = 0;
    if (event.priced) flags |= kPriced;
    if (event.estimated) flags |= kEstimated;
    if (event.adjusts != 0) flags |= kAdjusts;
    if (event.billed) flags |= kBilled;
    if (event.ceiling) flags |= kCeiling;
    flags |= static_cast<std::uint8_t>(static_cast<unsigned>(event.tier) << kTierShift);
    return {event.time.time_since_epoch().count(),
            used.input.value,
            used.cached_input.value,
            used.cache_write.value,
            used.output.value,
            used.reasoning.value,
            used.audio_input.value,
            used.audio_output.value,
            event.price_from.time_since_epoch().count(),
            event.cost.value,
            event.charged.value,
            caller,
            callee,
            static_cast<std::uint16_t>(event.request.size()),
            static_cast<std::uint8_t>(event.outcome),
            flags};
}

flatbuffers::Offset<fb::Caller> write(flatbuffers::FlatBufferBuilder& out, const Caller& who) {
    const auto key = out.CreateString(who.key.str());
    const auto user = out.CreateString(who.user);
    const auto team = out.CreateString(who.team);
    return fb::CreateCaller(out, key, user, team, out.CreateString(who.project));
}
flatbuffers::Offset<fb::Callee> write(flatbuffers::FlatBufferBuilder& out, const Callee& what) {
    const auto model = out.CreateString(what.model);
    const auto provider = out.CreateString(what.provider);
    const auto target = out.CreateString(what.target);
    return fb::CreateCallee(out, model, provider, target, out.CreateString(what.endpoint));
}

}  // namespace

void Batch::add(const Event& event) {
    CHECK(!full() && event.number > 0);
    CHECK(within(event.request) && within(event.tokens) &&
          within_cost(event.cost.value, event.adjusts != 0) &&
          within(event.charged.value, kCostMax));
    CHECK(within(event.time) && within(event.price_from));
    if (events_ == 0) {
        first_ = event.number;
        bytes_ = kTableBytes;
    }
    CHECK(event.number == first_ + events_);
    const auto [caller, new_caller] = callers_.place(event.caller);
    const auto [callee, new_callee] = callees_.place(event.callee);
    if (new_caller) bytes_ += kTableBytes + text_bytes(event.caller);
    if (new_callee) bytes_ += kTableBytes + text_bytes(event.callee);
    rows_.push_back(row_of(event, caller, callee));
    if (event.adjusts != 0) {
        adjusted_.push_back(event.adjusts);
        bytes_ += sizeof(std::uint64_t);
    }
    requests_ += event.request;
    bytes_ += sizeof(fb::Row) + event.request.size();
    ++events_;
}

seal::Bytes Batch::take() {
    CHECK(events_ > 0);
    flatbuffers::FlatBufferBuilder out(bytes_);
    std::vector<flatbuffers::Offset<fb::Caller>> callers;
    for (const Caller* who : callers_.all) callers.push_back(write(out, *who));
    std::vector<flatbuffers::Offset<fb::Callee>> callees;
    for (const Callee* what : callees_.all) callees.push_back(write(out, *what));
    const auto all_callers = out.CreateVector(callers);
    const auto all_callees = out.CreateVector(callees);
    const auto requests =
        out.CreateVector(reinterpret_cast<const std::uint8_t*>(requests_.data()), requests_.size());
    const auto rows = out.CreateVectorOfStructs(rows_);
    flatbuffers::Offset<flatbuffers::Vector<std::uint64_t>> adjusted;
    if (!adjusted_.empty()) adjusted = out.CreateVector(adjusted_);
    out.Finish(fb::CreateBatch(out, first_, all_callers, all_callees, requests, rows, adjusted));
    callers_ = {};
    callees_ = {};
    requests_.clear();
    rows_.clear();
    adjusted_.clear();
    events_ = bytes_ = 0;
    CHECK(out.GetSize() <= kBatchBytesMax);
    return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
}

namespace {

std::string text(const flatbuffers::String* in) {
    return in != nullptr ? in->str() : std::string();
}

// Empty where one is beyond its bounds.
std::vector<Caller> callers_of(const fb::Batch& in) {
    std::vector<Caller> callers;
    if (in.callers() == nullptr) return callers;
    for (const fb::Caller* who : *in.callers()) {
        callers.push_back({.key = KeyId(text(who->key())),
                           .user = text(who->user()),
                           .team = text(who->team()),
                           .project = text(who->project())});
        if (!within(callers.back())) return {};
    }
    return callers;
}
std::vector<Callee> callees_of(const fb::Batch& in) {
    std::vector<Callee> callees;
    if (in.callees() == nullptr) return callees;
    for (const fb::Callee* what : *in.callees()) {
        callees.push_back({.model = text(what->model()),
                           .provider = text(what->provider()),
                           .target = text(what->target()),
                           .endpoint = text(what->endpoint())});
        if (!within(callees.back())) return {};
    }
    return callees;
}

TokensByKind tokens_of(const fb::Row& row) {
    return {.input = {row.input()},
            .cached_input = {row.cached_input()},
            .cache_write = {row.cache_write()},
            .output = {row.output()},
            .reasoning = {row.reasoning()},
            .audio_input = {row.audio_input()},
            .audio_output = {row.audio_output()}};
}

bool sound(const fb::Row& row, std::size_t callers, std::size_t callees) {
    return row.caller() < callers && row.callee() < callees &&
           row.request_bytes() <= kTextBytesMax && row.outcome() < kOutcomes &&
           within(tokens_of(row)) && within_cost(row.cost(), (row.flags() & kAdjusts) != 0) &&
           within(row.charged(), kCostMax) && within(row.time_ms(), kTimeMsMax) &&
           within(row.price_from_ms(), kTimeMsMax);
}

bool sound(const fb::Batch& in, std::size_t callers, std::size_t callees) {
    if (in.rows() == nullptr || in.rows()->size() == 0 || in.rows()->size() > kBatchEventsMax) {
        return false;
    }
    if (in.first() == 0 || in.first() > UINT64_MAX - in.rows()->size()) return false;
    std::size_t requests = 0, adjust = 0;
    for (const fb::Row* row : *in.rows()) {
        if (!sound(*row, callers, callees)) return false;
        requests += row->request_bytes();
        if ((row->flags() & kAdjusts) != 0) ++adjust;
    }
    if (adjust != (in.adjusted() == nullptr ? 0U : in.adjusted()->size())) return false;
    for (flatbuffers::uoffset_t i = 0; i < adjust; ++i) {
        if (in.adjusted()->Get(i) == 0) return false;
    }
    return requests == (in.requests() == nullptr ? 0U : in.requests()->size());
}

}  // namespace

Result<void> read_batch(seal::ByteView bytes,
                        const std::function<Result<void>(const Event&)>& read) {
    if (bytes.size() > kBatchBytesMax) return malformed();
    const seal::Bytes aligned(bytes.begin(), bytes.end());
    flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kDepthMax, kTablesMax);
    if (!verifier.VerifyBuffer<fb::Batch>(nullptr)) return malformed();
    const fb::Batch& in = *flatbuffers::GetRoot<fb::Batch>(aligned.data());
    const std::vector<Caller> callers = callers_of(in);
    const std::vector<Callee> callees = callees_of(in);
    if (!sound(in, callers.size(), callees.size())) return malformed();
    Event event;
    event.number = in.first();
    std::size_t request = 0;
    flatbuffers::uoffset_t adjusted = 0;
    for (const fb::Row* row : *in.rows()) {
        event.time = time_of(row->time_ms());
        event.request.clear();
        if (row->request_bytes() > 0) {
            const auto* const from = in.requests()->data() + request;
            event.request.assign(from, from + row->request_bytes());
        }
        request += row->request_bytes();
        event.caller = callers[row->caller()];
        event.callee = callees[row->callee()];
        event.tokens = tokens_of(*row);
        event.priced = (row->flags() & kPriced) != 0;
        event.estimated = (row->flags() & kEstimated) != 0;
        event.billed = (row->flags() & kBilled) != 0;
        event.ceiling = (row->flags() & kCeiling) != 0;
        event.tier = pricing::ServiceTier{
            static_cast<std::uint8_t>(unsigned{row->flags()} >> kTierShift & kTierMask)};
        const bool adjusts = (row->flags() & kAdjusts) != 0;
        event.adjusts = adjusts ? in.adjusted()->Get(adjusted++) : 0;
        event.price_from = time_of(row->price_from_ms());
        event.cost = {row->cost()};
        event.charged = {row->charged()};
        event.outcome = static_cast<Outcome>(row->outcome());
        if (auto taken = read(event); !taken) return taken;
        ++event.number;
    }
    return {};
}

}  // namespace vidai::mesh::usage
