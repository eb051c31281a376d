// SPDX-License-Identifier: Apache-2.0
// One connection to a provider: connect, TLS, then calls one after the other, each a request sent
// and a response read. Moves bytes and watches deadlines; what an outcome means is its user's
// business. One worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "node/http/body.h"
#include "node/http/head.h"
#include "node/net/buffer.h"
#include "node/net/deadline_wheel.h"
#include "node/net/poller.h"
#include "node/net/resolver.h"
#include "node/net/stream.h"
#include "node/providers/provider.h"
#include "node/upstream/attempts.h"

namespace vidai::node::net {

class UpstreamPool;
struct WorkerContext;

// Whoever makes a call. Each callback may destroy the user or end the call.
class UpstreamUser {
  public:
    virtual void on_upstream_ready() = 0;  // connected: send() now
    virtual void on_upstream_head(const http::ResponseHead& head) = 0;
    virtual void on_upstream_payload(std::string_view bytes) = 0;  // decoded body bytes
    // All that one read brought has been handed over, and the response is not at its end.
    virtual void on_upstream_pause() = 0;
    virtual void on_upstream_end() = 0;  // response whole; the connection is the pool's again
    // The connection is gone; `detail` is what the system said, for the log, and may be empty.
    virtual void on_upstream_failed(upstream::Outcome why, std::string_view detail) = 0;

  protected:
    ~UpstreamUser() = default;
};

class UpstreamConnection final : public EventHandler,
                                 public DeadlineHandler,
                                 public std::enable_shared_from_this<UpstreamConnection> {
  public:
    UpstreamConnection(WorkerContext& worker, UpstreamPool& pool);
    ~UpstreamConnection() override;

    // Resolves, connects and shakes hands for `user`, who hears ready or failed, never in here.
    void connect(UpstreamUser& user);
    // An idle connection takes its next call; send() may follow at once.
    void adopt(UpstreamUser& user);
    // `head` and `body` must stay where they are until the call ends.
    void send(std::string_view head, std::string_view body);
    // Stop and go on reading: the user's own output is full.
    void pause() { paused_ = true; }
    void resume();
    // The user goes away in the middle of a call: the connection closes, nobody is told.
    void abandon();

    bool reused() const { return calls_ > 1; }
    MonoTime first_byte_at() const { return first_byte_at_; }
    std::uint64_t bytes_in() const { return bytes_in_; }

    void on_events(std::uint32_t events) override;
    void on_deadline(MonoTime now) override;

  private:
    enum class State : std::uint8_t { kResolving, kConnecting, kHandshake, kIdle, kBusy, kClosed };

    void start_resolve();
    void try_next_address();
    void on_connected();
    void continue_handshake();
    void ready();
    void flush();
    void read_some();
    // Both are false when reading must stop: the call ended, failed, or is paused.
    bool process();
    bool process_head();
    void finish();
    void fail(upstream::Outcome why, std::string_view detail = {});
    void on_peer_closed();
    void close();
    void arm(MonoTime now);

    WorkerContext& worker_;
    UpstreamPool& pool_;
    UpstreamUser* user_ = nullptr;
    State state_ = State::kClosed;
    Stream stream_;
    Buffer in_;
    http::ResponseHead head_;
    http::BodyReader body_;
    std::shared_ptr<const Addresses> addresses_;
    std::size_t next_address_ = 0;
    upstream::Outcome last_connect_failure_ = upstream::Outcome::kConnectFailed;
    std::string last_connect_error_;  // in words

    std::string_view unsent_head_;
    std::string_view unsent_body_;
    bool head_done_ = false;
    bool paused_ = false;
    bool readable_ = false;     // an edge came that was not read to its end
    bool peer_closed_ = false;  // an event announced the end
    std::uint32_t calls_ = 0;
    std::uint64_t bytes_in_ = 0;
    MonoTime call_started_;
    MonoTime connect_by_;
    MonoTime last_read_;
    MonoTime first_byte_at_;
};

}  // namespace vidai::node::net
