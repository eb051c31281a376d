// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/counters.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "mesh/state/key_table.h"
#include "mesh/wire/message.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::wire {

namespace {

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("a counter message is malformed: ") + what, what);
}

void write(const limits::CellBatch& batch, proto::CellBatch::Builder out) {
    out.setNode(to_text(batch.node.str()));
    out.setGeneration(batch.generation.value);
    out.setSince(batch.since);
    out.setUpto(batch.upto);
    out.setHighest(batch.highest);
    out.setWhole(batch.whole);
    auto cells = out.initCells(static_cast<unsigned>(batch.cells.size()));
    for (unsigned i = 0; i < cells.size(); ++i) {
        const limits::Cell& cell = batch.cells[i];
        auto slot = cells[i];
        slot.setKey(to_text(cell.key.str()));
        slot.setKind(static_cast<proto::CellKind>(cell.kind));
        slot.setWindow(cell.window);
        slot.setCharged(VIDAI_MUTANT("charges-cut-short") ? cell.charged % 256 : cell.charged);
        slot.setReturned(cell.returned);
        slot.setSpanSeconds(cell.span_s);
    }
}

// At most `room` cells, which it takes its own from.
Result<limits::CellBatch> read(proto::CellBatch::Reader in, std::size_t& room) {
    limits::CellBatch batch;
    auto node = parse_node_id(view_of(in.getNode()));
    if (!node) return malformed("node");
    batch.node = std::move(*node);
    batch.generation = Generation{in.getGeneration()};
    batch.since = in.getSince();
    batch.upto = in.getUpto();
    batch.highest = in.getHighest();
    batch.whole = in.getWhole();
    if (batch.since > batch.upto || batch.upto > batch.highest) return malformed("changes");
    if (in.getCells().size() > room) return malformed("cells");
    room -= in.getCells().size();
    for (const auto slot : in.getCells()) {
        const auto key = view_of(slot.getKey());
        if (!state::parse_key_id(key)) return malformed("key");
        const auto kind = static_cast<std::uint16_t>(slot.getKind());
        if (kind >= limits::kCellKinds) return malformed("kind");
        batch.cells.push_back({KeyId(std::string(key)), static_cast<limits::CellKind>(kind),
                               slot.getWindow(), slot.getCharged(), slot.getReturned(),
                               slot.getSpanSeconds()});
    }
    return batch;
}

void write(const limits::CellCursor& cursor, proto::CellCursor::Builder out) {
    out.setNode(to_text(cursor.node.str()));
    out.setGeneration(cursor.generation.value);
    out.setSince(cursor.changes.since);
    out.setUpto(cursor.changes.upto);
    out.setLoose(cursor.loose);
    out.setAfter(to_text(cursor.after.str()));
}

Result<limits::CellCursor> read(proto::CellCursor::Reader in) {
    auto node = parse_node_id(view_of(in.getNode()));
    if (!node) return malformed("node");
    const auto after = view_of(in.getAfter());
    if (!after.empty() && !state::parse_key_id(after)) return malformed("key");
    return limits::CellCursor{std::move(*node),
                              Generation{in.getGeneration()},
                              {in.getSince(), in.getUpto()},
                              in.getLoose(),
                              KeyId(std::string(after))};
}

}  // namespace

void write(const CounterPush& push, proto::CounterPush::Builder out) {
    out.setSentMs(push.sent.time_since_epoch().count());
    out.setComplete(push.complete);
    write(push.batch, out.initBatch());
}

void write(const SignedBatches& batches, proto::CounterRelay::Builder out) {
    auto slots = out.initBatches(static_cast<unsigned>(batches.size()));
    for (unsigned i = 0; i < slots.size(); ++i) {
        write(batches[i]->batch, slots[i].initBatch());
        slots[i].setSequence(batches[i]->sequence);
        slots[i].setSignature(to_data(batches[i]->signature));
    }
}

void write(const limits::CellPull& pull, proto::CellPull::Builder out) {
    out.setWindow(pull.window);
    out.setCellsMax(static_cast<std::uint32_t>(pull.cells_max));
    auto have = out.initHave(static_cast<unsigned>(std::min(pull.have.size(), kOriginsPerPull)));
    for (unsigned i = 0; i < have.size(); ++i) {
        have[i].setNode(to_text(pull.have[i].node.str()));
        have[i].setGeneration(pull.have[i].generation.value);
        have[i].setHave(pull.have[i].have);
        have[i].setLoose(pull.have[i].loose);
    }
    out.setResumes(pull.from.has_value());
    if (pull.from) write(*pull.from, out.initFrom());
    out.setEnds(pull.end.has_value());
    if (!pull.end) return;
    out.setEndNode(to_text(pull.end->node.str()));
    out.setEndGeneration(pull.end->generation.value);
}

void write(const limits::CellPage& page, proto::CellPage::Builder out) {
    auto batches = out.initBatches(static_cast<unsigned>(page.batches.size()));
    for (unsigned i = 0; i < batches.size(); ++i) write(page.batches[i], batches[i]);
    out.setMore(page.next.has_value());
    if (page.next) write(*page.next, out.initNext());
}

Result<CounterPush> read(proto::CounterPush::Reader in) {
    return guarded([&]() -> Result<CounterPush> {
        CounterPush push;
        const auto sent = time_of(in.getSentMs());
        if (!sent) return malformed("sentMs");
        push.sent = *sent;
        push.complete = in.getComplete();
        std::size_t room = kCellsPerPush;
        auto batch = read(in.getBatch(), room);
        if (!batch) return fail(std::move(batch).error());
        push.batch = std::move(*batch);
        return push;
    });
}

Result<SignedBatches> read(proto::CounterRelay::Reader in) {
    return guarded([&]() -> Result<SignedBatches> {
        SignedBatches batches;
        if (in.getBatches().size() > kBatchesPerRelay) return malformed("batches");
        std::size_t room = kCellsPerPush;
        for (const auto each : in.getBatches()) {
            auto batch = read(each.getBatch(), room);
            if (!batch) return fail(std::move(batch).error());
            limits::SignedBatch said{std::move(*batch), each.getSequence(), {}};
            const auto signature = bytes_of(each.getSignature());
            if (signature.size() != said.signature.size()) return malformed("signature");
            std::ranges::copy(signature, said.signature.begin());
            batches.push_back(std::make_shared<const limits::SignedBatch>(std::move(said)));
        }
        return batches;
    });
}

Result<limits::CellPull> read(proto::CellPull::Reader in) {
    return guarded([&]() -> Result<limits::CellPull> {
        limits::CellPull pull;
        pull.window = in.getWindow();
        if (in.getCellsMax() == 0) return malformed("cellsMax");
        pull.cells_max = std::min<std::size_t>(in.getCellsMax(), kCellsPerChunk);
        if (in.getHave().size() > kOriginsPerPull) return malformed("have");
        for (const auto one : in.getHave()) {
            auto node = parse_node_id(view_of(one.getNode()));
            if (!node) return malformed("node");
            pull.have.push_back(
                {std::move(*node), Generation{one.getGeneration()}, one.getHave(), one.getLoose()});
        }
        if (in.getEnds()) {
            auto node = parse_node_id(view_of(in.getEndNode()));
            if (!node) return malformed("endNode");
            pull.end = {std::move(*node), Generation{in.getEndGeneration()}};
        }
        if (!in.getResumes()) return pull;
        auto from = read(in.getFrom());
        if (!from) return fail(std::move(from).error());
        pull.from = std::move(*from);
        return pull;
    });
}

Result<limits::CellPage> read(proto::CellPage::Reader in) {
    return guarded([&]() -> Result<limits::CellPage> {
        limits::CellPage page;
        if (in.getBatches().size() > kBatchesPerPage) return malformed("batches");
        std::size_t room = kCellsPerPush;
        for (const auto each : in.getBatches()) {
            auto batch = read(each, room);
            if (!batch) return fail(std::move(batch).error());
            page.batches.push_back(std::move(*batch));
        }
        if (!in.getMore()) return page;
        auto next = read(in.getNext());
        if (!next) return fail(std::move(next).error());
        page.next = std::move(*next);
        return page;
    });
}

}  // namespace vidai::mesh::wire
