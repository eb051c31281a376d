// SPDX-License-Identifier: Apache-2.0
// The provider's side of a client connection: carrying out the calls its exchange asks for.
#include <utility>

#include "node/net/client_connection.h"
#include "node/net/clock.h"
#include "node/net/worker.h"

namespace vidai::node::net {

using exchange::Next;

void ClientConnection::handle(Next next) {
    switch (next) {
        case Next::kCall:
            start_call();
            return;
        case Next::kDone:
            drop_call();
            if (state_ == State::kUnheard) return client_gone();
            exchange_done();
            return;
        case Next::kPark:
            park();
            return;
        case Next::kWait:
            return;
    }
}

// Money may come: the worker goes on meanwhile.
void ClientConnection::park() {
    drop_call();
    if (worker_.context().waiting_room.enter(*this)) return;
    if (worker_.options().budget_wait.count() > 0) worker_.metrics().budgets.crowded.add();
    handle(exchange_->resume(mono_now(), admit::Patience::kIsOver));
}

void ClientConnection::on_money(bool wait_is_over) {
    const Next next = exchange_->resume(
        mono_now(), wait_is_over ? admit::Patience::kIsOver : admit::Patience::kMayWait);
    if (next == Next::kPark) return;
    worker_.context().waiting_room.leave(*this);
    handle(next);
}

void ClientConnection::start_call() {
    drop_call();
    bool ready = false;
    UpstreamPool& pool = *(*runtime_->pools)[exchange_->provider()];
    upstream_ = pool.acquire(*this, exchange_->fresh_connection(), ready);
    if (ready) on_upstream_ready();
}

void ClientConnection::drop_call() {
    upstream_paused_ = false;
    if (const auto call = std::exchange(upstream_, nullptr)) call->abandon();
}

void ClientConnection::on_upstream_ready() {
    // Held: a send that fails at once starts another call from within.
    const std::shared_ptr<UpstreamConnection> call = upstream_;
    call->send(exchange_->on_ready(call->reused(), mono_now()), {});
}

void ClientConnection::on_upstream_head(const http::ResponseHead& head) {
    handle(exchange_->on_head(head, upstream_->first_byte_at(), mono_now()));
}

void ClientConnection::on_upstream_payload(std::string_view bytes) {
    handle(exchange_->on_payload(bytes, mono_now()));
}

void ClientConnection::on_upstream_pause() {
    if (state_ == State::kUnheard) {
        out_.clear();
        sent_ = 0;
        return;
    }
    if (out_.size() == sent_ || flush() || state_ != State::kExchange) return;
    if (out_.size() - sent_ > worker_.options().stream_buffer_max) {
        upstream_paused_ = true;
        upstream_->pause();
    }
}

void ClientConnection::on_upstream_end() {
    upstream_.reset();
    handle(exchange_->on_end(mono_now()));
}

void ClientConnection::on_upstream_failed(upstream::Outcome why, std::string_view detail) {
    const std::shared_ptr<UpstreamConnection> call = std::move(upstream_);  // `detail` may be its
    handle(exchange_->on_failed(why, mono_now(), detail));
}

}  // namespace vidai::node::net
