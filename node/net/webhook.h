// SPDX-License-Identifier: Apache-2.0
// Webhook: tells somebody outside of the mesh what has happened, by HTTP. What is said waits in a
// bounded queue for a thread of its own, which says one thing after the other, tries again with
// growing pauses what was not taken, and gives up in the end. post() from any thread; nobody else
// ever waits for it. What is not delivered when the node ends is lost.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "node/net/http_post.h"
#include "schema/base/mailbox.h"

namespace vidai::node::net {

struct WebhookOptions {
    PostTarget target;
    std::chrono::milliseconds timeout{5'000};      // of one attempt
    std::chrono::milliseconds pause_first{1'000};  // before the second; then twice as long each
    std::chrono::milliseconds pause_max{60'000};
    int attempts = 12;  // about eight minutes
};

class Webhook {
  public:
    static constexpr std::size_t kWaitingMax = 256;

    // What came of one: empty when it was taken, else why it was given up. On the thread.
    using Outcome = std::function<void(const std::string& given_up)>;

    Webhook(WebhookOptions options, Outcome outcome);
    Webhook(const Webhook&) = delete;
    Webhook& operator=(const Webhook&) = delete;
    ~Webhook();  // ends an attempt under way; looking up a name is waited for

    // False: too many wait, and this one is dropped.
    bool post(std::string json);

  private:
    void run();
    std::string deliver(const std::string& json);  // why in vain; empty: it was taken
    bool pause(std::chrono::milliseconds span);    // false: the node ends

    const WebhookOptions options_;
    const Outcome outcome_;
    WakeFd stop_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> waiting_;
    bool ending_ = false;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace vidai::node::net
