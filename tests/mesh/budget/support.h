// SPDX-License-Identifier: Apache-2.0
// Shared set-up of the tests of mesh/budget: three volumes, and entries by few words.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "mesh/budget/entry.h"

namespace vidai::mesh::budget {

inline LedgerKey volume(int n) {
    LedgerKey key;
    key.bytes[0] = static_cast<std::uint8_t>(n);
    return key;
}
inline LogId log_of(int n, std::uint32_t generation = 1) {
    return {volume(n), generation};
}

// The log of volume 1, kept by 2 and 3 and adopted by that of 2; it begins the mesh.
inline LogHeader first_header() {
    return {log_of(1), {volume(2), volume(3)}, log_of(2), true};
}
inline LogHeader second_header() {
    return {log_of(2), {volume(1), volume(3)}, log_of(3), false};
}

inline const BudgetId kTeam("team");
inline const BudgetWindow kMay{kTeam, 5};
inline const Bucket kBucket = bucket_of(kTeam);

inline Holder holder(int n, std::uint32_t boot = 1) {
    return {volume(n), {boot}};
}
inline AccountName account_of(int n) {
    return {log_of(1), {1}, holder(n)};
}

inline EntryRef ref(Entry entry) {
    return std::make_shared<const Entry>(std::move(entry));
}
// All buckets, and a budget of 100.
inline std::vector<EntryRef> beginning() {
    return {ref(Genesis{}), ref(Define{kTeam, {100}})};
}
inline Activate activate(std::int64_t amount, std::uint32_t boot = 1) {
    return {kMay, {boot}, {amount}};
}

}  // namespace vidai::mesh::budget
