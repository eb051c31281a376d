// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread for whoever else has, or had, this node's identity: another process that
// is newer, and an earlier one that had counted more starts than the disk now says.
#include <memory>
#include <string>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/seal/identity_store.h"

namespace vidai::mesh::rpc {

// Two processes with one identity would count, sign and spend as one node. The other one goes on.
void MeshThread::be_superseded() {
    superseded_ = true;
    const std::string why = "there is a newer word by the identity of " + startup_.node.str() +
                            ": if this data directory was replaced or copied, empty this one, and "
                            "if two nodes have this id, give each an id and a directory of its own";
    shared_.must_stop.publish(std::make_shared<const std::string>(why));
    notice(Notice::Kind::kSuperseded, startup_.node.str(), "superseded", why);
}

// The membership goes on in a generation that nobody has used; so must the next start. It happens
// once after a disk was put back, and so on this thread. Where the disk does not take it, the
// others say it again after the next start.
void MeshThread::outgrow(Generation known) {
    const Generation before = startup_.identity.generation;
    startup_.identity.generation = membership_.self()->version.generation;
    if (!set_back_) set_back_ = SetBack{before, known};
    links_.set_self(link_self(startup_, certified_, replica_.identities()));
    Result<void> counted;  // a new key brings the count with it
    if (!rotating_) counted = seal::count_starts(startup_.data_dir.path(), startup_.identity);
    const std::string kept =
        counted ? "" : ". That could not be written: " + counted.error().message;
    notice(Notice::Kind::kTrouble, startup_.node.str(), "set_back",
           "by its disk this is start " + std::to_string(before.value) +
               " of this node, and the others know of start " + std::to_string(known.value) +
               " with the same key: an older copy of its data directory was put back, or another "
               "process has one. It goes on as start " +
               std::to_string(startup_.identity.generation.value) + kept);
}

}  // namespace vidai::mesh::rpc
