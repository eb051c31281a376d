// SPDX-License-Identifier: Apache-2.0
// What concerns one node at a time: its clock, its certificate, its versions, its health.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cli/doctor/checks.h"
#include "cli/print/text.h"

namespace vidai::cli::doctor {

namespace {

using std::chrono::milliseconds;

// Of the nodes that answered, so that one wrong clock is that of one node.
milliseconds middle_offset(const Facts& facts) {
    std::vector<milliseconds> offsets;
    for (const NodeFacts& node : facts.nodes) {
        if (node.report) offsets.push_back(node.clock_offset);
    }
    if (offsets.empty()) return milliseconds(0);
    const auto middle = offsets.begin() + static_cast<std::ptrdiff_t>((offsets.size() - 1) / 2);
    std::nth_element(offsets.begin(), middle, offsets.end());
    return *middle;
}

// How far apart for certain: what the round trip leaves open counts as none.
milliseconds certain(milliseconds offset, milliseconds round_trip) {
    return std::max(milliseconds(0), milliseconds(std::abs(offset.count())) - round_trip / 2);
}

void judge_certificate(const Facts& facts, const std::string& id, WallTime until, Findings& out) {
    if (until == WallTime{}) return;
    const std::string todo =
        "A node renews at two thirds of the validity: see certificate_not_renewed in its log, its "
        "clock, and whether its issuer file is there and valid.";
    if (until <= facts.now) {
        out.push_back({Severity::kError, "", id,
                       "its certificate has expired at " + print::time_text(until), todo});
    } else if (until - facts.now < kCertificateSoon) {
        out.push_back({Severity::kWarning, "", id,
                       "its certificate expires in " + span_text(until - facts.now), todo});
    }
}

// Somebody who is in the mesh, to be asked instead of one who is out.
std::string another(const Facts& facts) {
    for (const NodeFacts& node : facts.nodes) {
        if (node.report && !is_out(node))
            return " How the mesh is, a node in it knows: --server " + node.address + ".";
    }
    return " How the mesh is, a node in it knows: --server HOST:PORT.";
}

std::string todo_of(mesh::Service service, const std::string& id) {
    switch (service) {
        case mesh::Service::kRevoked:
            return "Where it was its own key, nothing mends that. Stop the process; if the machine "
                   "is "
                   "not trusted any more, erase its data directory. To have the node back, give it "
                   "an empty data directory, and so a new key, and a token: `vidaictl mesh token "
                   "create --node " +
                   id +
                   "`. Where it was the issuer's key, its data directory is good: a new issuer "
                   "file "
                   "in the place of the old one is enough while it runs, or the token and a start.";
        case mesh::Service::kForgotten:
            return "Stop it. If it was forgotten by mistake, start it again: a newer start is "
                   "welcome.";
        case mesh::Service::kTurnedAway:
            return "Give it an id of its own (mesh.node_id), or stop it: it is tried again until "
                   "then.";
        case mesh::Service::kSuperseded:
            return "It ends by itself. Give each process an id and a data directory of its own.";
        case mesh::Service::kDraining:
            return "Nothing is to be mended: it leaves when its requests are over. It serves again "
                   "when its process is started again.";
        case mesh::Service::kLeft:
            return "Nothing is to be mended: stop the process, or start it again to have it serve.";
        case mesh::Service::kStarting:
        case mesh::Service::kServing:
            break;
    }
    return "Start it again when that is mended, or take it out of the load balancer.";
}

void judge_service(const Facts& facts, const mesh::NodeReport& report, Findings& out) {
    if (report.not_ready.empty()) return;
    const std::string id = report.self.id.str();
    const mesh::Service service = report.service.value_or(mesh::Service::kStarting);
    const bool left = service == mesh::Service::kLeft;
    const bool wanted = left || service == mesh::Service::kDraining;
    const Severity severity = left     ? Severity::kInfo
                              : wanted ? Severity::kWarning
                                       : Severity::kError;
    std::string todo = todo_of(service, id);
    const bool out_of_it = left || mesh::fenced(service);
    if (out_of_it && report.self.id == facts.asked) todo += another(facts);
    out.push_back({severity, "", id, "does not serve: " + report.not_ready, std::move(todo)});
}

}  // namespace

void check_clocks(const Facts& facts, Findings& out) {
    const milliseconds middle = middle_offset(facts);
    for (const NodeFacts& node : facts.nodes) {
        if (!node.report) continue;
        const milliseconds ahead = node.clock_offset - middle;
        const milliseconds apart = certain(ahead, node.round_trip);
        if (apart <= kClockWarn) continue;
        out.push_back(
            {apart > kClockError ? Severity::kError : Severity::kWarning, "", node.id.str(),
             "its clock is " + span_text(apart) + (ahead.count() > 0 ? " ahead of" : " behind") +
                 " the others'",
             "Run chrony or another NTP client there: windows of limits shift by that much, and "
             "certificates are refused beyond 10 min."});
    }
    // One node alone is compared with the only other clock at hand.
    if (certain(middle, milliseconds(0)) > kClockWarn) {
        out.push_back({Severity::kInfo, "", "vidaictl",
                       "the clock here is " + span_text(milliseconds(std::abs(middle.count()))) +
                           (middle.count() > 0 ? " behind" : " ahead of") + " the nodes'",
                       "Set the clock of this host: ages shown are off by that much."});
    }
}

std::string proven_clocks(const Facts& facts) {
    if (reports(facts).size() < 2) return "";
    const milliseconds middle = middle_offset(facts);
    milliseconds most{};
    for (const NodeFacts& node : facts.nodes) {
        if (node.report) most = std::max(most, certain(node.clock_offset - middle, {}));
    }
    return "clocks are within " + span_text(most);
}

void check_certificates(const Facts& facts, Findings& out) {
    for (const NodeFacts& node : facts.nodes) {
        if (is_out(node)) continue;  // nobody looks at it any more
        if (node.report) {
            judge_certificate(facts, node.id.str(), node.report->certificate_until, out);
            continue;
        }
        WallTime until{};  // the newest that anybody holds
        for (const mesh::NodeReport* report : reports(facts)) {
            const mesh::PeerReport* peer = peer_of(*report, node.id);
            if (peer != nullptr && peer->member.connected) {
                until = std::max(until, peer->certificate_until);
            }
        }
        judge_certificate(facts, node.id.str(), until, out);
    }
}

std::string proven_certificates(const Facts& facts) {
    WallTime first = WallTime::max();
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->certificate_until != WallTime{}) {
            first = std::min(first, report->certificate_until);
        }
    }
    if (first == WallTime::max()) return "";
    return "the first certificate expires in " + span_text(first - facts.now);
}

void check_health(const Facts& facts, Findings& out) {
    for (const NodeFacts& node : facts.nodes) {
        if (node.report) judge_service(facts, *node.report, out);
    }
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->unsaved.empty()) continue;
        out.push_back({Severity::kError, "", report->self.id.str(),
                       "cannot write what it knows: " + report->unsaved,
                       "Make room on its disk, or see what is wrong with it: it tries again by "
                       "itself. Until then keys made or revoked there, and its counts, are lost "
                       "with it if no other node has them."});
    }
    for (const mesh::NodeReport* report : reports(facts)) {
        if (!report->set_back) continue;
        out.push_back(
            {Severity::kWarning, "", report->self.id.str(),
             "its disk was put back: by that this is its start " +
                 std::to_string(report->set_back->disk.value) + ", and the others knew of start " +
                 std::to_string(report->set_back->known.value) + " under the same key",
             "It goes on in a generation of its own. Where another process runs with a copy of its "
             "data directory, stop that. If the ledger was put back too, `money` says what to do. "
             "This is told until its next start."});
    }
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->health == 0) continue;
        const std::string id = report->self.id.str();
        out.push_back(
            {report->health >= kHealthWarn ? Severity::kWarning : Severity::kInfo, "", id,
             "finds itself slow: health multiplier " + std::to_string(report->health),
             "It accuses others later for that. If it stays: give it CPU, or see its network."});
    }
}

std::string proven_health(const Facts& facts) {
    if (reports(facts).empty()) return "";
    return "every node that answered serves and can write, and none finds itself slow";
}

}  // namespace vidai::cli::doctor
