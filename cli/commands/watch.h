// SPDX-License-Identifier: Apache-2.0
// --watch: a command's answer again and again, until nobody reads it or the node that is asked
// goes away. Main thread.
#pragma once

#include <functional>
#include <optional>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/print/answer.h"

namespace vidai::cli::commands {

// Of a command whose answer is shown as a whole each time.
inline constexpr Flag kWatch{
    "-w,--watch", "[SECONDS]",
    "Look again every SECONDS (default: 2) and show the answer in place of the one before, until "
    "Ctrl-C or the node that is asked goes away. With -o json or yaml a document each time."};

// The answer of `ask` once or, with kWatch, again and again over one connection. kUsage, and what
// connecting and `ask` fail with.
using Ask = Result<print::Answer> (*)(Call& call, Operator& mesh);
Result<print::Answer> once_or_watched(Call& call, Ask ask);

// How long --watch waits between two looks, at most an hour; nothing when it was not given. kUsage.
Result<std::optional<std::chrono::milliseconds>> watch_pause(const Call& call,
                                                             std::chrono::milliseconds unsaid);

enum class Pages : std::uint8_t {
    kInPlace,  // one over the other on a terminal; below each other elsewhere
    kBelow,    // rows of one table that goes on
};
// Shows what `look` answers, nothing being no news, for as long as it succeeds and somebody reads.
using Look = std::function<Result<std::optional<print::Answer>>()>;
Result<print::Answer> watch(Call& call, std::chrono::milliseconds pause, Pages pages,
                            const Look& look);

}  // namespace vidai::cli::commands
