// SPDX-License-Identifier: Apache-2.0
// Whatever an authenticated but hostile peer or operator may send: the first byte picks the kind of
// message, the rest are its bytes. Nothing crashes, and what is accepted is within its bounds.
#include <cstddef>
#include <cstdint>

#include "mesh/membership/message.h"
#include "mesh/wire/counters.h"
#include "mesh/wire/frame_guard.h"
#include "mesh/wire/membership.h"
#include "mesh/wire/message.h"
#include "mesh/wire/operator_values.h"
#include "mesh/wire/registers.h"
#include "schema/vocabulary/check.h"

namespace {

using namespace vidai;
using namespace vidai::mesh;

template <class Schema>
auto parse(seal::ByteView bytes) {
    return wire::with_flat<Schema>(bytes,
                                   [](typename Schema::Reader in) { return wire::read(in); });
}

void guard(seal::ByteView bytes) {
    wire::FrameGuard whole(wire::kOperatorWordsMax), split(wire::kOperatorWordsMax);
    const bool accepted = whole.feed(bytes).has_value();
    bool still = true;
    for (std::size_t i = 0; i < bytes.size() && still; ++i) {
        still = split.feed(bytes.subspan(i, 1)).has_value();
    }
    CHECK(accepted == still, "the guard depends on how its input is split");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const seal::ByteView bytes(data + 1, size - 1);
    switch (data[0] % 10) {
        case 0: {
            const auto message = parse<proto::MemberMessage>(bytes);
            if (message) CHECK(membership::validate(*message).has_value());
            break;
        }
        case 1: {
            const auto push = parse<proto::CounterPush>(bytes);
            if (push) CHECK(push->batch.cells.size() <= wire::kCellsPerPush);
            break;
        }
        case 2: {
            const auto page = parse<proto::RegisterPage>(bytes);
            if (page) CHECK(page->registers.size() <= wire::kRegistersPerPage);
            break;
        }
        case 3: {
            const auto pull = parse<proto::RegisterPull>(bytes);
            if (pull) CHECK(pull->from.bucket < state::kBuckets);
            break;
        }
        case 4:
            (void)parse<proto::KeyRequest>(bytes);
            break;
        case 5:
            (void)parse<proto::KeyPage>(bytes);
            (void)parse<proto::LimitReport>(bytes);
            break;
        case 6:
            (void)wire::unpack_claim(bytes);
            (void)parse<proto::MemberList>(bytes);
            (void)parse<proto::NodeDetail>(bytes);
            break;
        case 8: {
            const auto pull = parse<proto::CellPull>(bytes);
            if (pull) CHECK(pull->cells_max > 0 && pull->cells_max <= wire::kCellsPerChunk);
            break;
        }
        case 9: {
            const auto page = parse<proto::CellPage>(bytes);
            if (page) CHECK(page->batches.size() <= wire::kBatchesPerPage);
            break;
        }
        default:
            guard(bytes);
            break;
    }
    return 0;
}
