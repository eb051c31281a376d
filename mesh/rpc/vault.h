// SPDX-License-Identifier: Apache-2.0
// Vault: a journal and the thread that writes it, so that no sync ever delays a probe's answer. One
// commit is under way at a time; after a second without one the journal is marked, so that a later
// start knows all of it to be synced. Lives on the mesh thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <kj/async-io.h>

#include "mesh/journal/journal.h"
#include "mesh/rpc/mailbox_pump.h"
#include "mesh/seal/encoding.h"
#include "schema/base/mailbox.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

class Vault final : private kj::TaskSet::ErrorHandler {
  public:
    struct Record {
        std::uint8_t kind = 0;
        seal::Bytes bytes;
    };
    enum class Care : std::uint8_t {
        kUsual,
        // No other node would notice if the end of the journal were lost: its mark is synced too.
        kAlone,
    };

    // Reads the journal at `path`, record by record, blocking. Without `io` there is no other
    // thread: it writes in the turn after the one that asks. As Journal::reopen(), and kConflict
    // for one that another process has.
    static Result<std::unique_ptr<Vault>> open(const std::string& path, const journal::Owner& owner,
                                               kj::LowLevelAsyncIoProvider* io,
                                               const journal::Journal::Read& read);
    ~Vault() noexcept(false);
    Vault(const Vault&) = delete;
    Vault& operator=(const Vault&) = delete;

    // Called with how each commit went; set once, before the first.
    void on_committed(std::function<void(const Result<void>&)> hear) { hear_ = std::move(hear); }
    // CHECKs that none is under way.
    void commit(std::vector<Record> records, Care care);
    bool busy() const { return busy_; }

    std::uint64_t commits() const { return commits_; }
    std::uint64_t bytes() const { return bytes_; }  // committed by this process
    journal::Journal::Recovered recovered() const { return recovered_; }

  private:
    struct Job {
        std::vector<Record> records;
        Care care = Care::kUsual;
    };
    Vault(std::unique_ptr<journal::Volume> volume, journal::Journal journal,
          kj::LowLevelAsyncIoProvider* io);
    Result<void> write(const Job& job);
    void work();  // the thread
    void ended(const Result<void>& result);
    void taskFailed(kj::Exception&& e) override;

    std::unique_ptr<journal::Volume> volume_;
    journal::Journal journal_;  // the thread's, once that runs
    const journal::Journal::Recovered recovered_;
    std::function<void(const Result<void>&)> hear_;
    bool busy_ = false;
    std::uint64_t commits_ = 0, bytes_ = 0;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::optional<Job> job_;
    bool stop_ = false;
    Mailbox<Result<void>> results_{4};
    std::optional<MailboxPump<Result<void>>> pump_;
    std::thread thread_;
    kj::TaskSet tasks_;  // without the thread: that results are heard of
};

}  // namespace vidai::mesh::rpc
