// SPDX-License-Identifier: Apache-2.0
#include "node/net/webhook.h"

#include <algorithm>
#include <utility>

namespace vidai::node::net {

namespace {

// What another attempt may help: a server that is overloaded, restarts or is behind one that is.
bool is_passing(int status) {
    return status >= 500 || status == 408 || status == 425 || status == 429;
}

}  // namespace

Webhook::Webhook(WebhookOptions options, Outcome outcome)
    : options_(std::move(options)), outcome_(std::move(outcome)), thread_([this]() { run(); }) {}

Webhook::~Webhook() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    stop_.signal();
}

bool Webhook::post(std::string json) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kWaitingMax) return false;
        waiting_.push_back(std::move(json));
    }
    changed_.notify_all();
    return true;
}

void Webhook::run() {
    for (;;) {
        std::string json;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this]() { return ending_ || !waiting_.empty(); });
            if (ending_) return;
            json = std::move(waiting_.front());
            waiting_.pop_front();
        }
        const std::string given_up = deliver(json);
        {
            const std::lock_guard lock(mutex_);
            if (ending_) return;
        }
        outcome_(given_up);
    }
}

std::string Webhook::deliver(const std::string& json) {
    std::chrono::milliseconds span = options_.pause_first;
    std::string why;
    for (int i = 1; i <= options_.attempts; ++i) {
        const auto status = http_post(options_.target, json, options_.timeout, stop_.fd());
        if (status && *status >= 200 && *status < 300) return {};
        why = status ? "it answered " + std::to_string(*status) : status.error().message;
        if (status && !is_passing(*status)) return why;
        if (i < options_.attempts && !pause(span)) return why;
        span = std::min(2 * span, options_.pause_max);
    }
    return why + ", " + std::to_string(options_.attempts) + " times in a row";
}

bool Webhook::pause(std::chrono::milliseconds span) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, span, [this]() { return ending_; });
}

}  // namespace vidai::node::net
