// SPDX-License-Identifier: Apache-2.0
// Secret: bytes that must not be shown. It has no stream operator, no comparison and no implicit
// conversion, its formatter (node/observe) prints "***", and it wipes its memory when it dies.
// A value type; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace vidai {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            wipe();
            bytes_ = other.bytes_;
        }
        return *this;
    }
    Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.wipe(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe();
            bytes_ = std::move(other.bytes_);
            other.wipe();
        }
        return *this;
    }
    ~Secret() { wipe(); }

    // The bytes themselves, for the one place that sends or hashes them.
    std::string_view reveal() const { return bytes_; }
    bool empty() const { return bytes_.empty(); }

  private:
    void wipe() {
        volatile char* p = bytes_.data();  // volatile: the compiler may not drop the stores
        for (std::size_t i = 0; i < bytes_.capacity(); ++i) p[i] = 0;
        bytes_.clear();
    }
    std::string bytes_;
};

}  // namespace vidai
