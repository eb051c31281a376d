// SPDX-License-Identifier: Apache-2.0
// Saver: writes a file from a thread of its own, so that an fsync never delays a probe's answer.
// Saves that are asked for while one runs become one. Lives on the mesh thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <kj/async-io.h>

#include "mesh/rpc/mailbox_pump.h"
#include "mesh/seal/encoding.h"
#include "schema/base/mailbox.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

class Saver final : private kj::TaskSet::ErrorHandler {
  public:
    // What puts bytes on the disk; on the other thread.
    using Write = std::function<Result<void>(const seal::Bytes&)>;
    // `encode` gives the bytes of now; `saved` hears of each attempt. Both on the mesh thread.
    // Without `io` there is no other thread: it writes in the turn that asks.
    Saver(Write write, kj::LowLevelAsyncIoProvider* io, std::function<seal::Bytes()> encode,
          std::function<void(const Result<void>&)> saved);
    // Into the file at `path`.
    Saver(std::string path, kj::LowLevelAsyncIoProvider* io, std::function<seal::Bytes()> encode,
          std::function<void(const Result<void>&)> saved);
    // Finishes the save under way, and one more if there were changes since.
    ~Saver() noexcept(false);
    Saver(const Saver&) = delete;
    Saver& operator=(const Saver&) = delete;

    void mark_dirty() { dirty_ = true; }
    void save_if_dirty();  // call about once a second
    // Ends when a save has ended that began after this call.
    kj::Promise<Result<void>> save();

  private:
    using Waiter = kj::Own<kj::PromiseFulfiller<Result<void>>>;
    void begin();
    void ended(const Result<void>& result);
    void work();  // the thread
    void taskFailed(kj::Exception&& e) override;

    const Write write_;
    std::function<seal::Bytes()> encode_;
    std::function<void(const Result<void>&)> saved_;
    bool dirty_ = false;
    bool running_ = false;
    std::vector<Waiter> waiting_, served_;  // for the next save, for the one that runs

    std::mutex mutex_;
    std::condition_variable wake_;
    std::optional<seal::Bytes> job_;
    bool stop_ = false;
    Mailbox<Result<void>> results_{4};
    std::optional<MailboxPump<Result<void>>> pump_;
    std::thread thread_;
    kj::TaskSet tasks_;  // without the thread: that results are heard of
};

}  // namespace vidai::mesh::rpc
