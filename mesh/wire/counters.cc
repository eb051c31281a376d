// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/counters.h"

#include <chrono>
#include <string>
#include <utility>

#include "mesh/state/key_table.h"
#include "mesh/wire/message.h"

namespace vidai::mesh::wire {

namespace {

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("a counter push is malformed: ") + what, what);
}

}  // namespace

void write(const CounterPush& push, proto::CounterPush::Builder out) {
    out.setSentMs(push.sent.time_since_epoch().count());
    out.setComplete(push.complete);
    auto batch = out.initBatch();
    batch.setNode(to_text(push.batch.node.str()));
    batch.setGeneration(push.batch.generation.value);
    auto cells = batch.initCells(static_cast<unsigned>(push.batch.cells.size()));
    for (unsigned i = 0; i < cells.size(); ++i) {
        const limits::Cell& cell = push.batch.cells[i];
        auto slot = cells[i];
        slot.setKey(to_text(cell.key.str()));
        slot.setKind(static_cast<proto::CellKind>(cell.kind));
        slot.setWindow(cell.window);
        slot.setCharged(cell.charged);
        slot.setReturned(cell.returned);
    }
}

Result<CounterPush> read(proto::CounterPush::Reader in) {
    return guarded([&]() -> Result<CounterPush> {
        CounterPush push;
        push.sent = WallTime(std::chrono::milliseconds(in.getSentMs()));
        push.complete = in.getComplete();
        const auto batch = in.getBatch();
        auto node = parse_node_id(view_of(batch.getNode()));
        if (!node) return malformed("node");
        push.batch.node = std::move(*node);
        push.batch.generation = Generation{batch.getGeneration()};
        if (batch.getCells().size() > kCellsPerPush) return malformed("cells");
        for (const auto slot : batch.getCells()) {
            const auto key = view_of(slot.getKey());
            if (!state::parse_key_id(key)) return malformed("key");
            const auto kind = static_cast<std::uint16_t>(slot.getKind());
            if (kind >= limits::kCellKinds) return malformed("kind");
            push.batch.cells.push_back({KeyId(std::string(key)),
                                        static_cast<limits::CellKind>(kind), slot.getWindow(),
                                        slot.getCharged(), slot.getReturned()});
        }
        return push;
    });
}

}  // namespace vidai::mesh::wire
