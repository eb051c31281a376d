// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/saver.h"

#include <utility>

#include "mesh/state/snapshot_file.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::rpc {

Saver::Saver(std::string path, kj::LowLevelAsyncIoProvider* io, std::function<seal::Bytes()> encode,
             std::function<void(const Result<void>&)> saved)
    : Saver(Write([path = std::move(path)](const seal::Bytes& bytes) {
                return state::store_bytes(path, bytes);
            }),
            io, std::move(encode), std::move(saved)) {}

Saver::Saver(Write write, kj::LowLevelAsyncIoProvider* io, std::function<seal::Bytes()> encode,
             std::function<void(const Result<void>&)> saved)
    : write_(std::move(write)),
      encode_(std::move(encode)),
      saved_(std::move(saved)),
      tasks_(*this) {
    if (io == nullptr) return;
    pump_.emplace(results_, *io, [this](const Result<void>& result) { ended(result); });
    thread_ = std::thread([this]() { work(); });
}

Saver::~Saver() noexcept(false) {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
    if (dirty_) saved_(write_(encode_()));
}

void Saver::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this]() { return stop_ || job_.has_value(); });
        if (!job_) return;
        const seal::Bytes bytes = *std::exchange(job_, std::nullopt);
        lock.unlock();
        const bool told = results_.push(write_(bytes));
        CHECK(told, "one save at a time has one result");
        lock.lock();
    }
}

void Saver::taskFailed(kj::Exception&&) {
    CHECK(false, "hearing of a result does not throw");
}

void Saver::begin() {
    running_ = true;
    dirty_ = false;
    served_ = std::exchange(waiting_, {});
    seal::Bytes bytes = encode_();
    if (!pump_) {
        tasks_.add(kj::evalLater([this, result = write_(bytes)]() { ended(result); }));
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        job_ = std::move(bytes);
    }
    wake_.notify_one();
}

void Saver::save_if_dirty() {
    if (dirty_ && !running_) begin();
}

kj::Promise<Result<void>> Saver::save() {
    auto pair = kj::newPromiseAndFulfiller<Result<void>>();
    waiting_.push_back(kj::mv(pair.fulfiller));
    dirty_ = true;
    save_if_dirty();
    return kj::mv(pair.promise);
}

void Saver::ended(const Result<void>& result) {
    running_ = false;
    if (!result) dirty_ = true;
    for (Waiter& waiter : std::exchange(served_, {})) waiter->fulfill(Result<void>(result));
    saved_(result);
    if (!waiting_.empty()) begin();
}

}  // namespace vidai::mesh::rpc
