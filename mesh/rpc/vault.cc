// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/vault.h"

#include <chrono>
#include <utility>

#include <pthread.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::rpc {

namespace {
constexpr std::chrono::seconds kMarkAfter{1};
}  // namespace

Result<std::unique_ptr<Vault>> Vault::open(const std::string& path, const journal::Owner& owner,
                                           kj::LowLevelAsyncIoProvider* io,
                                           const journal::Journal::Read& read) {
    auto volume = journal::open_file(path);
    if (!volume) return fail(std::move(volume).error());
    auto opened = journal::Journal::reopen(**volume, owner, read);
    if (!opened) return fail(std::move(opened).error());
    return std::unique_ptr<Vault>(new Vault(std::move(*volume), std::move(*opened), io));
}

Vault::Vault(std::unique_ptr<journal::Volume> volume, journal::Journal journal,
             kj::LowLevelAsyncIoProvider* io)
    : volume_(std::move(volume)),
      journal_(std::move(journal)),
      recovered_(journal_.recovered()),
      tasks_(*this) {
    if (io == nullptr) return;
    pump_.emplace(results_, *io, [this](const Result<void>& result) { ended(result); });
    thread_ = std::thread([this]() { work(); });
}

Vault::~Vault() noexcept(false) {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

Result<void> Vault::write(const Job& job) {
    for (const Record& record : job.records) journal_.append(record.kind, record.bytes);
    auto done = journal_.commit();
    if (done && job.care == Care::kAlone) done = journal_.mark();
    return done;
}

void Vault::work() {
    ::pthread_setname_np(::pthread_self(), "vault");
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto due = [this]() { return stop_ || job_.has_value(); };
        if (!wake_.wait_for(lock, kMarkAfter, due)) {
            lock.unlock();
            (void)journal_.mark();  // where it fails, so does the next commit
            lock.lock();
            continue;
        }
        if (!job_) return;
        const Job job = *std::exchange(job_, std::nullopt);
        lock.unlock();
        const bool told = results_.push(write(job));
        CHECK(told, "one commit at a time has one result");
        lock.lock();
    }
}

void Vault::commit(std::vector<Record> records, Care care) {
    CHECK(!busy_);
    busy_ = true;
    for (const Record& record : records) bytes_ += record.bytes.size();
    Job job{std::move(records), care};
    if (!pump_) {
        tasks_.add(kj::evalLater([this, result = write(job)]() { ended(result); }));
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        job_ = std::move(job);
    }
    wake_.notify_one();
}

void Vault::ended(const Result<void>& result) {
    busy_ = false;
    if (result) ++commits_;
    hear_(result);
}

void Vault::taskFailed(kj::Exception&&) {
    CHECK(false, "hearing of a result does not throw");
}

}  // namespace vidai::mesh::rpc
