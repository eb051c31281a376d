// SPDX-License-Identifier: Apache-2.0
// Whole nodes for tests: real sockets on loopback, real files in a directory of their own.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/mesh.h"
#include "mesh/operator.h"
#include "mesh/state/key_table.h"

namespace vidai::mesh::testing {

using namespace std::chrono_literals;

class TempDir {
  public:
    TempDir() {
        std::string form = (std::filesystem::temp_directory_path() / "vidai-mesh-XXXXXX").string();
        path_ = ::mkdtemp(form.data());
    }
    ~TempDir() { std::filesystem::remove_all(path_); }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

// Polls until `done`, for at most `limit`: the bound of a wait, never its length.
inline bool eventually(const std::function<bool()>& done, std::chrono::milliseconds limit = 20s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

// What a node's log would say, for assertions from the test's thread.
class Notices {
  public:
    NoticeSink sink() {
        return [this](const Notice& notice) {
            const std::lock_guard lock(mutex_);
            all_.push_back(notice);
        };
    }
    bool has(Notice::Kind kind, const std::string& what = {}) const {
        const std::lock_guard lock(mutex_);
        for (const Notice& n : all_) {
            if (n.kind == kind && (what.empty() || n.what == what)) return true;
        }
        return false;
    }
    std::string text() const {
        const std::lock_guard lock(mutex_);
        std::string out;
        for (const Notice& n : all_) {
            out += std::to_string(static_cast<int>(n.kind)) + " " + n.subject + " " + n.what + " " +
                   n.message + "\n";
        }
        return out;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<Notice> all_;
};

struct Node {
    std::shared_ptr<Notices> notices = std::make_shared<Notices>();  // outlives the mesh
    std::unique_ptr<Mesh> mesh;
    MeshOptions options;

    std::string address() const { return "127.0.0.1:" + std::to_string(mesh->mesh_port()); }
    std::size_t alive() const {
        std::size_t count = 0;
        const auto view = mesh->view().load();  // a temporary would die before the loop
        for (const Member& m : view->members) {
            count += m.status == MemberStatus::kAlive ? 1 : 0;
        }
        return count;
    }
    MemberStatus status_of(const std::string& id) const {
        const auto view = mesh->view().load();  // a temporary would die before the loop
        for (const Member& m : view->members) {
            if (m.id.str() == id) return m.status;
        }
        return MemberStatus::kJoining;
    }
    const state::KeyEntry* key(const KeyId& id,
                               std::shared_ptr<const state::KeyTable>& hold) const {
        hold = mesh->keys().load();
        return hold->find(*state::parse_key_id(id.str()));
    }
    bool has_key(const KeyId& id) const {
        std::shared_ptr<const state::KeyTable> hold;
        const auto* entry = key(id, hold);
        return entry != nullptr && !entry->record.revoked && entry->slot.has_value();
    }
};

// One mesh's files and nodes.
class Cluster {
  public:
    Cluster() {
        auto made = mesh_init({.directory = dir_.file("init")});
        EXPECT_TRUE(made.has_value()) << made.error().message;
        files = *made;
    }

    MeshOptions options(const std::string& name) const {
        MeshOptions o;
        o.node_id = name;
        o.listen_address = "127.0.0.1";
        o.listen_port = 0;
        o.data_dir = dir_.file(name);
        o.root_file = files.root_file;
        o.issuer_file = files.issuer_file;
        o.enabled = true;
        o.membership.probe_interval = 100ms;
        o.push_interval = 20ms;
        o.membership.sync_interval = 300ms;
        o.program_version = "test";
        return o;
    }
    static Node start(const MeshOptions& options) {
        Node node;
        node.options = options;
        auto mesh = Mesh::start(options, node.notices->sink());
        EXPECT_TRUE(mesh.has_value()) << mesh.error().message;
        if (!mesh) return node;
        node.mesh = std::move(*mesh);
        node.mesh->join();
        return node;
    }
    Node start(const std::string& name, std::vector<std::string> seeds = {}) const {
        MeshOptions o = options(name);
        o.seeds = std::move(seeds);
        return start(o);
    }
    OperatorTarget target(const Node& node) const {
        return {node.address(), files.operator_file, files.root_file};
    }
    OperatorClient connect(const Node& node) const {
        auto client = OperatorClient::connect(target(node), 10s);
        EXPECT_TRUE(client.has_value()) << client.error().message;
        return std::move(*client);
    }
    std::string path(const std::string& name) const { return dir_.file(name); }

    MeshInitFiles files;

  private:
    TempDir dir_;
};

}  // namespace vidai::mesh::testing
