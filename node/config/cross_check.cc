// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "node/config/address.h"
#include "node/config/reader.h"
#include "schema/vocabulary/ids.h"

namespace vidai::node::config {
namespace {

bool wildcard(const std::string& address) {
    return address == "0.0.0.0" || address == "::";
}

bool loopback(const std::string& host) {
    return host == "localhost" || host == "::1" ||
           (host.starts_with("127.") && literal_address(host));
}

void check_pair(Reading& reading, const char* a_path, const std::string& a, const char* b_path,
                const std::string& b) {
    if (a.empty() == b.empty()) return;
    const char* set = a.empty() ? b_path : a_path;
    const char* missing = a.empty() ? a_path : b_path;
    reading.problems.add(reading.origins.of(set), set,
                         std::string("needs ") + missing + " as well");
}

void check_ports(Reading& reading) {
    const Config& c = reading.config;
    struct Bound {
        const char* path;
        const std::string& address;
        std::uint16_t port;
    };
    const std::array<Bound, 3> bound = {{
        {"listen.address", c.listen.address, c.listen.port},
        {"admin.address", c.admin.address, c.admin.port},
        {"mesh.address", c.mesh.listen_address,
         c.mesh.enabled ? c.mesh.listen_port : std::uint16_t{0}},
    }};
    for (std::size_t i = 0; i < bound.size(); ++i) {
        for (std::size_t j = i + 1; j < bound.size(); ++j) {
            const Bound &a = bound[i], &b = bound[j];
            const bool overlap =
                a.address == b.address || wildcard(a.address) || wildcard(b.address);
            if (a.port == 0 || a.port != b.port || !overlap) continue;
            reading.problems.add(reading.origins.of(b.path), b.path,
                                 "port " + std::to_string(b.port) + " is also that of " + a.path);
        }
    }
}

template <class T>
void check_order(Reading& reading, const char* low_path, const T& low, const char* high_path,
                 const T& high) {
    if (low <= high) return;
    reading.problems.add(reading.origins.of(high_path), high_path,
                         std::string("must not be less than ") + low_path);
}

void check_membership(Reading& reading, const mesh::membership::Options& m) {
    check_order(reading, "mesh.probe_timeout_min", m.probe_timeout_min, "mesh.probe_timeout_max",
                m.probe_timeout_max);
    check_order(reading, "mesh.suspicion_min_intervals", m.suspicion_min_intervals,
                "mesh.suspicion_max_intervals", m.suspicion_max_intervals);
    check_order(reading, "mesh.redial_min", m.redial_min, "mesh.redial_max", m.redial_max);
}

void check_mesh(Reading& reading) {
    mesh::MeshOptions& mesh = reading.config.mesh;
    // Without either a node may have joined before: its data directory says so at start.
    mesh.enabled = !mesh.root_file.empty() || !mesh.join.empty();
    if (!mesh.issuer_file.empty()) {
        check_pair(reading, "mesh.root_file", mesh.root_file, "mesh.issuer_file", mesh.issuer_file);
    }
    if (!mesh.node_id.empty()) {
        if (const Result<NodeId> id = parse_node_id(mesh.node_id); !id) {
            reading.problems.add(reading.origins.of("mesh.node_id"), "mesh.node_id",
                                 id.error().message);
        }
    }
    const auto check_peer = [&](const char* path, const std::string& text) {
        const auto parts = split_address(text);
        if (parts && parts->second != 0) return;
        reading.problems.add(
            reading.origins.of(path), path,
            "expected HOST:PORT with a port from 1 to 65535, found '" + text + "'");
    };
    if (!mesh.advertise.empty()) check_peer("mesh.advertise", mesh.advertise);
    for (const std::string& seed : mesh.seeds) {
        // One with a scheme, right or wrong, is for Mesh::check().
        const bool scheme = seed.find_first_of("+/") != std::string::npos ||
                            (!seed.starts_with('[') && seed.find(':') != seed.rfind(':'));
        if (!scheme) check_peer("mesh.seeds", seed);
    }
    check_membership(reading, mesh.membership);
}

// What is wrong with a secret is said without it.
void check_webhook(Reading& reading) {
    const BudgetOptions& budgets = reading.config.budgets;
    if (budgets.webhook.empty() || parse_post_url(budgets.webhook.reveal())) return;
    reading.problems.add(reading.origins.of("budgets.webhook"), "budgets.webhook",
                         "expected https://HOST[:PORT]/PATH or http://, with no user and no "
                         "fragment");
}

void warn(Reading& reading) {
    Config& c = reading.config;
    if (!loopback(c.admin.address)) {
        c.warnings.push_back("admin.address " + join_address(c.admin.address, c.admin.port) +
                             " can be reached from other machines, and has no authentication");
    }
    for (const providers::Provider& provider : c.providers) {
        if (provider.tls || provider.credential.empty() || loopback(provider.host)) continue;
        c.warnings.push_back("providers." + provider.name +
                             ": the API key travels unencrypted to http://" + provider.host);
    }
}

}  // namespace

void cross_check(Reading& reading) {
    const net::ListenOptions& listen = reading.config.listen;
    check_pair(reading, "listen.tls_cert_file", listen.tls_cert_file, "listen.tls_key_file",
               listen.tls_key_file);
    check_webhook(reading);
    check_mesh(reading);
    check_ports(reading);
    warn(reading);
}

}  // namespace vidai::node::config
