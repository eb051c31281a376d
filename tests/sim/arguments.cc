// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/arguments.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

namespace vidai::sim {
namespace {

constexpr std::string_view kMutants[] = {
    "no-refutation",
    "suspicion-without-timeout",
    "relayed-heartbeats",
    "early-timer-forgotten",
    "renewal-is-new-life",
    "roster-forgotten",
    "address-change-refused",
    "signature-not-checked",
    "generation-not-honoured",
    "generation-not-persisted",
    "counter-merge-adds",
    "push-dropped-above-64",
    "missed-push-forgotten",
    "probe-behind-bulk",
    "wiped-cells-collide",
    "relayed-cells-forgotten",
    "counters-not-compared",
    "relay-ends-here",
    "relay-loops",
    "relay-not-verified",
    "register-merge-prefers-older",
    "tombstone-collected-early",
    // Of tier 2.
    "role-not-required",
    "proof-not-verified",
    "revocation-not-asked",
    "validity-not-checked",
    "other-mesh-believed",
    "issuer-unbounded",
    "ephemeral-repeated",
    "bad-record-skipped",
    "door-unbounded",
    "handshake-without-timeout",
    "observer-may-write",
    "revoked-stay-members",
    "acknowledged-unsaved",
    "charges-cut-short",
    "connected-twice",
    "dead-are-suspect",
    // Of tier money.
    "commit-alone",
    "seal-by-one",
    "use-before-commit",
    "acknowledged-before-sync",
    "acknowledged-after-seal",
    "seal-forgotten",
    "adopt-shorter",
    "two-adopters",
    "adopt-before-commit",
    "adopter-uses-pool",
    "adopt-closed",
    "in-before-out",
    "in-before-commit",
    "activate-after-out",
    "out-taken-by-node",
    "return-counted-twice",
    "return-not-deducted",
    "return-reused-before-commit",
    "returns-lost-at-take-over",
    "limit-lost-at-take-over",
    "reclaim-on-timeout",
    "restart-reuses-pool",
    "lease-reused",
    "grant-added",
    "grants-forgotten",
    "circle-half-sealed",
    "circle-shorter",
    "volume-same-key",
    "borrows-before-boot",
    "forgotten-before-commit",
    "forgotten-on-its-way",
    "forgotten-begun-again",
    "head-not-confirmed",
    "window-mislabelled",
    "window-reopened",
    "windows-share-pool",
    "edit-added",
    "deletion-forgets",
    "permit-not-released",
    "retry-unreserved",
    "hang-up-is-free",
    "top-up-never-ends",
    "top-up-ends-into-limit",
    "top-up-opened-again",
};

constexpr std::string_view kHelp =
    R"(vidai-sim: real cores, modelled network, virtual time, many seeds

  vidai-sim [--seeds A..B | --seeds fresh --count N [--revision HEX]] [--jobs N] [--json]
            [--keep-going] [--verbose] [--hashes]
            [--nodes N] [--connections N] [--only 1,4|none] [--halve K] [--plain-links]
            [--no-traffic] [--one-clock]
  vidai-sim --tier 2 [--seeds ...] [--nodes N] [--jobs N] [--json] [--keep-going] [--verbose]
            [--hashes]
  vidai-sim --tier money [--seeds ...] [--nodes N] [--jobs N] [--json] [--keep-going] [--verbose]
            [--hashes] [--plain-budgets]
  vidai-sim --corpus FILE                 replays seeds that once failed
  vidai-sim --figures [--long] [--figure PREFIX] [--report FILE]
  vidai-sim --tier money --figures [--figure PREFIX] [--report FILE]
  vidai-sim-mutants --mutant NAME [--expect-caught] [--seeds A..B]

A seed is 30 s of faults and 15 s of healing, drawn from it alone; where several nodes vanished and
it was not calm, up to 4.5 s more for each but the first. `fresh` takes the range from the
revision, so that each change runs seeds that none has run before. The options of the third and
the fourth line trim a seed's plan: a failure is trimmed as far as it still breaks the same rule,
and the line that replays it is printed. --only keeps the named faults, counted as the plan shows
them.

Tier 1 runs the cores on a modelled network. Tier 2 runs 3 to 5 (or N, at most 20) nodes' whole mesh
threads, with capnproto, handshakes, seals and state files, over connections in memory. Tier money
runs 1 to 7 nodes' banks of hard budgets on journals and disks that crash, tear, fill and rot, with
clocks that are off, clients, operators and a provider that bills; with --plain-budgets each
request stands under one, none renews and none is deleted, as in its seeds of before.

exit codes: 0 clean, 1 the simulator itself failed, 2 usage, 3 a safety rule was broken,
            4 liveness (no agreement after healing), 5 a core crashed

mutants:)";

template <class Integer>
bool parse(std::string_view text, Integer& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

bool parse_seeds(std::string_view text, Arguments& out) {
    if (text == "fresh") return out.fresh = true;
    const std::size_t dots = text.find("..");
    if (dots == std::string_view::npos) {
        if (!parse(text, out.first)) return false;
        out.last = out.first;
        return true;
    }
    return parse(text.substr(0, dots), out.first) && parse(text.substr(dots + 2), out.last) &&
           out.first <= out.last;
}

bool parse_only(std::string_view text, Trim& out) {
    out.only.emplace();
    if (text == "none") return true;
    for (;;) {
        const std::size_t comma = text.find(',');
        if (!parse(text.substr(0, comma), out.only->emplace_back())) return false;
        if (comma == std::string_view::npos) return true;
        text.remove_prefix(comma + 1);
    }
}

bool parse_tier(std::string_view text, Arguments& out) {
    if (text == "money") {
        out.tier = Arguments::kMoney;
        return true;
    }
    return parse(text, out.tier) && out.tier >= 1 && out.tier <= 2;
}

// What is wrong with the value, where that is not plain to see.
std::string advice_for(std::string_view option, std::string_view value) {
    if (option != "--seeds") return "";
    Arguments seen;
    const bool turned =
        !parse_seeds(value, seen) && seen.last < seen.first &&
        parse_seeds(std::to_string(seen.last) + ".." + std::to_string(seen.first), seen);
    if (turned) {
        return ": its first seed is the greater one; did you mean " + std::to_string(seen.first) +
               ".." + std::to_string(seen.last) + "?";
    }
    return ": it is A..B with A at most B, one seed, or fresh";
}

using Setter = std::function<bool(std::string_view)>;

std::map<std::string_view, bool*> switches(Arguments& out) {
    return {{"--json", &out.json},
            {"--verbose", &out.verbose},
            {"--hashes", &out.hashes},
            {"--keep-going", &out.keep_going},
            {"--help", &out.help},
            {"--figures", &out.figures},
            {"--long", &out.long_figures},
            {"--plain-links", &out.trim.plain_links},
            {"--no-traffic", &out.trim.no_traffic},
            {"--one-clock", &out.trim.one_clock},
            {"--plain-budgets", &out.trim.plain_budgets},
            {"--expect-caught", &out.expect_caught}};
}

std::map<std::string_view, Setter> settings(Arguments& out) {
    const auto within = [](auto& to, std::uint64_t low, std::uint64_t high) {
        return [&to, low, high](std::string_view text) {
            return parse(text, to) && to >= low && to <= high;
        };
    };
    const auto text = [](std::string& to) {
        return [&to](std::string_view value) { return !(to = value).empty(); };
    };
    return {{"--seeds", [&out](std::string_view value) { return parse_seeds(value, out); }},
            {"--only", [&out](std::string_view value) { return parse_only(value, out.trim); }},
            {"--nodes", within(out.trim.nodes, 1, 5000)},
            {"--connections", within(out.trim.connections, 2, 5000)},
            {"--halve", within(out.trim.halvings, 0, 30)},
            {"--count", within(out.count, 1, 1'000'000'000)},
            {"--jobs", within(out.jobs, 1, 64)},
            {"--tier", [&out](std::string_view value) { return parse_tier(value, out); }},
            {"--revision", text(out.revision)},
            {"--corpus", text(out.corpus)},
            {"--figure", text(out.only_figure)},
            {"--report", text(out.report)},
            {"--mutant", [&out](std::string_view value) {
                 out.mutant = value;
                 return std::ranges::find(kMutants, value) != std::end(kMutants);
             }}};
}

}  // namespace

std::string usage() {
    std::string out(kHelp);
    for (const std::string_view mutant : kMutants) out += "\n  " + std::string(mutant);
    return out + "\n";
}

std::optional<Arguments> parse_arguments(const std::vector<std::string>& words, std::string& why) {
    Arguments out;
    const auto flags = switches(out);
    const auto values = settings(out);
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (const auto flag = flags.find(word); flag != flags.end()) {
            *flag->second = true;
            continue;
        }
        const auto setting = values.find(word);
        if (setting == values.end()) {
            why = "no such option: " + word;
            return std::nullopt;
        }
        const std::string value = i + 1 < words.size() ? words[++i] : "";
        if (!setting->second(value)) {
            why = word + " cannot be '" + value + "'" + advice_for(word, value);
            return std::nullopt;
        }
    }
    if (out.tier != 1 && out.trim.nodes > 20) {
        why = "--nodes is at most 20 in tier 2 and in tier money";
        return std::nullopt;
    }
    return out;
}

void choose_fresh(Arguments& arguments) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : arguments.revision) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    }
    // Far from the small numbers that people type; short enough to be typed too.
    arguments.first = 1'000'000'000 + (hash ^ (hash >> 32)) % 1'000'000'000'000;
    arguments.last = arguments.first + arguments.count - 1;
}

}  // namespace vidai::sim
