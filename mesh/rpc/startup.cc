// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/startup.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "mesh/journal/journal.h"
#include "mesh/operator.h"
#include "mesh/seal/disk.h"
#include "mesh/seal/identity_store.h"
#include "mesh/seal/refusal.h"
#include "mesh/seeds/seed_names.h"
#include "mesh/wire/membership.h"

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
    if (!options.issuer_file.empty() && options.root_file.empty()) {
        return missing("root_file", "make one with `vidaictl mesh init`");
    }
    if (!options.issuer_file.empty() && !options.join.empty()) {
        return fail(ErrorCode::kConfigInvalid,
                    "mesh.join and mesh.issuer_file exclude each other: with an issuer key a node "
                    "certifies itself, and neither asks with the token nor dials the seeds in it. "
                    "Take away mesh.issuer_file (--mesh-issuer) to join by the token, or mesh.join "
                    "(--join, VIDAI_MESH_JOIN, VIDAI_MESH_JOIN_FILE) and name a seed (--seed)",
                    "join");
    }
    for (const std::string& seed : options.seeds) {
        if (auto good = seeds::check_seed(seed); !good) return fail(std::move(good).error());
    }
    if (options.advertise.empty()) return {};
    if (auto parsed = transport::parse_host_port(options.advertise); !parsed) {
        return fail(std::move(parsed).error());
    }
    return {};
}

// A mesh of one has its root before it has an identity. So this volume was a node of another mesh,
// whose keys and limits a root of its own would silently leave behind.
Result<void> check_never_joined(const DataDir& dir) {
    std::error_code error;
    const std::filesystem::path certificate = seal::membership_path(dir.path());
    if (!std::filesystem::exists(certificate.parent_path(), error)) return {};
    return fail(ErrorCode::kConfigInvalid,
                "the data directory " + dir.path() +
                    " belongs to a node of a mesh, and nothing says which: there is neither its "
                    "certificate (" +
                    certificate.string() +
                    ") nor mesh.root_file with mesh.issuer_file. Start it once with a join token "
                    "(--join), from `vidaictl mesh token create`, or with the two files that it "
                    "had; for a mesh of its own give it an empty data directory",
                "data_dir");
}

// A mesh of one makes its own root, once.
Result<MeshOptions> with_genesis(MeshOptions options, const DataDir& dir, const NoticeSink& sink) {
    const std::string folder = dir.file("mesh");
    options.root_file = folder + "/mesh.pub";
    options.issuer_file = folder + "/issuer.key";
    if (std::filesystem::exists(folder)) return options;
    if (auto fresh = check_never_joined(dir); !fresh) return fail(std::move(fresh).error());
    // All of it or, after a crash on the way, nothing.
    const std::string unfinished = folder + ".new";
    std::error_code ignored;
    std::filesystem::remove_all(unfinished, ignored);
    auto made = mesh_init({.directory = unfinished, .clock = options.clock});
    if (!made) {
        made.error().message =
            "this node cannot make the root of its mesh of one: " + made.error().message +
            ". Make room on that disk, or name a directory that this user may "
            "write to with --data-dir";
        return fail(std::move(made).error());
    }
    if (auto moved = seal::system_disk().rename(unfinished, folder); !moved) {
        return fail(std::move(moved).error());
    }
    if (auto synced = seal::system_disk().sync_directory(dir.path()); !synced) {
        return fail(std::move(synced).error());
    }
    sink({Notice::Kind::kGenesis, dir.path(), "created",
          "no mesh.root_file is set: this node is a mesh of one, with a root of its own in " +
              folder});
    return options;
}

// Nothing where there is no such file.
Result<std::optional<state::StoredState>> load_stored(const DataDir& dir) {
    auto stored = state::load_state(dir.file(kStateFile));
    if (stored) return std::optional(std::move(*stored));
    if (stored.error().code == ErrorCode::kNotFound) return std::optional<state::StoredState>();
    return fail(std::move(stored).error());
}

Result<void> check_mesh(const DataDir& dir, const MeshId& stored, const seal::Trust& trust) {
    if (stored == trust.mesh) return {};
    return fail(ErrorCode::kConfigInvalid,
                dir.file(kStateFile) + " holds the keys of another mesh (" + to_hex(stored) +
                    "): start this node with a join token of that mesh, or with its root and "
                    "issuer, or give it a data directory of its own",
                "data_dir");
}

std::string advertised(const MeshOptions& options, std::uint16_t port) {
    if (!options.advertise.empty()) return options.advertise;
    const std::string& host = options.listen_address;
    const bool wildcard = host.empty() || host == "0.0.0.0" || host == "::";
    return transport::to_string({wildcard ? transport::reachable_address() : host, port});
}

Result<void> open_sockets(Startup& startup, const NoticeSink& sink) {
    const MeshOptions& options = startup.options;
    if (options.enabled) {
        auto listening = transport::listen_tcp(options.listen_address, options.listen_port);
        if (!listening) return fail(std::move(listening).error());
        startup.peers = std::move(*listening);
        startup.address = advertised(options, startup.peers.port);
    } else {
        startup.address = "localhost:0";  // nobody dials a mesh of one
    }
    const std::string path = startup.data_dir.file(kOperatorSocket);
    auto socket = transport::listen_unix(path);
    if (socket) {
        startup.operators = std::move(*socket);
        startup.operator_socket = path;
    } else {
        sink({Notice::Kind::kTrouble, path, "no_operator_socket", socket.error().message});
    }
    return {};
}

}  // namespace

Result<void> check(const MeshOptions& wanted) {
    MeshOptions options = wanted;
    options.enabled |= !options.join.empty() || admission::has_membership(options.data_dir);
    if (auto fine = check_options(options); !fine) return fine;
    if (auto node = choose_node_id(options.node_id); !node) return fail(std::move(node).error());
    return admission::check_admission(options);
}

namespace {

// Of the certificate that this node had when it last wrote its state. A clock that was set back
// since must not give it one that everybody takes for older.
std::uint64_t last_serial(const state::StoredState& stored, const NodeId& node,
                          const seal::PublicKey& key) {
    std::uint64_t last = 0;
    for (const seal::Bytes& packed : stored.roster) {
        const auto claim = wire::unpack_claim(packed);
        if (!claim || claim->id != node || claim->key != key.bytes) continue;
        last = std::max(last, claim->version.serial);
    }
    return last;
}

// Whose this volume is: of whom it keeps a word, or a certificate, for its own key. Nothing where
// it keeps none. A node that was given another's name long ago has words by both, and is fine.
std::optional<NodeId> owner_of(const DataDir& dir, const std::optional<state::StoredState>& stored,
                               const NodeId& node, const seal::PublicKey& key) {
    std::optional<NodeId> owner;
    for (const seal::Bytes& packed : stored ? stored->roster : std::vector<seal::Bytes>()) {
        const auto claim = wire::unpack_claim(packed);
        if (!claim || claim->key != key.bytes) continue;
        if (claim->id == node) return node;
        owner = claim->id;
    }
    if (owner || !admission::has_membership(dir.path())) return owner;
    const auto held = seal::load_membership(dir.path());
    if (!held) return owner;  // admit_self() says what is wrong with it
    const auto leaf = seal::decode_leaf(held->chain);
    return leaf && leaf->key == key ? std::optional(leaf->node) : owner;
}

Result<void> check_owner(const DataDir& dir, const std::optional<state::StoredState>& stored,
                         const NodeId& node, const seal::PublicKey& key) {
    const auto owner = owner_of(dir, stored, node, key);
    if (!owner || *owner == node) return {};
    return fail(ErrorCode::kConfigInvalid,
                "the data directory " + dir.path() + " belongs to node '" + owner->str() +
                    "' of this mesh, and this node is to be '" + node.str() +
                    "': the mesh would see one node under two names. Start it as --node-id " +
                    owner->str() + ", or give " + node.str() +
                    " a data directory of its own. To rename a node, add it under the new name "
                    "with an empty data directory, then drain and forget the old one",
                "node_id");
}

// A token that came too late is a mistake, or one that a supervisor gives at each start.
void tell_unused_token(const Startup& startup, const NoticeSink& sink) {
    if (startup.options.join.empty() || startup.by_token) return;
    sink(
        {Notice::Kind::kIdentity, startup.node.str(), "token_unused",
         "this node has a certificate of its mesh already, so its join token and the seeds in that "
         "are not looked at. To join another mesh give it an empty data directory"});
}

admission::JoinWatch watch_of(const MeshOptions& options, const NoticeSink& sink) {
    return {[&sink](const std::string& where, const std::string& why) {
                sink({Notice::Kind::kJoining, where, why.empty() ? "asking" : "in_vain", why});
            },
            options.give_up};
}

}  // namespace

Result<Startup> recall(const MeshOptions& wanted, const NoticeSink& sink,
                       seal::RandomSource& random) {
    MeshOptions options = wanted;
    options.enabled |= !options.join.empty() || admission::has_membership(options.data_dir);
    if (auto fine = check_options(options); !fine) return fail(std::move(fine).error());
    auto node = choose_node_id(options.node_id);
    if (!node) return fail(std::move(node).error());
    auto dir = DataDir::open(options.data_dir);
    if (!dir) return fail(std::move(dir).error());
    auto chosen =
        options.enabled ? Result<MeshOptions>(options) : with_genesis(options, *dir, sink);
    if (!chosen) return fail(std::move(chosen).error());
    auto identity = seal::open_node_identity(dir->path(), random);
    if (!identity) return fail(std::move(identity).error());
    auto stored = load_stored(*dir);
    if (!stored) return fail(std::move(stored).error());
    if (options.enabled) {  // nobody else knows the name of a mesh of one
        auto own = check_owner(*dir, *stored, *node, identity->key->public_key());
        if (!own) return fail(std::move(own).error());
    }
    auto admitted = admission::admit_self(
        *chosen, *node, *identity, *stored ? (*stored)->registers : std::vector<state::Register>(),
        random, *stored ? last_serial(**stored, *node, identity->key->public_key()) : 0,
        watch_of(*chosen, sink));
    if (!admitted) return fail(std::move(admitted).error());
    if (chosen->seeds.empty()) chosen->seeds = admitted->seeds;
    if (!*stored) *stored = state::StoredState{admitted->trust.mesh, {}, {}};
    if (auto same = check_mesh(*dir, (*stored)->mesh, admitted->trust); !same) {
        return fail(std::move(same).error());
    }

    auto ledger = seal::open_ledger_volume(
        dir->path(), random, [&](const std::string& path, const seal::SecretKey& key) {
            return journal::make_journal(path, {admitted->trust.mesh, key.public_key()}, random);
        });
    Startup startup{std::move(*chosen),
                    std::move(*dir),
                    std::move(*node),
                    std::move(*identity),
                    admitted->trust,
                    std::move(admitted->roots),
                    std::move(admitted->issuer),
                    std::move(admitted->certified),
                    std::move(admitted->seeds),
                    admitted->by_token,
                    std::move(**stored),
                    std::move(ledger),
                    {},
                    {},
                    {},
                    {}};
    tell_unused_token(startup, sink);
    return startup;
}

Result<Startup> prepare(const MeshOptions& options, const NoticeSink& sink) {
    auto startup = recall(options, sink, seal::system_random());
    if (!startup) return startup;
    if (auto opened = open_sockets(*startup, sink); !opened) return fail(std::move(opened).error());
    return startup;
}

}  // namespace vidai::mesh::rpc
