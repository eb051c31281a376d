// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/top_up_bytes.h"

#include <chrono>
#include <utility>
#include <vector>

namespace vidai::mesh::budget {

namespace fb = records::budget;

namespace {

std::unexpected<Error> malformed() {
    return fail(ErrorCode::kCorrupt, "a top-up is malformed");
}

}  // namespace

flatbuffers::Offset<fb::TopUp> write_top_up(flatbuffers::FlatBufferBuilder& out,
                                            const std::string& id, const TopUp& one) {
    const auto name = out.CreateString(id);
    flatbuffers::Offset<flatbuffers::String> note;
    if (!one.note.empty()) note = out.CreateString(one.note);
    return fb::CreateTopUp(out, name, one.amount.value, one.until.time_since_epoch().count(), note);
}

flatbuffers::Offset<TopUpRecords> write_open(flatbuffers::FlatBufferBuilder& out,
                                             const std::map<std::string, TopUp>& open) {
    if (open.empty()) return {};
    std::vector<flatbuffers::Offset<fb::TopUp>> all;
    for (const auto& [id, one] : open) all.push_back(write_top_up(out, id, one));
    return out.CreateVector(all);
}

Result<NamedTopUp> read_top_up(const fb::TopUp* in, bool id_alone) {
    if (in == nullptr || in->id() == nullptr) return malformed();
    NamedTopUp out{in->id()->str(), {}};
    if (!is_top_up_id(out.first)) return malformed();
    if (id_alone) return out;
    out.second.amount = {in->amount()};
    out.second.until = WallTime(std::chrono::milliseconds(in->until()));
    if (in->note() != nullptr) out.second.note = in->note()->str();
    if (!is_top_up(out.second)) return malformed();
    return out;
}

Result<std::map<std::string, TopUp>> read_open(const TopUpRecords* in) {
    std::map<std::string, TopUp> out;
    if (in == nullptr) return out;
    if (in->size() > kTopUpsMax) return malformed();
    for (const fb::TopUp* one : *in) {
        auto read = read_top_up(one);
        if (!read || !out.insert(std::move(*read)).second) return malformed();
    }
    return out;
}

Result<TopUps> read_top_ups(const fb::Budget& in) {
    auto open = read_open(in.top_ups());
    if (!open) return fail(std::move(open).error());
    TopUps out{std::move(*open), {}};
    if (in.ended_top_ups() == nullptr) return out;
    if (in.ended_top_ups()->size() > kTopUpsMax) return malformed();
    for (const flatbuffers::String* id : *in.ended_top_ups()) {
        if (id == nullptr || !is_top_up_id(id->str()) || out.knows(id->str())) return malformed();
        out.ended.push_back(id->str());
    }
    return out;
}

}  // namespace vidai::mesh::budget
