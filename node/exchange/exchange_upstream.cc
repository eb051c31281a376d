// SPDX-License-Identifier: Apache-2.0
// The way out and back: the request a provider gets, its answer relayed, the account settled.
#include <array>
#include <utility>

#include "node/dialect/openai_chat/response.h"
#include "node/dialect/openai_chat/splice.h"
#include "node/exchange/exchange.h"
#include "node/http/chunked.h"
#include "node/http/write.h"
#include "node/meter/meter.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::exchange {
namespace {

using dialect::openai_chat::StreamAction;
using http::KnownField;
using observe::Outcome;

// Lines of the caller that mean something to the provider. Everything else stays here: the
// caller's credential, its address, its organisation.
constexpr std::array kRequestLines = {KnownField::kTraceparent, KnownField::kTracestate};

// Lines of the provider that the gateway answers for itself, besides the hop-by-hop ones.
constexpr std::uint64_t kOwnLines =
    http::field_bit(KnownField::kContentLength) | http::field_bit(KnownField::kXRequestId) |
    http::field_bit(KnownField::kServer) | http::field_bit(KnownField::kSetCookie) |
    http::field_bit(KnownField::kDate) | http::kHopByHopFields;

// Names without a slot that are the gateway's to say: limits are the caller's, not ours.
bool is_own_line(std::string_view name) {
    constexpr std::array<std::string_view, 5> kPrefixes = {
        "x-ratelimit-", "server-timing", "alt-svc", "cache-control", "strict-transport-security"};
    for (const std::string_view prefix : kPrefixes) {
        if (name.size() < prefix.size()) continue;
        bool same = true;
        for (std::size_t i = 0; i < prefix.size() && same; ++i) {
            same = (name[i] | 0x20) == (prefix[i] | 0x20);
        }
        if (same) return true;
    }
    return false;
}

Outcome outcome_of(upstream::Outcome why) {
    switch (why) {
        case upstream::Outcome::kResolveFailed:
        case upstream::Outcome::kConnectFailed:
        case upstream::Outcome::kTlsFailed:
            return Outcome::kUnreachable;
        case upstream::Outcome::kConnectTimeout:
        case upstream::Outcome::kFirstByteTimeout:
        case upstream::Outcome::kIdleTimeout:
        case upstream::Outcome::kTotalTimeout:
            return Outcome::kTimeout;
        case upstream::Outcome::kMalformed:
            return Outcome::kInvalid;
        default:
            return Outcome::kInterrupted;
    }
}

Outcome outcome_of_status(int status) {
    if (status < 400) return Outcome::kOk;
    return status < 500 ? Outcome::kRefused : Outcome::kFailed;
}

bool is_event_stream(std::string_view content_type) {
    return content_type.starts_with("text/event-stream");
}

}  // namespace

void Exchange::build_upstream_request(const route::Target& target) {
    std::string& out = scratch_.upstream;
    out.clear();
    out += runtime_.shared->preambles[target.provider].reveal();
    http::append_field(out, "accept", facts_.stream ? "text/event-stream" : "application/json");
    http::append_field(out, "x-request-id", id_.view());
    for (const KnownField line : kRequestLines) {
        if (!head_->has(line)) continue;
        const auto name = http::kKnownFieldNames[static_cast<std::size_t>(line)];
        http::append_field(out, name, head_->get(line));
    }
    http::append_field(out, "content-length",
                       dialect::openai_chat::spliced_length(body_, facts_, target.model));
    http::end_head(out);
    dialect::openai_chat::append_spliced(out, body_, facts_, target.model);
}

std::string_view Exchange::on_ready(bool reused, MonoTime now) {
    now_ = timing_.upstream_sent = now;
    reused_ = reused;
    request::Usage worst;
    worst.input_uncached = facts_.input_estimate;
    worst.output_visible = reserved_ - facts_.input_estimate;
    permit_->sent(meter::cost(plan_choice().target->price, worst));
    return scratch_.upstream;
}

Next Exchange::on_head(const http::ResponseHead& head, MonoTime first_byte, MonoTime now) {
    now_ = now;
    timing_.upstream_first = first_byte;
    upstream_status_ = head.status();
    const upstream::Verdict verdict = attempts_->next({.outcome = upstream::Outcome::kStatus,
                                                       .status = head.status(),
                                                       .reused_connection = reused_},
                                                      now);
    if (verdict.step != upstream::Step::kForward) {
        attempt_ended(outcome_of_status(head.status()));
        return apply(verdict);
    }
    keep_response_lines(head);
    if (head.status() == 200 && facts_.stream &&
        is_event_stream(head.get(KnownField::kContentType))) {
        start_stream();
    } else {
        scratch_.held.clear();
        phase_ = Phase::kHold;
    }
    return Next::kWait;
}

void Exchange::keep_response_lines(const http::ResponseHead& head) {
    scratch_.lines.clear();
    for (std::size_t i = 0; i < head.field_count(); ++i) {
        const http::Field field = head.field(i);
        if (field.known != KnownField::kOther) {
            if ((http::field_bit(field.known) & kOwnLines) != 0) continue;
        } else if (is_own_line(field.name)) {
            continue;
        }
        if (head.hop_by_hop(i)) continue;
        http::append_field(scratch_.lines, field.name, field.value);
    }
    if (const std::string_view theirs = head.get(KnownField::kXRequestId); !theirs.empty()) {
        http::append_field(scratch_.lines, "x-vidai-provider-request-id", theirs);
    }
}

void Exchange::start_stream() {
    if (http10_) keep_alive_ = false;  // its body ends with the connection
    status_ = 200;
    append_stream_head(out_, 200, scratch_.lines, context(now_));
    rooms_.metrics.response_started(endpoint_, 200, now_ - timing_.received,
                                    timing_.upstream_first - timing_.upstream_sent);
    started_ = true;
    rooms_.metrics.streams.add();
    stream_.emplace(facts_.client_wants_usage);
    scanner_.emplace();
    phase_ = Phase::kStream;
}

Next Exchange::on_payload(std::string_view bytes, MonoTime now) {
    now_ = now;
    if (phase_ == Phase::kHold) {
        if (scratch_.held.size() + bytes.size() > kHeldMax) {
            attempt_ended(Outcome::kInvalid);
            return fail_with(
                {ErrorCode::kUpstreamInvalid, "the provider's answer is larger than 32 MiB", ""});
        }
        scratch_.held += bytes;
        return Next::kWait;
    }
    return relay(bytes);
}

// Sends on what the client shall see, in as few chunks as it stands together in.
Next Exchange::relay(std::string_view bytes) {
    const char* const begin = bytes.data();
    const char* const end = begin + bytes.size();
    std::string_view run;  // events to send that stand side by side in `bytes`
    http::SseEvent event;
    while (true) {
        const http::SseProgress progress = scanner_->next(bytes, event);
        if (progress != http::SseProgress::kEvent) {
            send_piece(run);
            if (progress == http::SseProgress::kNeedMore) return Next::kWait;
            return break_stream(ErrorCode::kUpstreamInvalid, scanner_->error_message());
        }
        const StreamAction action =
            event.has_data ? stream_->on_event(event.data, event.name) : StreamAction::kForward;
        if (action == StreamAction::kInvalid) {
            send_piece(run);
            return break_stream(ErrorCode::kUpstreamInvalid,
                                "the provider sent an event that is neither JSON nor [DONE]");
        }
        if (action == StreamAction::kDrop) continue;
        const std::string_view raw = event.raw;
        if (!run.empty() && run.data() + run.size() == raw.data()) {
            run = {run.data(), run.size() + raw.size()};
            continue;
        }
        send_piece(run);
        run = {};
        if (raw.data() >= begin && raw.data() < end) {
            run = raw;
        } else {
            send_piece(raw);  // held by the scanner until its next step
        }
    }
}

void Exchange::send_piece(std::string_view bytes) {
    if (bytes.empty()) return;
    if (http10_) {
        out_ += bytes;
    } else {
        http::append_chunk(out_, bytes);
    }
}

Next Exchange::on_end(MonoTime now) {
    now_ = now;
    return phase_ == Phase::kStream ? end_stream() : finish_held();
}

Next Exchange::finish_held() {
    request::Usage usage;
    if (upstream_status_ < 300) {
        const auto facts = dialect::openai_chat::read_response(scratch_.held);
        if (!facts) {
            attempt_ended(Outcome::kInvalid);
            return fail_with(facts.error());
        }
        usage = facts->usage ? *facts->usage
                             : meter::estimated_usage(facts_.input_estimate, facts->content_bytes);
    }
    attempt_ended(outcome_of_status(upstream_status_));
    settle(usage);  // a refused call used nothing
    status_ = upstream_status_;
    append_reply(out_, status_, {}, scratch_.lines, scratch_.held, context(now_));
    phase_ = Phase::kDone;
    return Next::kDone;
}

Next Exchange::end_stream() {
    if (!stream_->done() && !stream_->saw_finish_reason()) {
        return break_stream(ErrorCode::kUpstreamInterrupted,
                            "the provider ended the stream before it was complete");
    }
    attempt_ended(Outcome::kOk);
    settle(stream_usage());
    if (!http10_) out_ += http::kLastChunk;
    phase_ = Phase::kDone;
    return Next::kDone;
}

Next Exchange::break_stream(ErrorCode why, const char* message) {
    attempt_ended(why == ErrorCode::kUpstreamInvalid ? Outcome::kInvalid : Outcome::kInterrupted);
    settle(stream_usage());
    if (!stream_->done()) {
        scratch_.held.clear();
        append_error_event(scratch_.held, {why, message, ""});
        send_piece(scratch_.held);
    }
    if (!http10_) out_ += http::kLastChunk;
    keep_alive_ = false;
    phase_ = Phase::kDone;
    return Next::kDone;
}

Next Exchange::on_failed(upstream::Outcome why, MonoTime now) {
    now_ = now;
    if (phase_ == Phase::kStream) {
        return break_stream(ErrorCode::kUpstreamInterrupted,
                            "the connection to the provider broke during the stream");
    }
    attempt_ended(outcome_of(why));
    return apply(attempts_->next({.outcome = why, .reused_connection = reused_}, now));
}

Next Exchange::apply(const upstream::Verdict& verdict) {
    switch (verdict.step) {
        case upstream::Step::kTryNext:
            rooms_.metrics.retries.add();
            return begin_attempt(verdict.target, false);
        case upstream::Step::kTrySameFresh:
            return begin_attempt(choice_, true);
        default:
            break;
    }
    return fail_with({verdict.error, upstream::describe(verdict.error, attempts_->made()), ""});
}

void Exchange::on_client_gone(MonoTime now) {
    now_ = now;
    if (phase_ == Phase::kStart || phase_ == Phase::kDone) return;
    attempt_ended(Outcome::kCancelled);
    // What was produced is paid for; of an unstreamed call nobody knows, so its reserve stays.
    if (phase_ == Phase::kStream) settle(stream_usage());
    phase_ = Phase::kDone;
}

request::Usage Exchange::stream_usage() const {
    if (stream_->usage()) return *stream_->usage();
    return meter::estimated_usage(facts_.input_estimate, stream_->content_bytes());
}

void Exchange::settle(const request::Usage& usage) {
    const route::Target& target = *plan_choice().target;
    const MicroUsd cost = meter::cost(target.price, usage);
    permit_->settle(usage.total(), cost, wall_);
    permit_.reset();
    rooms_.metrics.used(target.series, usage, target.price.known, cost);
}

void Exchange::attempt_ended(Outcome outcome) {
    if (!std::exchange(attempt_open_, false)) return;
    if (phase_ == Phase::kStream) rooms_.metrics.streams.subtract();
    const Duration first = timing_.upstream_first > timing_.upstream_sent
                               ? timing_.upstream_first - timing_.upstream_sent
                               : Duration{};
    rooms_.metrics.attempt_done(plan_choice().target->series, outcome, now_ - attempt_started_,
                                first);
}

}  // namespace vidai::node::exchange
