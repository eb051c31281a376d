// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/archive.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

#include "mesh/seal/disk.h"
#include "mesh/usage/folder.h"

namespace vidai::mesh::usage {

std::string origin_folder(const std::string& archive, const seal::PublicKey& origin) {
    return archive + "/" + seal::to_hex(origin.bytes);
}

std::optional<seal::PublicKey> parse_origin(std::string_view hex) {
    seal::PublicKey key;
    if (hex.size() != 2 * key.bytes.size()) return std::nullopt;
    for (std::size_t i = 0; i < key.bytes.size(); ++i) {
        const std::string_view digits = hex.substr(2 * i, 2);
        const auto [stopped, error] =
            std::from_chars(digits.data(), digits.data() + 2, key.bytes[i], 16);
        if (error != std::errc() || stopped != digits.data() + 2) return std::nullopt;
    }
    if (seal::to_hex(key.bytes) != hex) return std::nullopt;  // in capitals
    return key;
}

Result<std::vector<seal::PublicKey>> list_origins(const std::string& archive) {
    std::error_code error;
    std::filesystem::directory_iterator each(archive, error);
    if (error == std::errc::no_such_file_or_directory) return std::vector<seal::PublicKey>{};
    std::vector<seal::PublicKey> origins;
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
        const auto origin = parse_origin(each->path().filename().string());
        if (origin) origins.push_back(*origin);
    }
    if (error) return seal::io_error(error.value(), "list", archive);
    std::ranges::sort(origins);
    return origins;
}

namespace {

Result<void> move_file(const std::string& archive, const File& file, const journal::Owner& own) {
    const std::string path = segment_path(archive, file);
    const auto copy = copy_segment(path);
    if (!copy) return std::unexpected(copy.error());
    const auto found = journal::Journal::owner_of(**copy);
    if (!found) return std::unexpected(found.error());
    const journal::Owner owner = found->value_or(own);
    if (owner.mesh != own.mesh) {
        return fail(ErrorCode::kCorrupt, path + " has usage of another mesh: move it away", path);
    }
    const std::string folder = origin_folder(archive, owner.ledger);
    if (auto made = make_folder(folder); !made) return made;
    const std::string to = segment_path(folder, file);
    if (std::filesystem::exists(to)) {
        return fail(ErrorCode::kCorrupt, path + " is there twice: " + to + " has its place", path);
    }
    if (auto moved = seal::system_disk().rename(path, to); !moved) return moved;
    return seal::system_disk().sync_directory(folder);
}

}  // namespace

Result<std::vector<Unread>> open_archive(const std::string& archive, const journal::Owner& own) {
    if (auto made = make_folder(archive); !made) return std::unexpected(made.error());
    const auto flat = list_segments(archive);
    if (!flat) return std::unexpected(flat.error());
    std::vector<Unread> stay;
    for (const File& file : *flat) {
        const auto moved = move_file(archive, file, own);
        if (!moved) stay.push_back({segment_path(archive, file), 0, moved.error()});
    }
    if (!flat->empty()) {
        if (auto kept = seal::system_disk().sync_directory(archive); !kept) {
            return std::unexpected(kept.error());
        }
    }
    return stay;
}

}  // namespace vidai::mesh::usage
