// SPDX-License-Identifier: Apache-2.0
// What a node refuses to start with, and what it says then.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "mesh/transport/sockets.h"
#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::Node;

Error refusal(const MeshOptions& options) {
    auto mesh = Mesh::start(options, nullptr);
    if (!mesh) return mesh.error();
    ADD_FAILURE() << "it started";
    return {};
}

TEST(Startup, RefusesADataDirectoryThatAnotherNodeUses) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    MeshOptions second = cluster.options("a");
    const Error why = refusal(second);
    EXPECT_EQ(why.code, ErrorCode::kIo);
    EXPECT_EQ(why.param, "data_dir");
    EXPECT_NE(why.message.find("in use"), std::string::npos) << why.message;
}

TEST(Startup, RefusesAPortThatIsTaken) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    MeshOptions b = cluster.options("b");
    b.listen_port = a.mesh->mesh_port();
    const Error why = refusal(b);
    EXPECT_EQ(why.code, ErrorCode::kIo);
    EXPECT_NE(why.message.find(a.address()), std::string::npos) << why.message;
}

// With some of the files of a mesh it would never have started again.
TEST(Startup, MakesAMeshOfOneAfterACrashInTheMiddleOfIt) {
    const Cluster cluster;
    MeshOptions options = cluster.options("solo");
    options.root_file.clear();
    options.issuer_file.clear();
    options.enabled = false;
    const std::string folder = options.data_dir + "/mesh";
    std::filesystem::create_directories(folder + ".new");
    std::ofstream(folder + ".new/root.key") << "half of";
    const Node node = Cluster::start(options);
    EXPECT_NE(node.mesh, nullptr);
    for (const char* name : {"/mesh.pub", "/root.key", "/issuer.key", "/operator.key"}) {
        EXPECT_TRUE(std::filesystem::exists(folder + name)) << name;
    }
    EXPECT_FALSE(std::filesystem::exists(folder + ".new"));
}

// No file grows, as on a full disk, whoever the tests run as.
class NoRoom {
  public:
    NoRoom() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
        const rlimit none{0, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    }
    ~NoRoom() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        (void)std::signal(SIGXFSZ, handler_);
    }
    NoRoom(const NoRoom&) = delete;
    NoRoom& operator=(const NoRoom&) = delete;

  private:
    rlimit before_{};
    void (*handler_)(int);
};

TEST(Startup, SaysWhatToDoWhereTheFirstOneFindsNoRoom) {
    const Cluster cluster;
    const MeshOptions member = cluster.options("a");
    MeshOptions solo = cluster.options("solo");
    solo.root_file.clear();
    solo.issuer_file.clear();
    solo.enabled = false;
    for (const MeshOptions& options : {member, solo}) {
        Error why;
        {
            const NoRoom full;
            why = refusal(options);
        }
        EXPECT_EQ(why.code, ErrorCode::kIo);
        EXPECT_NE(why.message.find("Make room on that disk"), std::string::npos) << why.message;
        EXPECT_NE(why.message.find("--data-dir"), std::string::npos) << why.message;
        EXPECT_NE(Cluster::start(options).mesh, nullptr) << "with room it is a first start again";
    }
}

TEST(Startup, ReleasesTheDataDirectoryWhenItFails) {
    const Cluster cluster;
    MeshOptions options = cluster.options("a");
    options.listen_address = "192.0.2.1";  // no address of this host (RFC 5737)
    EXPECT_EQ(refusal(options).code, ErrorCode::kIo);
    EXPECT_NE(cluster.start("a").mesh, nullptr);
}

TEST(Startup, RefusesADamagedStateFileAndSaysHowToGoOn) {
    const Cluster cluster;
    {
        const Node a = cluster.start("a");
    }
    const std::string path = cluster.path("a") + "/registers";
    ASSERT_TRUE(std::filesystem::exists(path));
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(60);
        file.put('\x7f');
    }
    const Error why = refusal(cluster.options("a"));
    EXPECT_EQ(why.code, ErrorCode::kCorrupt);
    EXPECT_NE(why.message.find("move the file away"), std::string::npos) << why.message;
    std::filesystem::remove(path);
    EXPECT_NE(cluster.start("a").mesh, nullptr);
}

// It would be ready, with no keys, and nobody would hear of it.
TEST(Startup, MakesNoMeshOfOneOfANodeThatLostItsCertificate) {
    const Cluster cluster;
    {
        const Node a = cluster.start("a");
    }
    MeshOptions alone = cluster.options("a");
    alone.root_file.clear();
    alone.issuer_file.clear();
    alone.enabled = false;
    for (const char* gone : {"", "/registers"}) {
        if (*gone != '\0') std::filesystem::remove(cluster.path("a") + gone);
        const Error why = refusal(alone);
        EXPECT_EQ(why.code, ErrorCode::kConfigInvalid) << gone;
        EXPECT_EQ(why.param, "data_dir");
        EXPECT_NE(why.message.find("--join"), std::string::npos) << why.message;
        EXPECT_FALSE(std::filesystem::exists(cluster.path("a") + "/mesh")) << gone;
    }
    EXPECT_NE(cluster.start("a").mesh, nullptr) << "with its files it starts as before";
}

TEST(Startup, RefusesTheDataDirectoryOfAnotherMesh) {
    const Cluster cluster, other;
    {
        const Node a = cluster.start("a");
    }
    MeshOptions options = other.options("a");
    options.data_dir = cluster.path("a");
    EXPECT_EQ(refusal(options).code, ErrorCode::kConfigInvalid);
}

TEST(Startup, RefusesAnIssuerOfAnotherMesh) {
    const Cluster cluster, other;
    MeshOptions options = cluster.options("a");
    options.issuer_file = other.files.issuer_file;
    EXPECT_EQ(refusal(options).code, ErrorCode::kUnauthenticated);
}

TEST(Startup, SaysWhichOfTheFilesOfAMeshIsInTheOthersPlace) {
    const Cluster cluster;
    MeshOptions options = cluster.options("a");
    std::swap(options.root_file, options.issuer_file);
    for (const Error& why : {refusal(options), Mesh::check(options).error()}) {
        EXPECT_EQ(why.code, ErrorCode::kConfigInvalid);
        EXPECT_NE(why.message.find("are in each other's place"), std::string::npos) << why.message;
        EXPECT_NE(why.message.find(cluster.files.root_file + " is the mesh's public root"),
                  std::string::npos)
            << why.message;
        EXPECT_EQ(why.message.find("backup"), std::string::npos) << "nothing is damaged";
    }
    options = cluster.options("a");
    options.root_file = cluster.files.operator_file;
    const Error why = refusal(options);
    EXPECT_NE(why.message.find("it is an operator's secret key (operator.key), and a mesh's public "
                               "root (mesh.pub) is wanted"),
              std::string::npos)
        << why.message;
}

TEST(Startup, RefusesASeedWithoutARoot) {
    const Cluster cluster;
    MeshOptions options = cluster.options("a");
    options.enabled = false;
    options.seeds = {"127.0.0.1:7420"};
    const Error why = refusal(options);
    EXPECT_EQ(why.code, ErrorCode::kConfigInvalid);
    EXPECT_EQ(why.param, "root_file");
}

TEST(Startup, RefusesTheDataDirectoryOfAnotherNodeOfItsMesh) {
    const Cluster cluster;
    {
        const Node a = cluster.start("a");
    }
    MeshOptions renamed = cluster.options("b");
    renamed.data_dir = cluster.path("a");
    const Error why = refusal(renamed);
    EXPECT_EQ(why.code, ErrorCode::kConfigInvalid);
    EXPECT_EQ(why.param, "node_id");
    EXPECT_NE(why.message.find("belongs to node 'a'"), std::string::npos) << why.message;
    EXPECT_NE(why.message.find("--node-id a"), std::string::npos) << why.message;
    EXPECT_NE(cluster.start("a").mesh, nullptr) << "as itself it starts as before";
    std::filesystem::remove_all(cluster.path("a") + "/identity");
    EXPECT_NE(Cluster::start(renamed).mesh, nullptr) << "with a key of its own it is another node";
}

TEST(Startup, KnowsByItsCertificateWhoseADataDirectoryIs) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    MeshOptions joined = cluster.options("b");
    joined.root_file.clear();
    joined.issuer_file.clear();
    joined.enabled = false;
    const auto token = cluster.connect(a).token_create({"*", std::chrono::hours(1), {}});
    ASSERT_TRUE(token.has_value()) << token.error().message;
    joined.join = std::string(token->text.reveal());
    {
        const Node b = Cluster::start(joined);
        ASSERT_NE(b.mesh, nullptr);
    }
    std::filesystem::remove(joined.data_dir + "/registers");
    MeshOptions renamed = joined;  // its token would make it one more node with the same key
    renamed.node_id = "c";
    const Error why = refusal(renamed);
    EXPECT_EQ(why.param, "node_id");
    EXPECT_NE(why.message.find("belongs to node 'b'"), std::string::npos) << why.message;
    EXPECT_NE(Cluster::start(joined).mesh, nullptr);
}

TEST(Startup, LetsAMeshOfOneTakeAnotherName) {
    const Cluster cluster;
    MeshOptions solo = cluster.options("solo");
    solo.root_file.clear();
    solo.issuer_file.clear();
    solo.enabled = false;
    {
        const Node node = Cluster::start(solo);
        ASSERT_NE(node.mesh, nullptr);
    }
    solo.node_id = "another-host";  // as of a container, whose host name is new each time
    EXPECT_NE(Cluster::start(solo).mesh, nullptr);
}

TEST(Startup, CountsAGenerationPerStart) {
    const Cluster cluster;
    for (std::uint64_t start = 1; start <= 3; ++start) {
        const Node a = cluster.start("a");
        EXPECT_EQ(a.mesh->view().load()->members.at(0).generation.value, start);
    }
}

TEST(MeshInit, OverwritesNothing) {
    const Cluster cluster;
    const auto again = mesh_init({.directory = cluster.path("init")});
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

}  // namespace
}  // namespace vidai::mesh
