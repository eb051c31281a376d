// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/watch.h"

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using print::Output;
using std::chrono::milliseconds;

constexpr milliseconds kPause{2'000};
constexpr int kSecondsMax = 3'600;
constexpr std::string_view kClearScreen = "\x1b[2J\x1b[H";

// For people: when this was so. On a terminal the page before is gone.
std::string head_of(const Call& call, const print::Style& style) {
    if (style.output != Output::kTable && style.output != Output::kWide) return "";
    const std::string time = print::time_text(call.world().clock());
    if (!call.world().terminal) return time + "\n";
    return std::string(kClearScreen) + time + ", Ctrl-C ends\n\n";
}

}  // namespace

Result<std::optional<milliseconds>> watch_pause(const Call& call, milliseconds unsaid) {
    const std::string* const text = call.flag("--watch");
    if (text == nullptr) return std::optional<milliseconds>();
    if (text->empty()) return std::optional(unsaid);
    int seconds = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (error == std::errc() && end == text->data() + text->size() && seconds >= 1 &&
        seconds <= kSecondsMax) {
        return std::optional(milliseconds(1'000) * seconds);
    }
    return fail(ErrorCode::kUsage,
                "--watch takes whole seconds from 1 to " + std::to_string(kSecondsMax) + ", not '" +
                    *text + "'",
                "--watch");
}

Result<Answer> watch(Call& call, milliseconds pause, Pages pages, const Look& look) {
    print::Style style{call.settings().output, call.settings().headers, call.world().color};
    std::vector<std::size_t> widths;
    for (;; call.world().pause(pause)) {
        auto answer = look();
        if (!answer) return fail(std::move(answer).error());
        if (!*answer) continue;
        std::string text;
        if (pages == Pages::kBelow) {
            (*answer)->table.widths_min = std::move(widths);
            widths = print::widths_of((*answer)->table, style);
        } else {
            text = head_of(call, style);
        }
        text += print::render(**answer, style);
        if (style.output == Output::kYaml) text += "---\n";
        if (!call.world().write(text)) return Answer{};
        if (pages == Pages::kBelow) style.headers = false;
    }
}

Result<Answer> once_or_watched(Call& call, Ask ask) {
    const auto pause = watch_pause(call, kPause);
    if (!pause) return fail(pause.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    if (!*pause) return ask(call, **mesh);
    return watch(call, **pause, Pages::kInPlace, [&]() -> Result<std::optional<Answer>> {
        auto answer = ask(call, **mesh);
        if (!answer) return fail(std::move(answer).error());
        return std::optional(std::move(*answer));
    });
}

}  // namespace vidai::cli::commands
