// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/message.h"

namespace vidai::mesh::wire {

seal::Bytes flatten(capnp::MessageBuilder& message) {
    const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
    const auto bytes = words.asBytes();
    return {bytes.begin(), bytes.end()};
}

}  // namespace vidai::mesh::wire
