// SPDX-License-Identifier: Apache-2.0
// A node's report (mesh/node_report.h) to and from the wire. operator_values.h includes
// it, so that its outcomes can carry one. Any thread.
#pragma once

#include "mesh/node_report.h"
#include "schema/rpc/report.capnp.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::wire {

void write(const NodeReport& report, proto::NodeReport::Builder out);
void write(const Draining& draining, proto::Draining::Builder out);
// kProtocol.
Result<NodeReport> read(proto::NodeReport::Reader in);
Result<Draining> read(proto::Draining::Reader in);

}  // namespace vidai::mesh::wire
