// SPDX-License-Identifier: Apache-2.0
// One client connection: TLS, requests one after the other (pipelined ones wait their turn), each
// given to an Exchange, whose provider calls it carries out. Moves bytes, keeps the bounds of
// ListenOptions and the deadlines; decides nothing about a request. One worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "node/exchange/exchange.h"
#include "node/http/body.h"
#include "node/http/head.h"
#include "node/net/buffer.h"
#include "node/net/deadline_wheel.h"
#include "node/net/poller.h"
#include "node/net/runtime_pools.h"
#include "node/net/stream.h"
#include "node/net/upstream_connection.h"
#include "node/net/waiting_room.h"

namespace vidai::node::net {

class Worker;

class ClientConnection final : public EventHandler,
                               public DeadlineHandler,
                               public UpstreamUser,
                               public Waiter {
  public:
    ClientConnection(Worker& worker, Stream stream);
    ~ClientConnection() override;

    // False when the kernel will not watch the socket; destroy it then.
    [[nodiscard]] bool start();
    // The node drains: an idle connection closes now, a busy one after its answer.
    void drain();

    void on_events(std::uint32_t events) override;
    void on_deadline(MonoTime now) override;
    void on_money(bool wait_is_over) override;

    void on_upstream_ready() override;
    void on_upstream_head(const http::ResponseHead& head) override;
    void on_upstream_payload(std::string_view bytes) override;
    void on_upstream_pause() override;
    void on_upstream_end() override;
    void on_upstream_failed(upstream::Outcome why, std::string_view detail) override;

  private:
    enum class State : std::uint8_t {
        kHandshake,
        kHead,      // waits for, or reads, a request head
        kBody,      // reads its body
        kExchange,  // an exchange is under way
        kFlush,     // the answer waits for the client to read
        kUnheard,   // the client has left, and the exchange goes on for the provider's usage
        kLinger,  // our side is shut; what still comes is dropped, so that no reset eats the answer
        kClosed,
    };

    void read_some();
    void process_input();
    bool process_head();  // these two are true when a request is whole
    bool process_body();
    void refuse(const Error& error);
    void begin_exchange();
    void handle(exchange::Next next);
    void park();
    void start_call();
    void drop_call();
    void exchange_done();
    void after_flush();
    bool flush();  // true when nothing is left to send
    void client_gone();
    void hang_up();
    void linger();
    void close();
    void arm_head();

    Worker& worker_;
    Stream stream_;
    State state_ = State::kHandshake;
    bool readable_ = false;
    bool peer_closed_ = false;
    bool processing_ = false;
    bool upstream_paused_ = false;
    bool continue_sent_ = false;

    Buffer in_;
    http::RequestHead head_;
    std::size_t head_bytes_ = 0;     // of the request under way
    std::size_t request_bytes_ = 0;  // head and body as they stand in in_
    http::BodyReader body_reader_;
    std::string chunked_body_;
    MonoTime started_;  // when the first byte of this request came, or of the body
    MonoTime last_write_;

    std::string out_;
    std::size_t sent_ = 0;

    exchange::Scratch scratch_;
    std::shared_ptr<RuntimePools> runtime_;
    std::optional<exchange::Exchange> exchange_;
    std::shared_ptr<UpstreamConnection> upstream_;
};

}  // namespace vidai::node::net
