// SPDX-License-Identifier: Apache-2.0
// The way out and back: the request a provider gets, and its answer when it is not a stream.
#include <array>
#include <utility>

#include "node/dialect/openai_chat/error.h"
#include "node/dialect/openai_chat/response.h"
#include "node/dialect/openai_chat/splice.h"
#include "node/exchange/exchange.h"
#include "node/http/write.h"
#include "node/meter/meter.h"
#include "node/respond/headers.h"

namespace vidai::node::exchange {
namespace {

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

// Besides these, of a refusal: they are written anew, each in both forms.
constexpr std::uint64_t kRefusalLines = http::field_bit(KnownField::kRetryAfter) |
                                        http::field_bit(KnownField::kRetryAfterMs) |
                                        http::field_bit(KnownField::kXShouldRetry);

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
    std::optional<request::LimitSplice> limit;
    if (exposure_ != nullptr && exposure_->output_limit()) [[unlikely]] {
        limit = dialect::openai_chat::limit_splice(exposure_->facts(), *exposure_->output_limit());
    }
    const request::LimitSplice* const added = limit ? &*limit : nullptr;
    http::append_field(out, "content-length",
                       dialect::openai_chat::spliced_length(body_, facts_, target.model, added));
    http::end_head(out);
    dialect::openai_chat::append_spliced(out, body_, facts_, target.model, added);
}

std::string_view Exchange::on_ready(bool reused, MonoTime now) {
    now_ = timing_.upstream_sent = now;
    reused_ = reused;
    sent_ = true;
    permit_->sent(worst_case());
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
    if (head.status() >= 300) [[unlikely]] {
        sent_ = false;  // refused: it costs nothing
        permit_->refused();
        const upstream::StatusKind kind = upstream::status_kind(head.status());
        if (kind != upstream::StatusKind::kAnswer) {
            const bool ours = kind == upstream::StatusKind::kCredential;
            log_attempt(
                ours ? observe::Event::kUpstreamCredential : observe::Event::kUpstreamFailed,
                ours ? "credential_refused" : "status", verdict.step == upstream::Step::kTryNext);
        }
    }
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
    const bool refused = head.status() >= 300;
    const std::uint64_t ours = kOwnLines | (refused ? kRefusalLines : 0);
    scratch_.lines.clear();
    for (std::size_t i = 0; i < head.field_count(); ++i) {
        const http::Field field = head.field(i);
        if (field.known != KnownField::kOther) {
            if ((http::field_bit(field.known) & ours) != 0) continue;
        } else if (is_own_line(field.name)) {
            continue;
        }
        if (head.hop_by_hop(i)) continue;
        http::append_field(scratch_.lines, field.name, field.value);
    }
    advice_at_ = scratch_.lines.size();
    if (refused) {
        respond::append_retry_advice(scratch_.lines, head.status(),
                                     {.should_retry = head.get(KnownField::kXShouldRetry),
                                      .retry_after = head.get(KnownField::kRetryAfter),
                                      .retry_after_ms = head.get(KnownField::kRetryAfterMs)});
    }
    if (const std::string_view theirs = head.get(KnownField::kXRequestId); !theirs.empty()) {
        http::append_field(scratch_.lines, "x-vidai-provider-request-id", theirs);
    }
    if (exposure_ != nullptr && exposure_->output_limit()) [[unlikely]] {
        http::append_field(scratch_.lines, "x-vidai-max-completion-tokens",
                           static_cast<std::uint64_t>(exposure_->output_limit()->value));
    }
}

Next Exchange::on_payload(std::string_view bytes, MonoTime now) {
    now_ = now;
    if (phase_ == Phase::kHold) {
        if (scratch_.held.size() + bytes.size() > kHeldMax) {
            return refuse_held("too_large", "it is larger than 32 MiB");
        }
        scratch_.held += bytes;
        return Next::kWait;
    }
    return relay(bytes);
}

Next Exchange::on_end(MonoTime now) {
    now_ = now;
    return phase_ == Phase::kStream ? end_stream() : finish_held();
}

Next Exchange::finish_held() {
    if (upstream_status_ >= 300) return pass_refusal();
    const auto facts = dialect::openai_chat::read_response(scratch_.held);
    if (!facts) return refuse_held("not_json", facts.error().message);
    attempt_ended(Outcome::kOk);
    settle(
        charge(facts->usage ? *facts->usage
                            : meter::estimated_usage(facts_.input_estimate, facts->content_bytes)),
        mesh::usage::Outcome::kAnswered);
    phase_ = Phase::kDone;
    if (gone_) return Next::kDone;
    status_ = upstream_status_;
    append_reply(out_, status_, {}, scratch_.lines, scratch_.held, context(now_));
    return Next::kDone;
}

// The provider's error as it came, where a client can read it; else one of ours in its place.
Next Exchange::pass_refusal() {
    attempt_ended(outcome_of_status(upstream_status_));
    if (gone_) return give_up(now_);
    settle_unanswered();
    error_ = ErrorCode::kUpstreamError;
    const bool redirected = upstream_status_ < 400;  // where to is not for the client to know
    status_ = redirected ? error_status(*error_) : upstream_status_;
    if (!redirected && dialect::openai_chat::is_error(scratch_.held)) {
        append_reply(out_, status_, {}, scratch_.lines, scratch_.held, context(now_));
    } else {
        const auto ours = std::string_view(scratch_.lines).substr(advice_at_);
        append_refusal_reply(out_, status_, ours, context(now_));
    }
    phase_ = Phase::kDone;
    return Next::kDone;
}

// A whole answer that cannot be understood.
Next Exchange::refuse_held(std::string_view what, std::string_view detail) {
    log_attempt(observe::Event::kUpstreamInvalid, what, false, detail);
    attempt_ended(Outcome::kInvalid);
    if (gone_) return give_up(now_);
    lose_attempt();
    return fail_with({ErrorCode::kUpstreamInvalid, "", ""});
}

Next Exchange::on_failed(upstream::Outcome why, MonoTime now, std::string_view detail) {
    now_ = now;
    if (phase_ == Phase::kStream) {
        if (stream_->done()) return end_stream();
        return break_stream(ErrorCode::kUpstreamInterrupted, upstream::outcome_name(why),
                            "the connection to the provider broke during the stream");
    }
    attempt_ended(outcome_of(why));
    const upstream::Verdict verdict =
        attempts_->next({.outcome = why, .reused_connection = reused_}, now);
    if (verdict.step != upstream::Step::kTrySameFresh) {
        log_attempt(why == upstream::Outcome::kMalformed ? observe::Event::kUpstreamInvalid
                                                         : observe::Event::kUpstreamFailed,
                    upstream::outcome_name(why), verdict.step == upstream::Step::kTryNext, detail);
        lose_attempt();
    }
    return apply(verdict);
}

Next Exchange::apply(const upstream::Verdict& verdict) {
    if (gone_) return give_up(now_);
    switch (verdict.step) {
        case upstream::Step::kTryNext:
            rooms_.metrics.retries.add();
            return begin_another(verdict.target, false);
        case upstream::Step::kTrySameFresh:
            // The connection had gone stale; but nobody can prove that the request did not arrive.
            record({}, permit_->lost(), mesh::usage::Outcome::kUnknown);
            return begin_another(choice_, true);
        default:
            break;
    }
    return fail_with({verdict.error, upstream::describe(verdict.error, attempts_->made()), ""});
}

Next Exchange::on_client_gone(MonoTime now) {
    now_ = now;
    if (phase_ == Phase::kDone) return Next::kDone;
    if (gone_ || !is_paid_in_full()) return give_up(now);
    gone_ = true;
    error_ = ErrorCode::kCancelled;
    if (!started_) status_ = error_status(*error_);
    return Next::kWait;
}

Next Exchange::give_up(MonoTime now) {
    now_ = now;
    if (phase_ == Phase::kStart || phase_ == Phase::kDone) return Next::kDone;
    end_wait();
    attempt_ended(Outcome::kCancelled);
    error_ = ErrorCode::kCancelled;
    if (phase_ == Phase::kStream) {
        settle(stream_charge(false), mesh::usage::Outcome::kClientGone);
    } else {
        status_ = error_status(*error_);
        lose_attempt();
        settle_unanswered();
    }
    phase_ = Phase::kDone;
    return Next::kDone;
}

}  // namespace vidai::node::exchange
