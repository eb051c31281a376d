// SPDX-License-Identifier: Apache-2.0
// What is wrong with a configuration, gathered so that a person mends it in one go, and where each
// option was written. Pure; main thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "schema/vocabulary/error.h"

namespace vidai::node::config {

class Problems {
  public:
    static constexpr std::size_t kMax = 20;

    // `where` is "vidai.yaml:7", "VIDAI_LOG_LEVEL" or "--log-level".
    void add(const std::string& where, std::string_view path, const std::string& what) {
        flags_only_ = flags_only_ && where.starts_with("--");
        if (++count_ > kMax) return;
        if (param_.empty()) param_ = std::string(path);
        text_ += (text_.empty() ? "" : "\n") + where + (where.empty() ? "" : ": ") +
                 std::string(path) + (path.empty() ? "" : ": ") + what;
    }
    void add(const Error& error) { add("", "", error.message); }

    bool empty() const { return count_ == 0; }
    // kUsage when nothing but flags is wrong.
    Error error() const {
        const std::string more =
            count_ > kMax ? "\nand " + std::to_string(count_ - kMax) + " more" : "";
        const ErrorCode code = flags_only_ ? ErrorCode::kUsage : ErrorCode::kConfigInvalid;
        return Error{code, text_ + more, param_};
    }

  private:
    std::size_t count_ = 0;
    bool flags_only_ = true;
    std::string text_;
    std::string param_;  // the first option at fault
};

// Option path -> where it was written; empty text for a default.
class Origins {
  public:
    void set(std::string_view path, std::string where) {
        where_[std::string(path)] = std::move(where);
    }
    std::string of(std::string_view path) const {
        const auto at = where_.find(std::string(path));
        return at == where_.end() ? "" : at->second;
    }

  private:
    std::map<std::string, std::string> where_;
};

}  // namespace vidai::node::config
