// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/startup.h"

#include <array>
#include <cctype>
#include <filesystem>
#include <utility>

#include <unistd.h>

#include "mesh/operator.h"
#include "mesh/rpc/clock.h"
#include "mesh/seal/identity_store.h"
#include "mesh/seal/refusal.h"

namespace vidai::mesh::rpc {

namespace {

Result<NodeId> choose_node_id(const std::string& configured) {
    if (!configured.empty()) return parse_node_id(configured);
    std::array<char, 256> host{};
    (void)::gethostname(host.data(), host.size() - 1);
    std::string name(host.data());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    auto node = parse_node_id(name);
    if (node) return node;
    return fail(ErrorCode::kConfigInvalid,
                "the host name '" + name + "' cannot be a node id: set one with --node-id",
                "node_id");
}

Result<void> check_options(const MeshOptions& options) {
    const auto missing = [](const char* option, const char* why) {
        return fail(ErrorCode::kConfigInvalid,
                    std::string("mesh.") + option + " is not set: " + why, option);
    };
    if (!options.enabled && !options.seeds.empty()) {
        return missing("root_file",
                       "a seed can be joined only with the mesh's root file, from "
                       "`vidaictl mesh init`");
    }
    if (!options.enabled) return {};
    if (options.root_file.empty())
        return missing("root_file", "make one with `vidaictl mesh init`");
    if (options.issuer_file.empty()) {
        return missing("issuer_file",
                       "in this version each node certifies itself with the issuer "
                       "key from `vidaictl mesh init`");
    }
    for (const std::string& seed : options.seeds) {
        if (auto parsed = parse_host_port(seed); !parsed) return fail(std::move(parsed).error());
    }
    if (options.advertise.empty()) return {};
    if (auto parsed = parse_host_port(options.advertise); !parsed) {
        return fail(std::move(parsed).error());
    }
    return {};
}

// A mesh of one makes its own root, once.
Result<MeshOptions> with_genesis(MeshOptions options, const DataDir& dir, const NoticeSink& sink) {
    const std::string folder = dir.file("mesh");
    options.root_file = folder + "/mesh.pub";
    options.issuer_file = folder + "/issuer.key";
    if (std::filesystem::exists(folder)) return options;
    auto made = mesh_init({.directory = folder});
    if (!made) return fail(std::move(made).error());
    sink({Notice::Kind::kGenesis, dir.path(), "created",
          "no mesh.root_file is set: this node is a mesh of one, with a root of its own in " +
              folder});
    return options;
}

Result<std::pair<seal::Trust, seal::Issuer>> load_trust(const MeshOptions& options) {
    auto trust = seal::load_trust(options.root_file);
    if (!trust) return fail(std::move(trust).error());
    auto issuer = seal::load_issuer(options.issuer_file);
    if (!issuer) return fail(std::move(issuer).error());
    if (issuer->trust != *trust) {
        return fail(ErrorCode::kUnauthenticated,
                    options.issuer_file + " belongs to another mesh than " + options.root_file,
                    "issuer_file");
    }
    return std::pair{*trust, std::move(*issuer)};
}

Result<state::StoredState> load_stored(const DataDir& dir, const seal::Trust& trust) {
    const std::string path = dir.file(kStateFile);
    auto stored = state::load_state(path);
    if (!stored && stored.error().code == ErrorCode::kNotFound) {
        return state::StoredState{trust.mesh, {}, {}};
    }
    if (!stored) return stored;
    if (stored->mesh != trust.mesh) {
        return fail(ErrorCode::kConfigInvalid,
                    path + " holds the keys of another mesh (" + to_hex(stored->mesh) +
                        "): give this node a data directory of its own, or move that file away",
                    "data_dir");
    }
    return stored;
}

std::string advertised(const MeshOptions& options, std::uint16_t port) {
    if (!options.advertise.empty()) return options.advertise;
    const std::string& host = options.listen_address;
    const bool wildcard = host.empty() || host == "0.0.0.0" || host == "::";
    return to_string({wildcard ? reachable_address() : host, port});
}

Result<void> open_sockets(Startup& startup, const NoticeSink& sink) {
    const MeshOptions& options = startup.options;
    if (options.enabled) {
        auto listening = listen_tcp(options.listen_address, options.listen_port);
        if (!listening) return fail(std::move(listening).error());
        startup.peers = std::move(*listening);
        startup.address = advertised(options, startup.peers.port);
    } else {
        startup.address = "localhost:0";  // nobody dials a mesh of one
    }
    const std::string path = startup.data_dir.file(kOperatorSocket);
    auto socket = listen_unix(path);
    if (socket) {
        startup.operators = std::move(*socket);
        startup.operator_socket = path;
    } else {
        sink({Notice::Kind::kTrouble, path, "no_operator_socket", socket.error().message});
    }
    return {};
}

// Up to a tenth of its life earlier than two thirds: nodes that started together, as by an upgrade,
// do not renew together.
WallTime renewal_time(WallTime now, WallTime until) {
    std::array<std::uint8_t, 2> random{};
    seal::system_random().fill(random);
    const auto life = until - now;
    return now + life * 2 / 3 - life / 10 * seal::Reader(random).u16() / 65'536;
}

}  // namespace

Result<Certified> certify(const seal::Issuer& issuer, const NodeId& node,
                          const seal::NodeIdentity& identity, WallTime now) {
    auto chain = seal::issue_node_certificate(issuer, node, identity.key->public_key(), now,
                                              seal::kNodeValidity, seal::system_random());
    if (!chain) return fail(std::move(chain).error());
    const auto verified = seal::verify_chain(issuer.trust, now, *chain);
    if (!verified) return fail(seal::to_error(verified.error()));
    Certified out;
    out.chain = std::make_shared<const seal::Bytes>(std::move(*chain));
    out.credentials = std::make_shared<const seal::Credentials>(
        seal::Credentials{issuer.trust, identity.key, *out.chain});
    out.serial = verified->serial;
    out.who = *verified;
    out.renew_at = renewal_time(now, verified->valid_until);
    return out;
}

Result<void> check(const MeshOptions& options) {
    if (auto fine = check_options(options); !fine) return fine;
    if (auto node = choose_node_id(options.node_id); !node) return fail(std::move(node).error());
    if (!options.enabled) return {};
    auto trusted = load_trust(options);
    if (!trusted) return fail(std::move(trusted).error());
    return {};
}

Result<Startup> prepare(const MeshOptions& options, const NoticeSink& sink) {
    if (auto fine = check_options(options); !fine) return fail(std::move(fine).error());
    auto node = choose_node_id(options.node_id);
    if (!node) return fail(std::move(node).error());
    auto dir = DataDir::open(options.data_dir);
    if (!dir) return fail(std::move(dir).error());
    auto chosen =
        options.enabled ? Result<MeshOptions>(options) : with_genesis(options, *dir, sink);
    if (!chosen) return fail(std::move(chosen).error());
    auto trusted = load_trust(*chosen);
    if (!trusted) return fail(std::move(trusted).error());
    auto stored = load_stored(*dir, trusted->first);
    if (!stored) return fail(std::move(stored).error());
    auto identity = seal::open_node_identity(dir->path(), seal::system_random());
    if (!identity) return fail(std::move(identity).error());
    auto certified = certify(trusted->second, *node, *identity, wall_now());
    if (!certified) return fail(std::move(certified).error());

    Startup startup{std::move(*chosen),
                    std::move(*dir),
                    std::move(*node),
                    std::move(*identity),
                    trusted->first,
                    std::move(trusted->second),
                    std::move(*certified),
                    std::move(*stored),
                    {},
                    {},
                    {},
                    {}};
    if (auto opened = open_sockets(startup, sink); !opened) return fail(std::move(opened).error());
    return startup;
}

}  // namespace vidai::mesh::rpc
