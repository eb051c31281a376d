// SPDX-License-Identifier: Apache-2.0
#include "cli/text_file.h"

#include <fstream>

namespace vidai::cli {

Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max) {
    std::ifstream in(path, std::ios::binary);
    std::string text(bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.eof() || in.bad()) {
        return fail(
            ErrorCode::kIo,
            "cannot read " + path +
                (in.good() ? ": it is larger than " + std::to_string(bytes_max >> 20) + " MiB"
                           : ": is it there, a file, and yours to read?"),
            path);
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

}  // namespace vidai::cli
