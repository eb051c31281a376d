// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?" for names that people mistype. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vidai {

// The candidate at most two edits and under half its length away from `text`, the nearest first;
// empty when none is near. Two neighbours in each other's place are one edit (Damerau 1964).
std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates);

// "; did you mean 'x'?", or "; known here: a, b, c" when nothing is near.
std::string suggestion(std::string_view text, std::span<const std::string_view> candidates);

}  // namespace vidai
