// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/registers.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "mesh/seal/certificate.h"
#include "mesh/wire/message.h"

namespace vidai::mesh::wire {

namespace {

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("a register message is malformed: ") + what,
                what);
}

void write(const state::Cursor& cursor, proto::Cursor::Builder out) {
    out.setBucket(static_cast<std::uint16_t>(cursor.bucket));
    if (!cursor.after) return;
    out.setKind(static_cast<std::uint8_t>(cursor.after->kind));
    out.setId(to_text(cursor.after->id));
}

Result<state::Cursor> read(proto::Cursor::Reader in) {
    state::Cursor cursor{in.getBucket(), std::nullopt};
    if (cursor.bucket >= state::kBuckets) return malformed("bucket");
    if (in.getKind() == 0) return cursor;
    if (in.getKind() > state::kRegisterKindMax) {
        return malformed("kind");
    }
    if (in.getId().size() > state::kRegisterIdMax) return malformed("id");
    cursor.after = state::RegisterName{state::RegisterKind{in.getKind()}, text_of(in.getId())};
    return cursor;
}

using Chains = std::vector<std::shared_ptr<const seal::Bytes>>;

Result<Chains> read_chains(capnp::List<capnp::Data>::Reader in) {
    if (in.size() > kRegistersPerPage) return malformed("chains");
    Chains chains;
    for (const auto chain : in) {
        if (chain.size() > seal::kChainBytesMax) return malformed("chain");
        chains.push_back(std::make_shared<const seal::Bytes>(chain.begin(), chain.end()));
    }
    return chains;
}

Result<state::Register> read(proto::Register::Reader in, const Chains& chains) {
    if (in.getChain() >= chains.size()) return malformed("chain");
    state::Register out;
    if (in.getStatement().size() > state::kStatementMax) return malformed("statement");
    if (in.getSignature().size() != out.signature.bytes.size()) return malformed("signature");
    auto statement = state::decode_statement(bytes_of(in.getStatement()));
    if (!statement) return fail(std::move(statement).error());
    out.statement = std::move(*statement);
    std::copy(in.getSignature().begin(), in.getSignature().end(), out.signature.bytes.begin());
    out.chain = chains[in.getChain()];
    return out;
}

}  // namespace

void write(const state::Page& page, proto::RegisterPage::Builder out) {
    // Few origins sign many registers: each chain is sent once.
    std::map<const seal::Bytes*, std::uint32_t> indexes;
    std::vector<const seal::Bytes*> chains;
    auto registers = out.initRegisters(static_cast<unsigned>(page.registers.size()));
    for (unsigned i = 0; i < registers.size(); ++i) {
        const state::Register& held = *page.registers[i];
        const auto next = static_cast<std::uint32_t>(chains.size());
        const auto [entry, added] = indexes.emplace(held.chain.get(), next);
        if (added) chains.push_back(held.chain.get());
        registers[i].setChain(entry->second);
        registers[i].setStatement(to_data(encode(held.statement)));
        registers[i].setSignature(to_data(held.signature.bytes));
    }
    auto list = out.initChains(static_cast<unsigned>(chains.size()));
    for (unsigned i = 0; i < list.size(); ++i) list.set(i, to_data(*chains[i]));
    out.setMore(page.next.has_value());
    if (page.next) write(*page.next, out.initNext());
}

void write(const state::Page& page, std::uint64_t digest, WallTime clock,
           proto::RegisterPage::Builder out) {
    write(page, out);
    out.setDigest(digest);
    out.setClockMs(clock.time_since_epoch().count());
}

void write(const RegisterPull& pull, proto::RegisterPull::Builder out) {
    auto buckets = out.initBuckets(state::kBuckets);
    for (unsigned i = 0; i < state::kBuckets; ++i) buckets.set(i, pull.digest.buckets[i]);
    write(pull.from, out.initFrom());
    out.setBytesMax(static_cast<std::uint32_t>(pull.bytes_max));
}

Result<RegisterPage> read(proto::RegisterPage::Reader in) {
    return guarded([&]() -> Result<RegisterPage> {
        auto chains = read_chains(in.getChains());
        if (!chains) return fail(std::move(chains).error());
        if (in.getRegisters().size() > kRegistersPerPage) return malformed("registers");
        RegisterPage page;
        for (const auto entry : in.getRegisters()) {
            auto held = read(entry, *chains);
            if (!held) return fail(std::move(held).error());
            page.registers.push_back(std::move(*held));
        }
        if (in.getClockMs() != 0) {
            page.digest = in.getDigest();
            page.clock = time_of(in.getClockMs());
            if (!page.clock) return malformed("clockMs");
        }
        if (!in.getMore()) return page;
        auto next = read(in.getNext());
        if (!next) return fail(std::move(next).error());
        page.next = std::move(*next);
        return page;
    });
}

Result<RegisterPull> read(proto::RegisterPull::Reader in) {
    return guarded([&]() -> Result<RegisterPull> {
        RegisterPull pull;
        if (in.getBuckets().size() != state::kBuckets) return malformed("buckets");
        for (unsigned i = 0; i < state::kBuckets; ++i) pull.digest.buckets[i] = in.getBuckets()[i];
        auto from = read(in.getFrom());
        if (!from) return fail(std::move(from).error());
        pull.from = std::move(*from);
        if (in.getBytesMax() > 0) {
            pull.bytes_max = std::min<std::size_t>(in.getBytesMax(), kPageBytes);
        }
        return pull;
    });
}

}  // namespace vidai::mesh::wire
