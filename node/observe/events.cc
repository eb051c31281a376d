// SPDX-License-Identifier: Apache-2.0
#include "node/observe/events.h"

#include <algorithm>
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
    {Event::kNodeDraining, "node.draining", kInfo, 0, "cause, connections, limit_ms",
     "A signal or an operator asked the node to end its work: it takes no new connections and "
     "finishes, for at most `limit_ms`, what the open ones wait for."},
    {Event::kNodeStopped, "node.stopped", kInfo, 0, "uptime_seconds, cut",
     "The process ends; `cut` connections outlived the drain and were closed."},
    {Event::kNodeFailed, "node.failed", kError, 0, "error, option, what",
     "The node cannot start; the error says why, `option` which option is at fault, or else `what` "
     "is the stable name of why, or the file or address that it is about."},
    {Event::kConfigLoaded, "config.loaded", kInfo, 0, "file, providers, models, card, unpriced",
     "The configuration was read and is in force. `card` is the rate card's name and day, "
     "`unpriced` how many targets have no price just now: what they cost is not counted, and keys "
     "under hard budgets may not call them."},
    {Event::kConfigWarning, "config.warning", kWarn, 0, "warning",
     "The configuration is accepted, but a person should look at this."},
    {Event::kConfigReloaded, "config.reloaded", kInfo, 0, "changed",
     "SIGHUP: the options named are in force for new requests; none is named when nothing had "
     "changed."},
    {Event::kConfigRejected, "config.rejected", kError, 0, "error, option",
     "SIGHUP: the new configuration is refused as a whole; the running one stays."},
    {Event::kLogDropped, "log.dropped", kWarn, 0, "lines",
     "Lines were lost because standard error was read too slowly."},
    {Event::kLoopStalled, "loop.stalled", kWarn, 10, "loop, span_ms, over",
     "A worker's or the mesh's event loop has not come round for over a second, or (`over`) does "
     "so again after `span_ms`. See `admin.stall_limit`."},
    {Event::kRequestDone, "request.done", kInfo, 0,
     "request_id, endpoint, status, outcome, error, key, model, provider, target, attempts, "
     "total_us, upstream_us, duration_us, budget, budget_wait_us, reserved_micro_usd, "
     "charged_micro_usd, "
     "input_tokens, output_tokens, estimated, cost_micro_usd",
     "One request has ended; only with `log.requests`. `outcome` is ok, error (an error was "
     "answered), broken (a stream ended with an error event) or cancelled (the client left), "
     "`error` the log name of what went wrong ([errors](errors.md)). To the first byte of the "
     "answer: `total_us`, of it `upstream_us` the provider's; to its last: `duration_us`. `budget` "
     "is "
     "the hard budget that refused it, `budget_wait_us` how long it waited for money and "
     "`reserved_micro_usd` what was reserved in each budget of its key. Tokens and cost are what "
     "the key was charged, `estimated` when the provider did not count; `charged_micro_usd` is "
     "what each of its budgets was: the same, but all that it can have cost where nobody counted, "
     "and attempts that were lost."},
    {Event::kClientMalformed, "client.malformed", kDebug, 10, "peer, error, message",
     "A connection was closed because its request could not be read whole: not HTTP/1.1, too "
     "large or too slow."},
    {Event::kClientTlsFailed, "client.tls_failed", kDebug, 10, "peer, error",
     "A client's TLS handshake failed."},
    {Event::kConnectionRefused, "client.refused", kWarn, 1, "open, bound",
     "A connection was closed at once: the worker has as many as it may."},
    {Event::kUpstreamFailed, "upstream.failed", kWarn, 10,
     "request_id, model, provider, target, attempt, what, error, status, retried",
     "A provider call failed; `what` says how (status: the provider answered `status`), "
     "`retried` whether another target is tried. The bound counts for each target."},
    {Event::kUpstreamInvalid, "upstream.invalid", kWarn, 10,
     "request_id, model, provider, target, attempt, what, error, status, retried",
     "A provider's answer could not be understood; `what` says what was wrong with it. The bound "
     "counts for each target."},
    {Event::kUpstreamCredential, "upstream.credential_refused", kWarn, 1,
     "request_id, model, provider, target, attempt, what, error, status, retried",
     "A provider does not take the credential that this gateway is configured with (401, 403): "
     "renew it. Every call to that target ends so until then, so the bound is low; it counts for "
     "each target."},
    {Event::kBudgetOverrun, "budget.overrun", kWarn, 1,
     "request_id, model, provider, target, reserved_micro_usd, cost_micro_usd",
     "A request cost more than was reserved for it in the budgets of its key, which are charged "
     "all "
     "the same: the target's price or the bound of its output is wrong."},
    {Event::kBudgetCut, "budget.cut", kWarn, 1,
     "request_id, model, provider, target, reserved_micro_usd",
     "A stream went on beyond what was reserved for it in the budgets of its key, and was ended "
     "with "
     "finish_reason length: the provider pays no regard to max_tokens or max_completion_tokens, or "
     "the rate card's output_max of the model is too low. The bound counts for each target."},
    {Event::kResolveFailed, "upstream.resolve_failed", kWarn, 1, "host, error",
     "A provider's name could not be resolved; addresses found in the last five minutes stay in "
     "use. The bound counts for each name."},
    {Event::kMeshCreated, "mesh.created", kInfo, 0, "data_dir, note",
     "No `mesh.root_file` is set: this node made a mesh of one."},
    {Event::kMeshJoining, "mesh.joining", kInfo, 0, "peer, what, error",
     "This node asks at the addresses of its join token for its certificate; in_vain: nobody has "
     "given it one yet, and why. It listens on no port before it has one, and ends after a minute "
     "without."},
    {Event::kMeshStarted, "mesh.started", kInfo, 0, "node", "This node takes part in the mesh."},
    {Event::kMeshMember, "mesh.member", kInfo, 100, "node, state, note",
     "What this node holds of a member has changed: joined, alive, suspect, dead, left, updated "
     "(its address or certificate), paused, superseded (a process with the same id and a newer "
     "start took over); of itself: self_refuted (others took it for dead), set_back (its disk was, "
     "see mesh.trouble), self_left."},
    {Event::kMeshMemberKey, "mesh.member_key", kWarn, 5, "node, change, note",
     "A member's name goes with another key than before; the note has both fingerprints. "
     "taken_over: a process with a newer certificate has the name now, as one that lost its disk "
     "has. If you know of none, somebody can certify nodes who should not: revoke the new key, and "
     "the issuer's. rotated: the node itself had named its next key (`vidaictl mesh rotate "
     "node`)."},
    {Event::kMeshSuperseded, "mesh.superseded", kError, 0, "node, error",
     "Another process has taken over this node's identity; this one ends."},
    {Event::kMeshPeerRefused, "mesh.peer_refused", kWarn, 5, "peer, what, error",
     "A peer or operator could not prove who it is; `what` is the stable name of why. The bound "
     "counts for each. After a flood one says how many were left out, with the last one's "
     "address."},
    {Event::kMeshTrouble, "mesh.trouble", kWarn, 5, "peer, what, error",
     "A mesh connection or call failed, or a peer broke a rule; it is tried again. The bound "
     "counts "
     "for each `what`."},
    {Event::kKeyChanged, "key.changed", kInfo, 0, "key, change, note",
     "A client key was created or revoked, here or elsewhere in the mesh."},
    {Event::kLimitChanged, "limit.changed", kInfo, 0, "limit, change, note",
     "A limit was made, changed or deleted, here or elsewhere in the mesh."},
    {Event::kPriceApplied, "price.applied", kInfo, 0, "version, change, note",
     "A rate card was applied to the whole mesh, or withdrawn, here or elsewhere. Requests that "
     "begin from now on are charged by it."},
    {Event::kBudgetChanged, "budget.changed", kInfo, 0, "budget, change, note",
     "An operator has made or changed a budget by this node, and its owner has committed that."},
    {Event::kBudgetThreshold, "budget.threshold", kWarn, 0, "budget, percent, note",
     "So much of a budget's limit is spent, or stranded, in its window: each threshold once, in "
     "the "
     "log of the node that owns the budget."},
    {Event::kWebhookFailed, "webhook.failed", kError, 5, "webhook, error",
     "A message could not be delivered to a webhook and is given up, or too many wait already. "
     "`webhook` is its host."},
    {Event::kMoneyLog, "money.log", kInfo, 0, "log, change, note",
     "A log of budgets was opened, was sealed because its node is gone, or has an heir."},
    {Event::kStateSaved, "state.saved", kDebug, 0, "path",
     "The replicated state was written to the data directory."},
    {Event::kStateFailed, "state.failed", kError, 1, "path, error",
     "The data directory could not be written; it is tried again, but changes may not outlive a "
     "restart."},
    {Event::kUsageFailed, "usage.failed", kError, 1, "path, error",
     "The record of calls could not be read or written. This node goes on serving, calls go "
     "unrecorded until it can be, and vidai_usage_events_total counts them as lost."},
    {Event::kIdentityChanged, "identity.changed", kWarn, 0, "subject, change, note",
     "An operator has revoked a key or had a member forgotten; self_revoked, self_forgotten: this "
     "node's own. "
     "token_unused: a join token was given to a node that has its certificate already."},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
        if (static_cast<std::size_t>(kEvents[i].event) != i) return false;
    }
    return true;
}
static_assert(in_order(), "the table's rows follow the enum");

}  // namespace

std::span<const EventInfo> every_event() {
    return kEvents;
}

const EventInfo& event_info(Event event) {
    const auto index = static_cast<std::size_t>(event);
    CHECK(index < kEvents.size());
    return kEvents[index];
}

bool has_field(const EventInfo& event, std::string_view field) {
    std::string_view rest = event.fields;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(", "), rest.size());
        if (rest.substr(0, end) == field) return true;
        rest.remove_prefix(std::min(end + 2, rest.size()));
    }
    return false;
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
        "`suppressed`,\nor, when none follows within a second, a line with nothing else. A secret "
        "is never written.\n\n"
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
