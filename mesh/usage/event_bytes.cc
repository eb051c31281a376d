// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/event_bytes.h"

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
constexpr flatbuffers::uoffset_t kTablesMax = 4;

std::unexpected<Error> malformed() {
    return fail(ErrorCode::kCorrupt, "not a usage event, or one beyond its bounds");
}

bool within(std::int64_t value, std::int64_t most) {
    return value >= 0 && value <= most;
}
bool within(WallTime time) {
    return within(time.time_since_epoch().count(), kTimeMsMax);
}

bool sound(const Event& event) {
    const std::array texts = {&event.request, &event.key.str(), &event.user,     &event.team,
                              &event.project, &event.model,     &event.provider, &event.protocol};
    const TokensByKind& used = event.tokens;
    const std::array kinds = {used.input,     used.cached_input, used.cache_write, used.output,
                              used.reasoning, used.audio_input,  used.audio_output};
    return event.number > 0 && within(event.time) && within(event.price_from) &&
           within(event.cost.value, kCostMax) &&
           std::ranges::all_of(texts, [](const auto* t) { return t->size() <= kTextBytesMax; }) &&
           std::ranges::all_of(kinds, [](Tokens t) { return within(t.value, kTokensMax); });
}

std::string text(const flatbuffers::String* in) {
    return in != nullptr ? in->str() : std::string();
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
    TokensByKind& used = event.tokens;
    for (std::string* text : {&event.request, &event.user, &event.team, &event.project,
                              &event.model, &event.provider, &event.protocol}) {
        out |= clamp(*text);
    }
    if (std::string key = event.key.str(); clamp(key)) {
        event.key = KeyId(std::move(key));
        out = true;
    }
    for (Tokens* kind : {&used.input, &used.cached_input, &used.cache_write, &used.output,
                         &used.reasoning, &used.audio_input, &used.audio_output}) {
        out |= clamp(kind->value, kTokensMax);
    }
    out |= clamp(event.cost.value, kCostMax);
    out |= clamp(event.time);
    clamp(event.price_from);  // nothing odd: a price may always have held
    return out;
}

seal::Bytes encode_event(const Event& event) {
    CHECK(sound(event));
    flatbuffers::FlatBufferBuilder out(512);
    const auto request = out.CreateString(event.request);
    const auto key = out.CreateString(event.key.str());
    const auto user = out.CreateString(event.user);
    const auto team = out.CreateString(event.team);
    const auto project = out.CreateString(event.project);
    const auto model = out.CreateString(event.model);
    const auto provider = out.CreateString(event.provider);
    const auto protocol = out.CreateString(event.protocol);
    const TokensByKind& used = event.tokens;
    const fb::Tokens tokens(used.input.value, used.cached_input.value, used.cache_write.value,
                            used.output.value, used.reasoning.value, used.audio_input.value,
                            used.audio_output.value);
    out.Finish(fb::CreateEvent(out, event.number, event.time.time_since_epoch().count(), request,
                               key, user, team, project, model, provider, protocol, &tokens,
                               event.priced, event.price_from.time_since_epoch().count(),
                               event.cost.value, event.estimated,
                               static_cast<std::uint8_t>(event.outcome)));
    return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
}

Result<Event> decode_event(seal::ByteView bytes) {
    if (bytes.size() > kEventBytesMax) return malformed();
    const seal::Bytes aligned(bytes.begin(), bytes.end());
    flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kDepthMax, kTablesMax);
    if (!verifier.VerifyBuffer<fb::Event>(nullptr)) return malformed();
    const fb::Event& in = *flatbuffers::GetRoot<fb::Event>(aligned.data());
    if (in.tokens() == nullptr || in.outcome() >= kOutcomes) return malformed();
    const fb::Tokens& used = *in.tokens();
    Event event{
        .number = in.number(),
        .time = time_of(in.time_ms()),
        .request = text(in.request()),
        .key = KeyId(text(in.key())),
        .user = text(in.user()),
        .team = text(in.team()),
        .project = text(in.project()),
        .model = text(in.model()),
        .provider = text(in.provider()),
        .protocol = text(in.protocol()),
        .tokens = {.input = {used.input()},
                   .cached_input = {used.cached_input()},
                   .cache_write = {used.cache_write()},
                   .output = {used.output()},
                   .reasoning = {used.reasoning()},
                   .audio_input = {used.audio_input()},
                   .audio_output = {used.audio_output()}},
        .priced = in.priced(),
        .price_from = time_of(in.price_from_ms()),
        .cost = {in.cost()},
        .estimated = in.estimated(),
        .outcome = static_cast<Outcome>(in.outcome()),
    };
    if (!sound(event)) return malformed();
    return event;
}

}  // namespace vidai::mesh::usage
