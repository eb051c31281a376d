// SPDX-License-Identifier: Apache-2.0
#include "node/admin/pages.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include <arpa/inet.h>

namespace vidai::node::admin {
namespace {

using request::AdminReply;
using request::AdminRequest;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProblem = "application/problem+json";  // RFC 9457
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

AdminReply text(unsigned status, std::string body) {
    return {.status = status, .body = std::move(body)};
}

// `title` and `detail` are ours and hold nothing that JSON would escape.
AdminReply problem(unsigned status, const std::string& title, const std::string& detail) {
    return {.status = status,
            .content_type = kProblem,
            .body = "{\"title\":\"" + title + "\",\"status\":" + std::to_string(status) +
                    ",\"detail\":\"" + detail + "\"}\n"};
}

struct Page {
    std::string_view path;
    AdminReply (*make)(const PageSources&);
};

AdminReply health(const PageSources& sources) {
    const std::string why = sources.dead();
    return why.empty() ? text(200, "ok\n") : text(503, why + "\n");
}

AdminReply ready(const PageSources& sources) {
    const std::string why = sources.not_ready();
    return why.empty() ? text(200, "ready\n") : text(503, why + "\n");
}

constexpr Page kPages[] = {
    {"/healthz", health},
    {"/readyz", ready},
    {"/metrics",
     [](const PageSources& sources) {
         return AdminReply{.content_type = kPrometheus, .body = sources.metrics_text()};
     }},
    {"/latency",
     [](const PageSources& sources) {
         return AdminReply{.content_type = kJson, .body = sources.latency_json()};
     }},
    {"/version",
     [](const PageSources& sources) {
         return AdminReply{.content_type = kJson, .body = sources.version_json()};
     }},
};

AdminReply index() {
    std::string body = "vidaid admin\n\n";
    for (const Page& page : kPages) body += std::string(page.path) + "\n";
    return text(200, std::move(body));
}

enum class Literal { kNone, kLoopback, kOther };

Literal literal_kind(const std::string& host) {
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) {
        return bytes[0] == 127 ? Literal::kLoopback : Literal::kOther;
    }
    if (inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) {
        return host == "::1" ? Literal::kLoopback : Literal::kOther;
    }
    return Literal::kNone;
}

// The host of "host", "host:port", "[::1]" or "[::1]:port", in lower case; empty when malformed.
std::string host_of(std::string_view field) {
    std::string_view host = field;
    if (field.starts_with('[')) {
        const std::size_t end = field.find(']');
        if (end == field.npos) return {};
        host = field.substr(1, end - 1);
        field.remove_prefix(end + 1);
    } else {
        host = field.substr(0, field.find(':'));
        field.remove_prefix(host.size());
    }
    const bool port = field.starts_with(':') && field.size() <= 6 &&
                      std::all_of(field.begin() + 1, field.end(),
                                  [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!field.empty() && !port) return {};
    std::string lower(host);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : static_cast<char>(c);
    });
    return lower;
}

}  // namespace

Pages::Pages(PageSources sources, std::string address, std::vector<std::string> hosts)
    : sources_(std::move(sources)), address_(std::move(address)), hosts_(std::move(hosts)) {}

bool Pages::host_allowed(std::string_view field) const {
    const std::string host = host_of(field);
    if (host.empty()) return false;
    if (host == "localhost" || host == address_) return true;
    if (std::find(hosts_.begin(), hosts_.end(), host) != hosts_.end()) return true;
    const Literal kind = literal_kind(host);
    if (kind == Literal::kLoopback) return true;
    return kind == Literal::kOther && literal_kind(address_) == Literal::kOther;
}

AdminReply Pages::answer(const AdminRequest& request) const {
    if (!host_allowed(request.host)) {
        return problem(421, "Host not served here",
                       "Use localhost or the listener's address, or add the name to admin.hosts.");
    }
    const std::string_view path = request.target.substr(0, request.target.find('?'));
    const auto* page = std::find_if(std::begin(kPages), std::end(kPages),
                                    [&](const Page& one) { return one.path == path; });
    if (page == std::end(kPages) && path != "/") {
        return problem(404, "No such page", "GET / lists the pages there are.");
    }
    if (request.method != "GET" && request.method != "HEAD") {
        AdminReply reply = problem(405, "Method not allowed", "These pages can only be read.");
        reply.allow = "GET, HEAD";
        return reply;
    }
    return path == "/" ? index() : page->make(sources_);
}

}  // namespace vidai::node::admin
