// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/armour.h"

#include <algorithm>
#include <array>
#include <utility>

#include <sodium/utils.h>

#include "mesh/seal/domain.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kColumns = 64;
constexpr std::size_t kCheckSize = 16;
constexpr std::size_t kContentMax = 1024;
constexpr std::size_t kBase64Max = (kContentMax + kCheckSize + 2) / 3 * 4;
constexpr std::size_t kBlocksMax = 8;

std::array<std::uint8_t, kCheckSize> checksum(std::string_view name, ByteView content) {
    const auto length = static_cast<std::uint8_t>(name.size());
    return digest<kCheckSize>(Domain::kArmour, {{&length, 1}, bytes_of(name), content});
}

std::unexpected<Error> damaged(std::string_view where, std::size_t line, std::string_view what) {
    return fail(ErrorCode::kCorrupt,
                std::string(where) + ":" + std::to_string(line) + ": the file is damaged, " +
                    std::string(what),
                std::string(where));
}

// The text between "-----BEGIN " and "-----"; empty when `line` is no such line.
std::string_view marker(std::string_view line, std::string_view prefix) {
    if (!line.starts_with(prefix) || !line.ends_with(kDashes)) return {};
    line.remove_prefix(prefix.size());
    return line.size() > kDashes.size() ? line.substr(0, line.size() - kDashes.size())
                                        : std::string_view();
}

bool decode(std::string_view name, const std::string& base64, WipedBytes& out) {
    out.bytes.resize(base64.size() / 4 * 3);
    std::size_t size = 0;
    if (sodium_base642bin(out.bytes.data(), out.bytes.size(), base64.data(), base64.size(), nullptr,
                          &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size < kCheckSize) {
        return false;
    }
    const ByteView content = ByteView(out.bytes).first(size - kCheckSize);
    const auto expected = checksum(name, content);
    const bool whole =
        sodium_memcmp(expected.data(), out.bytes.data() + content.size(), kCheckSize) == 0;
    out.bytes.resize(content.size());
    return whole;
}

// Reads lines; knows where it is.
class Lines {
  public:
    explicit Lines(std::string_view text) : text_(text) {}
    bool next(std::string_view& line) {
        if (text_.empty()) return false;
        const std::size_t end = std::min(text_.find('\n'), text_.size());
        line = text_.substr(0, end);
        text_.remove_prefix(std::min(end + 1, text_.size()));
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
        ++number_;
        return true;
    }
    std::size_t number() const { return number_; }

  private:
    std::string_view text_;
    std::size_t number_ = 0;
};

struct WipedText {
    WipedText() { text.reserve(kBase64Max); }
    ~WipedText() { sodium_memzero(text.data(), text.capacity()); }
    WipedText(const WipedText&) = delete;
    WipedText& operator=(const WipedText&) = delete;
    std::string text;
};

Result<Block> read_block(Lines& lines, std::string_view name, std::string_view where) {
    WipedText base64;
    std::string_view line;
    while (lines.next(line)) {
        if (!line.starts_with(kDashes)) {
            if (base64.text.size() + line.size() > kBase64Max) {
                return damaged(where, lines.number(), "a block is too long");
            }
            base64.text += line;
            continue;
        }
        Block block{std::string(name), {}};
        if (marker(line, kEnd) != name) {
            return damaged(where, lines.number(), "a block does not end as it began");
        }
        if (!decode(name, base64.text, block.content)) {
            return damaged(where, lines.number(), "its " + block.name + " fails its checksum");
        }
        return block;
    }
    return damaged(where, lines.number(), "its last block has no end");
}

// What a file is, by the block that no other kind has; where that is missing, by its first one.
constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
    {"VIDAI ROOT SECRET KEY", "a mesh's secret root (root.key)"},
    {"VIDAI ISSUER SECRET KEY", "an issuer's secret key (issuer.key)"},
    {"VIDAI OPERATOR SECRET KEY", "an operator's secret key (operator.key)"},
    {"VIDAI NODE SECRET KEY", "a node's secret key (node.key)"},
    {"VIDAI LEDGER SECRET KEY", "a ledger's secret key (ledger/key)"},
    {"VIDAI GENERATION", "a node's count of its starts (generation)"},
    {"VIDAI ROOT SUCCESSION", "the succession of a root (succession)"},
    {"VIDAI CERTIFICATE CHAIN", "a node's certificate (certificate)"},
    {"VIDAI MESH TRUST", "a mesh's public root (mesh.pub)"}};

std::string kind_of(const auto& names) {
    for (const auto& [block, kind] : kKinds) {
        if (std::ranges::find(names, block) != std::ranges::end(names)) return std::string(kind);
    }
    const auto first = std::ranges::begin(names);
    return first == std::ranges::end(names) ? "no identity file" : std::string(*first);
}

}  // namespace

WipedBytes::~WipedBytes() {
    sodium_memzero(bytes.data(), bytes.size());
}

std::string armour(std::string_view name, ByteView content) {
    CHECK(content.size() <= kContentMax);
    WipedBytes whole;
    Writer(whole.bytes).fixed(content).fixed(checksum(name, content));
    WipedText base64;
    base64.text.resize(
        sodium_base64_encoded_len(whole.bytes.size(), sodium_base64_VARIANT_ORIGINAL));
    sodium_bin2base64(base64.text.data(), base64.text.size(), whole.bytes.data(),
                      whole.bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    base64.text.pop_back();  // the terminating zero

    std::string out;
    out.reserve(base64.text.size() + base64.text.size() / kColumns + 2 * name.size() + 64);
    out.append(kBegin).append(name).append(kDashes).append("\n");
    for (std::size_t at = 0; at < base64.text.size(); at += kColumns) {
        out.append(std::string_view(base64.text).substr(at, kColumns)).append("\n");
    }
    out.append(kEnd).append(name).append(kDashes).append("\n");
    return out;
}

Result<std::vector<Block>> read_blocks(std::string_view text, std::string_view where,
                                       std::initializer_list<std::string_view> expected) {
    std::vector<Block> blocks;
    std::vector<std::string> names;
    Lines lines(text);
    std::string_view line;
    if (text.empty()) {
        return fail(ErrorCode::kCorrupt, std::string(where) + " is empty", std::string(where));
    }
    while (lines.next(line)) {
        if (line.empty() || line.starts_with('#')) continue;
        const std::string_view name = marker(line, kBegin);
        if (name.empty() || name.size() > kColumns || blocks.size() == kBlocksMax) {
            return damaged(where, lines.number(), "this line does not belong here");
        }
        Result<Block> block = read_block(lines, name, where);
        if (!block) return fail(std::move(block).error());
        names.push_back(block->name);
        blocks.push_back(*std::move(block));
    }
    if (!std::ranges::equal(names, expected)) {
        return fail(ErrorCode::kConfigInvalid,
                    std::string(where) + " is another kind of file: it is " + kind_of(names) +
                        ", and " + kind_of(expected) + " is wanted",
                    std::string(where));
    }
    return blocks;
}

}  // namespace vidai::mesh::seal
