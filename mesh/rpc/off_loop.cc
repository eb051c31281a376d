// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/off_loop.h"

#include <pthread.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::rpc {

OffLoop::OffLoop(std::string name, kj::LowLevelAsyncIoProvider* io) : name_(std::move(name)) {
    if (io == nullptr) return;
    pump_.emplace(results_, *io, [this](std::uint64_t number) { ended(number); });
    thread_ = std::thread([this]() { work(); });
}

OffLoop::~OffLoop() noexcept(false) {
    {
        const std::lock_guard lock(mutex_);
        stop_.request_stop();
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

bool OffLoop::begin(Step work, Step done) {
    if (done_.size() > kWaitingMax) return false;
    done_.emplace(++last_, std::move(done));
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back({last_, std::move(work)});
    }
    wake_.notify_one();
    return true;
}

std::unexpected<Error> OffLoop::busy() {
    return fail(ErrorCode::kUnavailable,
                "this node is busy with as many reports as it takes at a time: ask again later");
}

void OffLoop::ended(std::uint64_t number) {
    const auto found = done_.find(number);
    CHECK(found != done_.end());
    const Step done = std::move(found->second);
    done_.erase(found);
    done();
}

void OffLoop::work() {
    ::pthread_setname_np(::pthread_self(), name_.c_str());
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this]() { return stop_.stop_requested() || !jobs_.empty(); });
        if (stop_.stop_requested()) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job.work();
        job.work = {};
        const bool told = results_.push(std::uint64_t{job.number});
        CHECK(told, "there is room for all that may wait");
        lock.lock();
    }
}

}  // namespace vidai::mesh::rpc
