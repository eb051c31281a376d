// SPDX-License-Identifier: Apache-2.0
// The one table from what went wrong to what a client is told: status, type, code, whether an SDK
// should try again. docs/reference/errors.md is generated from it. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "schema/vocabulary/error.h"

namespace vidai::node::respond {

struct CatalogueRow {
    ErrorCode error;
    std::uint16_t status;   // HTTP
    std::string_view type;  // error.type of the body
    std::string_view code;  // error.code, what a program switches on
    bool should_retry;      // sent as x-should-retry, which overrides an SDK's own rule
    std::chrono::milliseconds retry_after;  // sent when nothing better is known; 0: not sent
    bool closes;                            // framing is lost or the node leaves: connection: close
    bool says_why;             // Error::message was written for the caller and is shown
    std::string_view message;  // shown otherwise
};

// In the order of the enumeration.
std::span<const CatalogueRow> catalogue();
const CatalogueRow& row(ErrorCode error);

// What the client may read of it: the error's own message when its row says so and it has one,
// else the row's. Lives as long as `error`.
std::string_view client_message(const Error& error);

}  // namespace vidai::node::respond
