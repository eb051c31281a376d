// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/recorder.h"

#include <string>
#include <utility>

#include <pthread.h>

namespace vidai::mesh::usage {

namespace {

// Whether `text` is, byte for byte in one place, what `before` was. Both are still held.
bool same(std::string_view text, std::string_view before) {
    return text.data() == before.data() && text.size() == before.size();
}

// Into an event that is the one before: what differs. Its texts keep the room that they have.
void fill(const Draft& from, const Draft& before, Event& event) {
    event.time = from.time;
    event.request.assign(from.request.data(), from.request_bytes);
    const auto take = [&](std::string_view Draft::* text, std::string& into) {
        if (!same(from.*text, before.*text)) into = from.*text;
    };
    if (!same(from.key, before.key)) event.caller.key = KeyId(std::string(from.key));
    take(&Draft::user, event.caller.user);
    take(&Draft::team, event.caller.team);
    take(&Draft::project, event.caller.project);
    take(&Draft::model, event.callee.model);
    take(&Draft::provider, event.callee.provider);
    take(&Draft::target, event.callee.target);
    take(&Draft::endpoint, event.callee.endpoint);
    event.tokens = from.tokens;
    event.priced = from.priced;
    event.price_from = from.price_from;
    event.cost = from.cost;
    event.estimated = from.estimated;
    event.charged = from.charged;
    event.outcome = from.outcome;
    event.tier = from.tier;
    event.ceiling = from.ceiling;
}

}  // namespace

Recorder::Recorder(std::unique_ptr<Writer> writer, std::function<WallTime()> now,
                   std::size_t capacity)
    : writer_(std::move(writer)), now_(std::move(now)), capacity_(capacity) {
    thread_ = std::thread([this]() { work(); });
}

Recorder::~Recorder() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

bool Recorder::record(Draft&& draft) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() >= capacity_) {
            ++writer_->counts().refused;
            return false;
        }
        first = queue_.empty();
        queue_.push_back(std::move(draft));
        ++recorded_;
    }
    if (first) wake_.notify_all();
    return true;
}

void Recorder::flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t all = recorded_;
    if (written_ >= all) return;
    hurry_ = true;
    wake_.notify_all();
    flushed_.wait(lock, [&]() { return written_ >= all; });
}

std::uint64_t Recorder::adjust(std::vector<Event> corrections) {
    std::unique_lock lock(mutex_);
    corrections_ = std::move(corrections);
    correcting_ = true;
    hurry_ = true;
    wake_.notify_all();
    flushed_.wait(lock, [&]() { return !correcting_; });
    return corrections_lost_;
}

void Recorder::work() {
    ::pthread_setname_np(::pthread_self(), "usage");
    std::vector<Draft> batch;
    Event event;  // one for all, so that its texts have room already
    Draft before;
    std::unique_lock lock(mutex_);
    for (bool last = false; !last;) {
        const auto at_once = [this]() { return stop_ || hurry_; };
        wake_.wait_for(lock, kTidyAfter, [&]() { return at_once() || !queue_.empty(); });
        wake_.wait_for(lock, kGather, at_once);
        hurry_ = false;
        last = stop_;
        std::swap(batch, queue_);
        const std::uint64_t taken = recorded_;
        std::vector<Event> corrections = std::move(corrections_);
        corrections_.clear();
        const bool correcting = correcting_;
        lock.unlock();
        for (Draft& draft : batch) {
            fill(draft, before, event);
            writer_->add(event);
            before = std::move(draft);
        }
        writer_->commit(now_());
        batch.clear();
        const std::uint64_t lost = writer_->counts().lost;
        for (Event& one : corrections) writer_->add(one);
        if (correcting) writer_->commit(now_());
        lock.lock();
        written_ = taken;
        if (correcting) {
            corrections_lost_ = writer_->counts().lost - lost;
            correcting_ = false;
        }
        flushed_.notify_all();
    }
}

}  // namespace vidai::mesh::usage
