// SPDX-License-Identifier: Apache-2.0
// A new file for a secret, which nobody but its owner may read from its first byte on: a shell's
// redirection makes one by its umask. Main thread, blocking.
#pragma once

#include <string>
#include <string_view>

#include "schema/vocabulary/result.h"

namespace vidai::cli {

class SecretFile {
  public:
    // Before the secret is made, which would be lost with it. kAlreadyExists: nothing is
    // overwritten; kIo.
    static Result<SecretFile> create(const std::string& path);
    SecretFile(SecretFile&& other) noexcept;
    SecretFile& operator=(SecretFile&&) = delete;
    ~SecretFile();  // takes the file away again unless write() has succeeded

    Result<void> write(std::string_view text);  // once, to the disk

  private:
    SecretFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
    std::string path_;
    int file_;
    bool written_ = false;
};

}  // namespace vidai::cli
