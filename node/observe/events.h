// SPDX-License-Identifier: Apache-2.0
// The closed catalogue of what a node may log. A program matches on the name; the level, how often
// a line may be written and which fields it may have are decided here, once, not at the call: in
// every build but a release, writing another field ends the process (log.cc), so that
// docs/reference/events.md, which is generated from here, says what is written. Constant data; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "node/observe/options.h"

namespace vidai::node::observe {

enum class Event : std::uint8_t {
    // The process.
    kNodeStarting,
    kNodeStarted,
    kNodeDraining,
    kNodeStopped,
    kNodeFailed,
    kConfigLoaded,
    kConfigWarning,
    kConfigReloaded,
    kConfigRejected,
    kLogDropped,
    kLoopStalled,
    // Requests.
    kRequestDone,
    kClientMalformed,
    kClientTlsFailed,
    kConnectionRefused,
    kUpstreamFailed,
    kUpstreamInvalid,
    kUpstreamCredential,
    kBudgetOverrun,
    kBudgetCut,
    kResolveFailed,
    // The mesh.
    kMeshCreated,
    kMeshJoining,
    kMeshStarted,
    kMeshMember,
    kMeshMemberKey,
    kMeshSuperseded,
    kMeshPeerRefused,
    kMeshTrouble,
    kKeyChanged,
    kLimitChanged,
    kPriceApplied,
    kBudgetChanged,
    kBudgetThreshold,
    kWebhookFailed,
    kMoneyLog,
    kStateSaved,
    kStateFailed,
    kUsageFailed,
    kIdentityChanged,
};
inline constexpr std::size_t kEventCount = static_cast<std::size_t>(Event::kIdentityChanged) + 1;

struct EventInfo {
    Event event;
    std::string_view name;  // "noun.what_happened"
    LogLevel level;
    std::uint32_t per_second_max;  // further lines in a second are counted, not written; 0: all
    std::string_view fields;       // the names of the fields it may have, comma separated
    std::string_view doc;          // one sentence: what it means and what to do
};

const EventInfo& event_info(Event event);
std::span<const EventInfo> every_event();

// Whether `field` is one of event.fields.
bool has_field(const EventInfo& event, std::string_view field);

// "debug", "info", "warn", "error".
std::string_view level_name(LogLevel level);

// docs/reference/events.md, whole.
std::string events_markdown();

}  // namespace vidai::node::observe
