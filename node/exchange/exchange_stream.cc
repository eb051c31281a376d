// SPDX-License-Identifier: Apache-2.0
// A streamed answer on its way through: event by event, and ended well even when the provider does
// not.
#include "node/exchange/exchange.h"
#include "node/http/chunked.h"

namespace vidai::node::exchange {

using dialect::openai_chat::StreamAction;
using observe::Outcome;

void Exchange::start_stream() {
    if (http10_) keep_alive_ = false;  // its body ends with the connection
    if (!gone_) {                      // whoever left before it began was not answered
        status_ = 200;
        append_stream_head(out_, 200, scratch_.lines, context(now_));
        rooms_.metrics.response_started(endpoint_, 200, now_ - timing_.received,
                                        timing_.upstream_first - timing_.upstream_sent);
        started_ = true;
        answered_ = now_;
    }
    rooms_.metrics.streams.add();
    stream_.emplace(facts_.client_wants_usage);
    scanner_.emplace();
    phase_ = Phase::kStream;
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
            if (progress == http::SseProgress::kNeedMore) {
                if (!shrunk_ && stream_->usage()) [[unlikely]]
                    shrink_reservation();
                const bool known = gone_ && stream_->usage_final();
                return known ? give_up(now_) : Next::kWait;
            }
            return break_stream(ErrorCode::kUpstreamInvalid, scanner_->error_message(),
                                scanner_->error_message());
        }
        const StreamAction action =
            event.has_data ? stream_->on_event(event.data, event.name) : StreamAction::kForward;
        if (action == StreamAction::kInvalid) {
            send_piece(run);
            return break_stream(ErrorCode::kUpstreamInvalid, "event_is_no_json",
                                "the provider sent an event that is neither JSON nor [DONE]");
        }
        if (action == StreamAction::kDrop) continue;
        const std::string_view raw = event.raw;
        if (action == StreamAction::kError) [[unlikely]] {
            send_piece(run);
            send_piece(raw);
            return break_stream(ErrorCode::kUpstreamInterrupted, "error_event", nullptr);
        }
        if (exposure_ != nullptr) [[unlikely]] {
            if (action == StreamAction::kForward && passes_reserve()) {
                send_piece(run);
                return cut_stream(event.data);
            }
        }
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

Next Exchange::end_stream() {
    if (!stream_->done() && !stream_->saw_finish_reason()) {
        return break_stream(ErrorCode::kUpstreamInterrupted, "ended_early",
                            "the provider ended the stream before it was complete");
    }
    attempt_ended(Outcome::kOk);
    settle(stream_charge(true), mesh::usage::Outcome::kAnswered);
    if (!http10_) out_ += http::kLastChunk;
    phase_ = Phase::kDone;
    return Next::kDone;
}

// Without a message the provider has already told the client, by an error event of its own.
Next Exchange::break_stream(ErrorCode why, std::string_view what, const char* message) {
    const bool invalid = why == ErrorCode::kUpstreamInvalid;
    if (!gone_) error_ = why;
    log_attempt(invalid ? observe::Event::kUpstreamInvalid : observe::Event::kUpstreamFailed, what,
                false);
    attempt_ended(invalid              ? Outcome::kInvalid
                  : message == nullptr ? Outcome::kFailed
                                       : Outcome::kInterrupted);
    settle(stream_charge(false), mesh::usage::Outcome::kInterrupted);
    if (message != nullptr) {
        scratch_.held.clear();
        append_error_event(scratch_.held, {why, message, ""});
        send_piece(scratch_.held);
    }
    if (!http10_) out_ += http::kLastChunk;
    keep_alive_ = false;
    phase_ = Phase::kDone;
    return Next::kDone;
}

}  // namespace vidai::node::exchange
