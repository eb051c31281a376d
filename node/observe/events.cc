// SPDX-License-Identifier: Apache-2.0
#include "node/observe/events.h"

#include <array>

#include "schema/vocabulary/check.h"

namespace vidai::node::observe {
namespace {

constexpr LogLevel kDebug = LogLevel::kDebug, kInfo = LogLevel::kInfo, kWarn = LogLevel::kWarn,
                   kError = LogLevel::kError;

constexpr std::array<EventInfo, kEventCount> kEvents = {{
    {Event::kNodeStarting, "node.starting", kInfo, 0, "version, revision, build_type, pid",
     "The process has begun."},
    {Event::kNodeStarted, "node.started", kInfo, 0,
     "node, client_port, admin_port, mesh_port, workers, tls",
     "All listeners are bound; clients are served."},
    {Event::kNodeDraining, "node.draining", kInfo, 0, "signal, in_flight",
     "A signal asked the node to end: it takes no new connections and finishes what is in flight."},
    {Event::kNodeStopped, "node.stopped", kInfo, 0, "uptime_seconds, requests, cut",
     "The process ends; `cut` requests outlived the drain timeout."},
    {Event::kNodeFailed, "node.failed", kError, 0, "error",
     "The node cannot start or go on; the error says why."},
    {Event::kConfigLoaded, "config.loaded", kInfo, 0, "file, providers, models",
     "The configuration was read and is in force."},
    {Event::kConfigWarning, "config.warning", kWarn, 0, "warning",
     "The configuration is accepted, but a person should look at this."},
    {Event::kConfigReloaded, "config.reloaded", kInfo, 0, "changed",
     "SIGHUP: the options named are in force for new requests."},
    {Event::kConfigRejected, "config.rejected", kError, 0, "error",
     "SIGHUP: the new configuration is refused as a whole; the running one stays."},
    {Event::kLogDropped, "log.dropped", kWarn, 0, "lines",
     "Lines were lost because standard error was read too slowly."},
    {Event::kRequestDone, "request.done", kInfo, 0,
     "request_id, endpoint, status, key, model, provider, total_us, upstream_us, duration_us, "
     "input_tokens, output_tokens, error",
     "One request has ended; only with `log.requests`."},
    {Event::kClientMalformed, "client.malformed", kDebug, 10, "peer, error",
     "A connection was closed because what it sent is not HTTP/1.1."},
    {Event::kClientTlsFailed, "client.tls_failed", kDebug, 10, "peer, error",
     "A client's TLS handshake failed."},
    {Event::kConnectionRefused, "client.refused", kWarn, 1, "open, bound",
     "A connection was closed at once: the worker has as many as it may."},
    {Event::kUpstreamFailed, "upstream.failed", kWarn, 10,
     "request_id, provider, model, attempt, outcome, error, status",
     "A provider call failed; the next target is tried when there is one."},
    {Event::kUpstreamInvalid, "upstream.invalid", kWarn, 10, "request_id, provider, model, error",
     "A provider's answer could not be understood."},
    {Event::kResolveFailed, "upstream.resolve_failed", kWarn, 1, "host, error",
     "A provider's name could not be resolved; the last addresses known stay in use."},
    {Event::kMeshStarted, "mesh.started", kInfo, 0, "mesh, node, generation, seeds",
     "This node takes part in the mesh."},
    {Event::kMeshMember, "mesh.member", kInfo, 100, "node, state, generation, incarnation, address",
     "A member was learned of, or changed its state: joining, alive, suspect, dead, leaving or "
     "left."},
    {Event::kMeshSuperseded, "mesh.superseded", kError, 0, "node, message",
     "Another process has taken over this node's identity; this one ends."},
    {Event::kMeshPeerRefused, "mesh.peer_refused", kWarn, 5, "peer, error",
     "A peer or operator could not prove who it is."},
    {Event::kMeshTrouble, "mesh.trouble", kWarn, 5, "peer, error",
     "A mesh connection or call failed; it is tried again."},
    {Event::kKeyChanged, "key.changed", kInfo, 0, "key, change, operator",
     "A client key was created, changed or revoked, here or elsewhere in the mesh."},
    {Event::kStateSaved, "state.saved", kDebug, 0, "keys, bytes",
     "The replicated state was written to the data directory."},
    {Event::kStateFailed, "state.failed", kError, 1, "path, error",
     "The data directory could not be read or written; changes may not outlive a restart."},
    {Event::kIdentityChanged, "identity.changed", kWarn, 0, "subject, what, message",
     "An operator has revoked a key or had a member forgotten; self_revoked: this node's own."},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
        if (static_cast<std::size_t>(kEvents[i].event) != i) return false;
    }
    return true;
}
static_assert(in_order(), "the table's rows follow the enum");

}  // namespace

const EventInfo& event_info(Event event) {
    const auto index = static_cast<std::size_t>(event);
    CHECK(index < kEvents.size());
    return kEvents[index];
}

std::string_view level_name(LogLevel level) {
    switch (level) {
        case LogLevel::kDebug:
            return "debug";
        case LogLevel::kInfo:
            return "info";
        case LogLevel::kWarn:
            return "warn";
        case LogLevel::kError:
            return "error";
    }
    return "error";
}

std::string events_markdown() {
    std::string text =
        "# Log events\n\n"
        "Generated from `node/observe/events.cc`; do not edit. `vidaid` logs to standard error, "
        "one\n"
        "event a line: JSON with `ts` (RFC 3339, UTC), `level`, `event` and the fields below, or "
        "text\n"
        "on a terminal (`log.format`). A field that does not apply is absent. Events with a bound "
        "are\n"
        "written at most so often a second; the next line says how many were left out in "
        "`suppressed`.\nA secret is never written.\n\n"
        "| event | level | a second | fields | meaning |\n|---|---|---|---|---|\n";
    for (const EventInfo& event : kEvents) {
        const std::string bound =
            event.per_second_max == 0 ? "all" : std::to_string(event.per_second_max);
        text += "| `" + std::string(event.name) + "` | " + std::string(level_name(event.level)) +
                " | " + bound + " | " + std::string(event.fields) + " | " + std::string(event.doc) +
                " |\n";
    }
    return text;
}

}  // namespace vidai::node::observe
