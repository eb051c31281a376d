// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/vault.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <pthread.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::rpc {

namespace {

constexpr std::chrono::seconds kMarkAfter{1};

// What was drawn on another thread.
class Drawn final : public seal::RandomSource {
  public:
    explicit Drawn(const seal::Bytes& bytes) : left_(bytes) {}
    void fill(std::span<std::uint8_t> out) override {
        CHECK(out.size() <= left_.size(), "more randomness than was drawn");
        std::ranges::copy(left_.first(out.size()), out.begin());
        left_ = left_.subspan(out.size());
    }

  private:
    seal::ByteView left_;
};
constexpr std::size_t kNonceBytes = 64;

}  // namespace

Result<std::unique_ptr<Vault>> Vault::open(const std::string& path, const journal::Owner& owner,
                                           seal::RandomSource& random,
                                           kj::LowLevelAsyncIoProvider* io,
                                           const journal::Journal::Read& read) {
    auto volume = journal::open_file(path);
    if (!volume) return fail(std::move(volume).error());
    journal::remove_beside(path);  // of a rewrite that a crash has ended
    auto opened = journal::Journal::reopen(**volume, owner, read);
    if (!opened) return fail(std::move(opened).error());
    return std::unique_ptr<Vault>(
        new Vault(std::move(*volume), std::move(*opened), owner, random, io));
}

Vault::Vault(std::unique_ptr<journal::Volume> volume, journal::Journal journal,
             const journal::Owner& owner, seal::RandomSource& random,
             kj::LowLevelAsyncIoProvider* io)
    : volume_(std::move(volume)),
      journal_(std::move(journal)),
      owner_(owner),
      random_(random),
      recovered_(journal_.recovered()),
      size_(journal_.size()),
      tasks_(*this) {
    if (io == nullptr) return;
    pump_.emplace(results_, *io, [this](const Done& done) { ended(done); });
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

// --- on the thread

Result<void> Vault::write(const Job& job) {
    for (const Record& record : job.records) journal_.append(record.kind, record.bytes);
    auto done = journal_.commit();
    if (done && job.care == Care::kAlone) done = journal_.mark();
    return done;
}

Vault::Done Vault::commit_now(const Job& job) {
    Done done{false, write(job), journal_.size()};
    if (!done.result || !rewrite_) return done;
    for (const Record& record : job.records) rewrite_->add(record.kind, record.bytes);
    return done;
}

std::optional<Vault::Done> Vault::begin_now(Wanted wanted) {
    Drawn random(wanted.nonce);
    auto begun =
        journal::Rewrite::begin(volume_->name(), owner_, random, std::move(wanted.records));
    if (!begun) return Done{true, fail(std::move(begun).error()), journal_.size()};
    rewrite_.emplace(std::move(*begun));
    return std::nullopt;
}

std::optional<Vault::Done> Vault::rewrite_now() {
    const auto given_up = [this](Error why) {
        rewrite_.reset();
        return Done{true, fail(std::move(why)), journal_.size()};
    };
    auto whole = rewrite_->step();
    if (!whole) return given_up(std::move(whole).error());
    if (!*whole) return std::nullopt;
    if (auto done = rewrite_->finish(); !done) return given_up(std::move(done).error());
    auto made = std::move(*std::exchange(rewrite_, std::nullopt)).take_place();
    if (!made) {
        journal_.fail_from_now(made.error());
        return Done{true, fail(made.error()), journal_.size()};
    }
    journal_ = std::move(made->journal);
    volume_ = std::move(made->volume);
    return Done{true, {}, journal_.size()};
}

void Vault::work() {
    ::pthread_setname_np(::pthread_self(), "vault");
    const auto tell = [this](std::optional<Done> done) {
        if (!done) return;
        const bool told = results_.push(std::move(*done));
        CHECK(told, "one commit and one rewrite at a time have one result each");
    };
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto due = [this]() { return stop_ || job_ || wanted_; };
        if (!rewrite_ && !wake_.wait_for(lock, kMarkAfter, due)) {
            lock.unlock();
            (void)journal_.mark();  // where it fails, so does the next commit
            lock.lock();
            continue;
        }
        if (stop_ && !job_) return;
        // It must have whatever is committed after it was asked for.
        auto wanted = std::exchange(wanted_, std::nullopt);
        const auto job = std::exchange(job_, std::nullopt);
        lock.unlock();
        if (wanted) tell(begin_now(std::move(*wanted)));
        if (job) {
            tell(commit_now(*job));
        } else if (rewrite_) {
            tell(rewrite_now());
        }
        lock.lock();
    }
}

// --- on the mesh thread

void Vault::commit(std::vector<Record> records, Care care) {
    CHECK(!busy_);
    busy_ = true;
    for (const Record& record : records) bytes_ += record.bytes.size();
    Job job{std::move(records), care};
    if (!pump_) {
        tasks_.add(kj::evalLater([this, done = commit_now(job)]() { ended(done); }));
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        job_ = std::move(job);
    }
    wake_.notify_one();
}

void Vault::rewrite(std::vector<journal::Rewrite::Source> records) {
    CHECK(!busy_ && !rewriting_);
    rewriting_ = true;
    Wanted wanted{std::move(records), seal::Bytes(kNonceBytes)};
    random_.fill(wanted.nonce);
    if (!pump_) {
        auto done = begin_now(std::move(wanted));
        while (!done) done = rewrite_now();
        tasks_.add(kj::evalLater([this, done = std::move(*done)]() { ended(done); }));
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        wanted_ = std::move(wanted);
    }
    wake_.notify_one();
}

void Vault::ended(const Done& done) {
    size_ = done.size;
    if (done.rewrite) {
        rewriting_ = false;
        if (done.result) ++rewrites_;
        if (hear_rewritten_) hear_rewritten_(done.result);
        return;
    }
    busy_ = false;
    if (done.result) ++commits_;
    hear_(done.result);
}

void Vault::taskFailed(kj::Exception&&) {
    CHECK(false, "hearing of a result does not throw");
}

}  // namespace vidai::mesh::rpc
