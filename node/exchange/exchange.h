// SPDX-License-Identifier: Apache-2.0
// The corridor: one request's life, and the only place that knows the order of the rooms.
//
//   route -> auth -> parse -> admit -> route plan -> fund -> splice -> [call] -> relay -> meter ->
//   respond
//
// A state machine without I/O: the connection tells it what happened and it says what to do next,
// appending what the client shall read to the connection's output. A call needs a Permit, which
// only admit() makes and only fund() funds; it settles on every way out, destruction included.
// Lives on one worker, as long as one request.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/usage/event.h"
#include "node/admit/funding.h"
#include "node/admit/permit.h"
#include "node/auth/principal.h"
#include "node/dialect/openai_chat/stream.h"
#include "node/exchange/reply.h"
#include "node/exchange/rooms.h"
#include "node/exchange/routes.h"
#include "node/http/head.h"
#include "node/http/sse.h"
#include "node/meter/exposure.h"
#include "node/meter/meter.h"
#include "node/request/budget_refusal.h"
#include "node/request/chat_facts.h"
#include "node/request/rate_state.h"
#include "node/request/timing.h"
#include "node/respond/request_id.h"
#include "node/route/route_table.h"
#include "node/upstream/attempts.h"

namespace vidai::node::exchange {

enum class Next : std::uint8_t {
    kDone,  // the answer is whole in the output; finish() once it is sent
    kCall,  // make the call that provider() and fresh_connection() name
    kWait,  // go on with the call under way
    kPark,  // a budget lacks money: resume() when woken, or when the wait is over
};

// Memory that outlives one exchange so that the next need not allocate. The connection's.
struct Scratch {
    std::string upstream;  // the request as it goes to the provider
    std::string held;      // an unstreamed answer until it is whole
    std::string lines;     // header lines taken over from the provider
};

class Exchange {
  public:
    static constexpr std::size_t kHeldMax = 32 * 1024 * 1024;
    // Reserved for a request that does not bound its own output.
    static constexpr Tokens kOutputReserve{1'024};

    // Everything is borrowed and outlives the exchange.
    Exchange(Rooms& rooms, LocalRuntime& runtime, Scratch& scratch, std::string& out);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // The request is whole. `head` and `body` stay valid while the exchange lives.
    Next begin(const http::RequestHead& head, std::string_view body, MonoTime received,
               WallTime wall);
    // After kPark: asks for the money again. kPark again only while the wait is not over.
    Next resume(MonoTime now, admit::Patience patience);
    // The request could not even be read.
    void refuse(const Error& error, MonoTime received);

    std::uint16_t provider() const { return plan_choice().target->provider; }
    bool fresh_connection() const { return fresh_connection_; }

    // The connection stands; what is to be sent on it. Also when a retry sends again.
    std::string_view on_ready(bool reused, MonoTime now);
    // A response head; `first_byte` is when its first byte came. kCall: drop this call first.
    Next on_head(const http::ResponseHead& head, MonoTime first_byte, MonoTime now);
    Next on_payload(std::string_view bytes, MonoTime now);  // kDone: drop the call
    Next on_end(MonoTime now);
    // `detail`: what the system or OpenSSL said of it, for the log; may be empty.
    Next on_failed(upstream::Outcome why, MonoTime now, std::string_view detail = {});
    // Nobody reads any more. kWait: a hard budget pays for the call, and pays no less when it is
    // dropped; go on with it for its usage, and drop the output. kDone: settled; drop the call.
    Next on_client_gone(MonoTime now);
    // Its usage is not waited for any longer, either. Settles; drop the call.
    Next give_up(MonoTime now);

    // The answer has gone out (or never will).
    void finish(MonoTime now);

    // After kDone: whether the connection may carry another request.
    bool keep_alive() const { return keep_alive_; }
    bool streaming() const { return phase_ == Phase::kStream; }

  private:
    enum class Phase : std::uint8_t { kStart, kPark, kCall, kHold, kStream, kDone };

    Next respond_local(const Route& route);
    Next respond_models();
    Next begin_chat(std::string_view body);
    Result<void> expose(const mesh::state::KeyRecord& key);
    Next fund(const mesh::state::KeyRecord& key, admit::Patience patience);
    admit::Funding reserve(const mesh::state::KeyRecord& key, admit::Patience patience);
    Next begin_call();
    Next begin_attempt(std::size_t choice, bool fresh);
    Next begin_another(std::size_t choice, bool fresh);
    MicroUsd worst_case() const;
    MicroUsd bound() const;
    meter::Charge charge(const request::Usage& usage) const;
    meter::Charge stream_charge(bool whole) const;
    void shrink_reservation();
    void end_wait();
    void count_observed(ErrorCode would_be);
    Next apply(const upstream::Verdict& verdict);
    Next fail_with(const Error& error);
    void build_upstream_request(const route::Target& target);
    void keep_response_lines(const http::ResponseHead& head);
    Next finish_held();
    Next pass_refusal();
    Next refuse_held(std::string_view what, std::string_view detail);

    void start_stream();
    Next relay(std::string_view bytes);
    void send_piece(std::string_view bytes);
    Next end_stream();
    bool passes_reserve();
    Next cut_stream(std::string_view chunk);
    Next break_stream(ErrorCode why, std::string_view what, const char* message);

    request::Usage stream_usage() const;
    void lose_attempt();
    void settle(const meter::Charge& charge, mesh::usage::Outcome how);
    void account(const meter::Charge& charge);
    void record(const meter::Charge& charge, MicroUsd charged, mesh::usage::Outcome how);
    void settle_unanswered();
    bool is_paid_in_full() const;
    void log_overrun(MicroUsd reserved, MicroUsd spent);
    void attempt_ended(observe::Outcome outcome);
    void log_attempt(observe::Event event, std::string_view what, bool retried,
                     std::string_view detail = {});
    void log_done(MonoTime now, Duration upstream);
    std::string_view outcome() const;
    ReplyContext context(MonoTime now) const;
    const route::Choice& plan_choice() const { return plan_->choices()[choice_]; }

    Rooms& rooms_;
    LocalRuntime& runtime_;
    Scratch& scratch_;
    std::string& out_;

    Phase phase_ = Phase::kStart;
    const http::RequestHead* head_ = nullptr;
    std::string_view body_;
    request::Endpoint endpoint_ = request::Endpoint::kOther;
    bool keep_alive_ = true;
    bool http10_ = false;
    bool head_only_ = false;
    bool fresh_connection_ = false;
    bool reused_ = false;
    bool started_ = false;  // response_started() was counted
    bool ended_ = false;    // response_finished() was counted
    bool gone_ = false;     // nobody reads any more
    bool attempt_open_ = false;
    bool sent_ = false;  // this attempt's request went out and is neither answered nor refused
    int status_ = 0;
    int upstream_status_ = 0;         // of this attempt; 0: no head came
    std::optional<ErrorCode> error_;  // what went wrong, for the log
    MonoTime now_;
    WallTime wall_;
    request::Timing timing_;
    MonoTime attempt_started_;
    MonoTime answered_;  // just before the first byte of the answer; zero: none went out
    respond::RequestId id_;
    auth::Principal principal_;
    bool known_principal_ = false;
    std::optional<request::RateState> rate_;
    request::ChatFacts facts_;
    Tokens reserved_;
    std::unique_ptr<meter::Exposure> exposure_;  // null: no hard budget bounds it
    MonoTime parked_;                            // since when it waits for money; zero: it does not
    Duration waited_{};
    MicroUsd reserved_money_;  // in each budget, the most at once
    MicroUsd charged_money_;   // in each budget, in the end
    bool shrunk_ = false;
    bool clamped_ = false;                          // and that was counted
    std::int64_t pieces_ = 0;                       // of content, of a stream under a budget
    std::int64_t content_bytes_ = 0;                // when the last of them was counted
    std::optional<request::BudgetRefusal> budget_;  // the one in the way
    std::optional<admit::Permit> permit_;
    std::optional<meter::Charge> owed_;     // the dearest attempt that was sent and lost
    std::optional<meter::Charge> charged_;  // settled
    std::optional<route::Plan> plan_;
    std::optional<upstream::Attempts> attempts_;
    std::size_t choice_ = 0;
    struct Another {
        std::size_t choice = 0;
        bool fresh = false;
    };
    std::optional<Another> another_;  // attempt, that is to be funded first
    std::optional<dialect::openai_chat::StreamReader> stream_;
    std::optional<http::SseScanner> scanner_;
    std::size_t advice_at_ = 0;  // where in Scratch::lines the gateway's own begin
};

}  // namespace vidai::node::exchange
