// SPDX-License-Identifier: Apache-2.0
// Report: a sheet of what events are asked for. An event counts once, by its origin and number,
// from whichever copies it comes and however often. One thread.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "mesh/seal/keys.h"
#include "mesh/usage/event.h"
#include "mesh/usage/numbers.h"
#include "mesh/usage/sheet.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

class Report {
  public:
    explicit Report(Query query) : query_(std::move(query)) {}

    // Whether it was counted: false where it was already, or lies outside the query's time.
    bool add(const seal::PublicKey& origin, const Event& event);

    const Query& query() const { return query_; }
    const Sheet& sheet() const { return sheet_; }

  private:
    Query query_;
    std::map<seal::PublicKey, Numbers> seen_;
    Sheet sheet_;
};

}  // namespace vidai::mesh::usage
