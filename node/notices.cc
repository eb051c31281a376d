// SPDX-License-Identifier: Apache-2.0
#include "node/notices.h"

#include <cstddef>
#include <cstdint>

namespace vidai::node {
namespace {

using observe::Event;
using Kind = mesh::Notice::Kind;

// The event that a kind of notice becomes, and the fields that its parts become; one without a
// name is not written.
struct Shape {
    Event event;
    std::string_view subject, what, message;
};

// No default: a new kind does not compile before it has a line here.
Shape shape_of(Kind kind) {
    switch (kind) {
        case Kind::kGenesis:
            return {Event::kMeshCreated, "data_dir", {}, "note"};
        case Kind::kJoining:
            return {Event::kMeshJoining, "peer", "what", "error"};
        case Kind::kStarted:
            return {Event::kMeshStarted, "node", {}, {}};
        case Kind::kMember:
            return {Event::kMeshMember, "node", "state", "note"};
        case Kind::kPeerRefused:
            return {Event::kMeshPeerRefused, "peer", "what", "error"};
        case Kind::kTrouble:
            break;
        case Kind::kMemberKey:
            return {Event::kMeshMemberKey, "node", "change", "note"};
        case Kind::kKeyChanged:
            return {Event::kKeyChanged, "key", "change", "note"};
        case Kind::kLimitChanged:
            return {Event::kLimitChanged, "limit", "change", "note"};
        case Kind::kCardApplied:
            return {Event::kPriceApplied, "version", "change", "note"};
        case Kind::kBudgetChanged:
            return {Event::kBudgetChanged, "budget", "change", "note"};
        case Kind::kBudgetThreshold:
            return {Event::kBudgetThreshold, "budget", "percent", "note"};
        case Kind::kMoney:
            return {Event::kMoneyLog, "log", "change", "note"};
        case Kind::kStateSaved:
            return {Event::kStateSaved, "path", {}, {}};
        case Kind::kStateFailed:
            return {Event::kStateFailed, "path", {}, "error"};
        case Kind::kUsageFailed:
            return {Event::kUsageFailed, "path", {}, "error"};
        case Kind::kSuperseded:
            return {Event::kMeshSuperseded, "node", {}, "error"};
        case Kind::kIdentity:
            return {Event::kIdentityChanged, "subject", "change", "note"};
    }
    return {Event::kMeshTrouble, "peer", "what", "error"};
}

// Each reason has a bound of its own, so that a flood of one does not hide the first of another.
std::size_t part_of(std::string_view what) {
    std::uint32_t hash = 2'166'136'261;  // FNV-1a
    for (const char c : what) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
    return hash;
}

observe::LogField field(std::string_view name, const std::string& value) {
    if (name.empty()) return {name, std::nullopt};
    return {name, value};
}

}  // namespace

void log_notice(observe::Log& log, const mesh::Notice& notice) {
    const Shape shape = shape_of(notice.kind);
    log.write(shape.event,
              {field(shape.subject, notice.subject), field(shape.what, notice.what),
               field(shape.message, notice.message)},
              part_of(notice.what));
}

}  // namespace vidai::node
