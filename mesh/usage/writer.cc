// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/writer.h"

#include <utility>

#include "mesh/usage/batch.h"

namespace vidai::mesh::usage {

Writer::Writer(std::unique_ptr<Store> store, std::function<void(const Error&)> hear)
    : store_(std::move(store)), hear_(std::move(hear)) {
    if (store_ == nullptr) return;
    counts_.first = store_->first();
    counts_.synced = store_->next() - 1;
    counts_.bytes = store_->bytes();
}

void Writer::failed(const Error& error) {
    if (!std::exchange(troubled_, true)) hear_(error);
}

bool Writer::usable() {
    if (store_ == nullptr) return false;
    if (!broken_) return true;
    if (const auto renewed = store_->renew(); !renewed) {
        failed(renewed.error());
        return false;
    }
    broken_ = false;
    return true;
}

void Writer::sync() {
    const std::uint64_t waiting = std::exchange(waiting_, 0);
    if (waiting == 0) return;
    std::vector<Record> records;
    if (const auto done = store_->commit(&records); !done) {
        broken_ = true;
        counts_.lost += waiting;
        return failed(done.error());
    }
    for (Record& record : records) tail_.push(std::move(record));
    counts_.written += waiting;
    counts_.synced = store_->next() - 1;
    troubled_ = false;
}

void Writer::add(Event& event) {
    if (clamp(event)) ++counts_.clamped;
    for (int tries = 0; tries < 2; ++tries) {
        if (!usable()) break;
        if (store_->append(event)) {
            ++waiting_;
            return;
        }
        sync();  // makes room
    }
    ++counts_.lost;
}

void Writer::commit(WallTime now) {
    sync();
    if (broken_ || store_ == nullptr) return;
    const auto dropped = store_->tidy(now, counts_.settled);
    if (!dropped) return failed(dropped.error());
    counts_.unsettled += dropped->unsettled;
    counts_.first = store_->first();
    counts_.bytes = store_->bytes();
}

}  // namespace vidai::mesh::usage
