// SPDX-License-Identifier: Apache-2.0
// The checks of the doctor, one function each, and what they share. Only this folder includes it.
// Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "cli/doctor/diagnose.h"

namespace vidai::cli::doctor {

using Findings = std::vector<Finding>;

struct Check {
    std::string_view name;
    void (*run)(const Facts& facts, Findings& out);
    // What is shown when it found nothing; empty: nothing was there to check.
    std::string (*proven)(const Facts& facts);
};

void check_reach(const Facts& facts, Findings& out);
void check_members(const Facts& facts, Findings& out);
void check_links(const Facts& facts, Findings& out);
void check_registers(const Facts& facts, Findings& out);
void check_counters(const Facts& facts, Findings& out);
void check_clocks(const Facts& facts, Findings& out);
void check_certificates(const Facts& facts, Findings& out);
void check_roots(const Facts& facts, Findings& out);
void check_issuers(const Facts& facts, Findings& out);
void check_versions(const Facts& facts, Findings& out);
void check_money(const Facts& facts, Findings& out);
void check_usage(const Facts& facts, Findings& out);
void check_health(const Facts& facts, Findings& out);
void check_refusals(const Facts& facts, Findings& out);

std::string proven_reach(const Facts& facts);
std::string proven_members(const Facts& facts);
std::string proven_links(const Facts& facts);
std::string proven_registers(const Facts& facts);
std::string proven_counters(const Facts& facts);
std::string proven_clocks(const Facts& facts);
std::string proven_certificates(const Facts& facts);
std::string proven_roots(const Facts& facts);
std::string proven_issuers(const Facts& facts);
std::string proven_versions(const Facts& facts);
std::string proven_money(const Facts& facts);
std::string proven_usage(const Facts& facts);
std::string proven_health(const Facts& facts);
std::string proven_refusals(const Facts& facts);

// It answered and is no part of the mesh any more, by its own word: it has left, was revoked or
// forgotten, or another process has its identity. What it says of the others is of then.
bool is_out(const NodeFacts& node);
// Those in the mesh that answered, and were who they should be.
std::vector<const mesh::NodeReport*> reports(const Facts& facts);
// What `from` says of `about`; nullptr: it does not know it.
const mesh::PeerReport* peer_of(const mesh::NodeReport& from, const NodeId& about);

std::string span_text(std::chrono::milliseconds span);      // "340 ms", "4.2 s", "7 min", "3 h"
std::string listed(const std::vector<std::string>& names);  // "a, b and c"

}  // namespace vidai::cli::doctor
