// SPDX-License-Identifier: Apache-2.0
// What this node tells `vidaictl mesh doctor`: facts of membership, the exchange and its own
// certificate, put together. A pure function of what it is given. Mesh thread.
#pragma once

#include <optional>
#include <string>

#include "mesh/membership/membership.h"
#include "mesh/node_report.h"
#include "mesh/rpc/exchange.h"
#include "mesh/rpc/refusals.h"
#include "mesh/rpc/startup.h"
#include "mesh/service.h"
#include "mesh/view.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

struct ReportInputs {
    const Startup& startup;
    const admission::Certified& certified;
    const membership::Membership& membership;
    const Exchange& exchange;
    const MeshView& view;
    Service service;
    const std::string& not_ready;
    const std::string& alone;
    const std::string& unsaved;
    const std::optional<SetBack>& set_back;
    const Refusals& refusals;
    const std::optional<seal::Issuer>& issuer;
    MoneyReport money;
    std::optional<RecordReport> usage;
    MonoTime mono;
    WallTime wall;  // the same instant
};
NodeReport make_report(const ReportInputs& in);

// Of the node certificate at the end of a chain that was verified before; epoch: unreadable.
WallTime certificate_expiry(seal::ByteView chain);

}  // namespace vidai::mesh::rpc
