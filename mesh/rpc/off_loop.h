// SPDX-License-Identifier: Apache-2.0
// OffLoop: a thread for what takes long and belongs to nobody's turn, such as reading files for a
// report. One job after the other, a few may wait. Lives on the mesh thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <kj/async-io.h>

#include "mesh/rpc/mailbox_pump.h"
#include "schema/base/mailbox.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

class OffLoop {
  public:
    static constexpr std::size_t kWaitingMax = 4;

    // Without `io` there is no other thread: a job is done in the turn that asks.
    OffLoop(std::string name, kj::LowLevelAsyncIoProvider* io);
    // Asks the job under way to stop, and waits for it; those that wait are never done.
    ~OffLoop() noexcept(false);
    OffLoop(const OffLoop&) = delete;
    OffLoop& operator=(const OffLoop&) = delete;

    // `job` is called on the other thread, also when nobody waits for the promise any longer.
    // kUnavailable: too many wait.
    template <class T>
    kj::Promise<Result<T>> run(std::function<Result<T>(const std::stop_token&)> job) {
        if (!pump_) return job(stop_.get_token());
        auto pair = kj::newPromiseAndFulfiller<Result<T>>();
        auto result = std::make_shared<std::optional<Result<T>>>();
        const bool taken = begin(
            [this, job = std::move(job), result]() { *result = job(stop_.get_token()); },
            // A std::function can be copied, and a fulfiller cannot.
            [result, fulfiller = std::make_shared<kj::Own<kj::PromiseFulfiller<Result<T>>>>(kj::mv(
                         pair.fulfiller))]() { (*fulfiller)->fulfill(std::move(**result)); });
        if (!taken) return Result<T>(busy());
        return kj::mv(pair.promise);
    }

  private:
    using Step = std::function<void()>;
    struct Job {
        std::uint64_t number = 0;
        Step work;
    };
    bool begin(Step work, Step done);
    static std::unexpected<Error> busy();
    void ended(std::uint64_t number);
    void work();  // the thread

    const std::string name_;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, Step> done_;  // by number, of what waits or runs

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    std::stop_source stop_;
    Mailbox<std::uint64_t> results_{kWaitingMax + 1};
    std::optional<MailboxPump<std::uint64_t>> pump_;
    std::thread thread_;
};

}  // namespace vidai::mesh::rpc
