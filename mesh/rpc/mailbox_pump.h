// SPDX-License-Identifier: Apache-2.0
// Lets a KJ loop receive a Mailbox: waits on its eventfd, hands every value to a function.
// Mesh thread.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <kj/async-io.h>

#include "schema/base/mailbox.h"

namespace vidai::mesh::rpc {

template <class T>
class MailboxPump {
  public:
    MailboxPump(Mailbox<T>& mailbox, kj::LowLevelAsyncIoProvider& io,
                std::function<void(T)> receive)
        : mailbox_(mailbox),
          stream_(io.wrapInputFd(mailbox.fd())),
          receive_(std::move(receive)),
          running_(run().eagerlyEvaluate(nullptr)) {}
    MailboxPump(const MailboxPump&) = delete;
    MailboxPump& operator=(const MailboxPump&) = delete;

  private:
    kj::Promise<void> run() {
        return stream_->tryRead(&count_, sizeof count_, sizeof count_).then([this](std::size_t) {
            std::vector<T> values;
            mailbox_.drain(values);
            for (T& value : values) receive_(std::move(value));
            return run();
        });
    }

    Mailbox<T>& mailbox_;
    kj::Own<kj::AsyncInputStream> stream_;
    std::function<void(T)> receive_;
    std::uint64_t count_ = 0;
    kj::Promise<void> running_;
};

}  // namespace vidai::mesh::rpc
