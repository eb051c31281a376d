// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register_set.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "schema/base/mutant.h"

namespace vidai::mesh::state {

namespace {

// FNV-1a: every node must agree on it, none needs it to be strong.
std::size_t bucket_of(const RegisterName& name) {
    std::uint32_t hash = 2'166'136'261u ^ static_cast<std::uint32_t>(name.kind);
    for (const char c : name.id) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 16'777'619u;
    }
    return (hash ^ (hash >> 16)) % kBuckets;
}

// ed25519 signatures are deterministic and look random, so a register brings its own hash.
std::uint64_t weight_of(const Register& held) {
    std::uint64_t weight = 0;
    for (std::size_t i = 0; i < 8; ++i) weight = weight << 8 | held.signature.bytes[i];
    return weight;
}

std::size_t bytes_of(const Register& held) {
    return page_bytes(held) + held.chain->size();
}

}  // namespace

std::uint64_t RegisterDigest::root() const {
    std::uint64_t root = 0;
    for (const std::uint64_t bucket : buckets) root = std::rotl(root, 1) + bucket;
    return root;
}

RegisterSet::Merge RegisterSet::merge(Register candidate) {
    RegisterName name{candidate.statement.kind, candidate.statement.id};
    const std::size_t index = bucket_of(name);
    Bucket& bucket = buckets_[index];
    const auto found = bucket.find(name);
    const std::uint64_t added = weight_of(candidate);
    if (found == bucket.end()) {
        if (!has_room(candidate, nullptr)) return Merge::kFull;
        count(candidate);
        bucket.emplace(std::move(name), std::move(candidate));
    } else {
        const bool newer = VIDAI_MUTANT("register-merge-prefers-older")
                               ? supersedes(found->second, candidate)
                               : supersedes(candidate, found->second);
        if (!newer) return Merge::kKnown;
        if (!has_room(candidate, &found->second)) return Merge::kFull;
        digest_.buckets[index] -= weight_of(found->second);
        count(candidate);
        uncount(found->second);
        found->second = std::move(candidate);
    }
    digest_.buckets[index] += added;
    return Merge::kApplied;
}

bool RegisterSet::has_room(const Register& candidate, const Register* before) const {
    const std::size_t bytes = bytes_of(candidate);
    const NodeId& origin = candidate.statement.origin;
    const bool same = before != nullptr && before->statement.origin == origin;
    const std::size_t freed = before != nullptr ? bytes_of(*before) : 0;
    if (same && bytes <= freed) return true;  // it takes nothing
    const auto found = by_origin_.find(origin);
    const Share own = found == by_origin_.end() ? Share{} : found->second;
    const bool more = before == nullptr;
    const std::size_t reserved = own.count < kRegistersFew ? 0 : kRegistersReserved;
    return (!more || all_.count + reserved < kRegistersMax) &&
           all_.bytes + bytes - freed <= kRegisterBytesMax &&
           (same || own.count < kRegistersPerOriginMax) &&
           own.bytes + bytes - (same ? freed : 0) <= kRegisterBytesPerOriginMax;
}

std::size_t RegisterSet::size_of(const NodeId& origin) const {
    const auto found = by_origin_.find(origin);
    return found == by_origin_.end() ? 0 : found->second.count;
}

void RegisterSet::count(const Register& held) {
    for (Share* share : {&all_, &by_origin_[held.statement.origin]}) {
        ++share->count;
        share->bytes += bytes_of(held);
    }
}

void RegisterSet::uncount(const Register& held) {
    const auto found = by_origin_.find(held.statement.origin);
    for (Share* share : {&all_, &found->second}) {
        --share->count;
        share->bytes -= bytes_of(held);
    }
    if (found->second.count == 0) by_origin_.erase(found);
}

void RegisterSet::erase(const RegisterName& name) {
    const std::size_t index = bucket_of(name);
    const auto found = buckets_[index].find(name);
    if (found == buckets_[index].end()) return;
    digest_.buckets[index] -= weight_of(found->second);
    uncount(found->second);
    buckets_[index].erase(found);
}

const Register* RegisterSet::find(const RegisterName& name) const {
    const Bucket& bucket = buckets_[bucket_of(name)];
    const auto found = bucket.find(name);
    return found == bucket.end() ? nullptr : &found->second;
}

// The statements of roots that `theirs` may lack, as many as fit: without them whoever knows one
// root alone believes nothing of what stands under the others.
std::vector<const Register*> RegisterSet::roots_for(const RegisterDigest& theirs,
                                                    std::size_t bytes_max) const {
    std::vector<const Register*> roots;
    std::size_t bytes = 0;
    for (std::size_t index = 0; index < kBuckets; ++index) {
        if (theirs.buckets[index] == digest_.buckets[index]) continue;
        const Bucket& bucket = buckets_[index];
        for (auto it = bucket.lower_bound({RegisterKind::kRoot, ""});
             it != bucket.end() && it->first.kind == RegisterKind::kRoot; ++it) {
            bytes += page_bytes(it->second);
            if (bytes > bytes_max) return roots;
            roots.push_back(&it->second);
        }
    }
    return roots;
}

Page RegisterSet::page(const RegisterDigest& theirs, const Cursor& from, std::size_t bytes_max,
                       RegisterKind newest) const {
    Page page;
    std::size_t bytes = 0;
    if (from == Cursor{} && newest >= RegisterKind::kRoot) {
        page.registers = roots_for(theirs, bytes_max);
        for (const Register* root : page.registers) bytes += page_bytes(*root);
    }
    const std::size_t roots = page.registers.size();
    for (std::size_t index = from.bucket; index < kBuckets; ++index) {
        if (theirs.buckets[index] == digest_.buckets[index]) continue;
        const Bucket& bucket = buckets_[index];
        const bool resumed = index == from.bucket && from.after.has_value();
        for (auto it = resumed ? bucket.upper_bound(*from.after) : bucket.begin();
             it != bucket.end(); ++it) {
            if (it->second.statement.kind > newest) continue;
            if (std::ranges::count(std::span(page.registers).first(roots), &it->second) > 0)
                continue;
            if (!page.registers.empty() && bytes + page_bytes(it->second) > bytes_max) {
                page.next = Cursor{index, std::nullopt};
                if (it != bucket.begin()) page.next->after = std::prev(it)->first;
                return page;
            }
            bytes += page_bytes(it->second);
            page.registers.push_back(&it->second);
        }
    }
    return page;
}

}  // namespace vidai::mesh::state
