// SPDX-License-Identifier: Apache-2.0
// Vault: a journal and the thread that writes it, so that no sync ever delays a probe's answer. One
// commit is under way at a time; after a second without one the journal is marked, so that a later
// start knows all of it to be synced. It is rewritten without what nobody needs any more beside
// the commits, a piece between two of them. Lives on the mesh thread.
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
#include "mesh/journal/rewrite.h"
#include "mesh/rpc/mailbox_pump.h"
#include "mesh/seal/encoding.h"
#include "schema/base/mailbox.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

class Vault final : private kj::TaskSet::ErrorHandler {
  public:
    using Record = journal::Rewrite::Record;
    enum class Care : std::uint8_t {
        kUsual,
        // No other node would notice if the end of the journal were lost: its mark is synced too.
        kAlone,
    };

    // Reads the journal at `path`, record by record, blocking. Without `io` there is no other
    // thread: it writes in the turn after the one that asks. As Journal::reopen(), and kConflict
    // for one that another process has.
    // `random` outlives it.
    static Result<std::unique_ptr<Vault>> open(const std::string& path, const journal::Owner& owner,
                                               seal::RandomSource& random,
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

    // Of the journal: it is to have these, in order, and what is committed after this call. No
    // commit is under way, nor a rewrite (CHECK).
    void rewrite(std::vector<journal::Rewrite::Source> records);
    bool rewriting() const { return rewriting_; }
    // Called with how each ended; set once. Where one failed the journal is as it was.
    void on_rewritten(std::function<void(const Result<void>&)> hear) {
        hear_rewritten_ = std::move(hear);
    }

    std::uint64_t size() const { return size_; }  // of the journal
    std::uint64_t rewrites() const { return rewrites_; }
    std::uint64_t commits() const { return commits_; }
    std::uint64_t bytes() const { return bytes_; }  // committed by this process
    journal::Journal::Recovered recovered() const { return recovered_; }

  private:
    struct Job {
        std::vector<Record> records;
        Care care = Care::kUsual;
    };
    // A first word of the new journal that makes it another than every one before.
    struct Wanted {
        std::vector<journal::Rewrite::Source> records;
        seal::Bytes nonce;
    };
    struct Done {
        bool rewrite = false;
        Result<void> result;
        std::uint64_t size = 0;
    };
    Vault(std::unique_ptr<journal::Volume> volume, journal::Journal journal,
          const journal::Owner& owner, seal::RandomSource& random, kj::LowLevelAsyncIoProvider* io);
    // On the thread, where there is one.
    void work();
    Result<void> write(const Job& job);
    Done commit_now(const Job& job);
    std::optional<Done> begin_now(Wanted wanted);
    std::optional<Done> rewrite_now();  // a piece of it

    void ended(const Done& done);
    void taskFailed(kj::Exception&& e) override;

    // The thread's, once that runs.
    std::unique_ptr<journal::Volume> volume_;
    journal::Journal journal_;
    std::optional<journal::Rewrite> rewrite_;

    const journal::Owner owner_;
    seal::RandomSource& random_;
    const journal::Journal::Recovered recovered_;
    std::function<void(const Result<void>&)> hear_, hear_rewritten_;
    bool busy_ = false, rewriting_ = false;
    std::uint64_t commits_ = 0, bytes_ = 0, size_ = 0, rewrites_ = 0;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::optional<Job> job_;
    std::optional<Wanted> wanted_;
    bool stop_ = false;
    Mailbox<Done> results_{8};
    std::optional<MailboxPump<Done>> pump_;
    std::thread thread_;
    kj::TaskSet tasks_;  // without the thread: that results are heard of
};

}  // namespace vidai::mesh::rpc
