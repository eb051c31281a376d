// SPDX-License-Identifier: Apache-2.0
// Replays a fuzz target's corpus without libFuzzer: each file of each directory named on the
// command line, then a bounded number of seeded mutations of each, so that any compiler and any
// sanitizer exercises the parser in the ordinary test run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kMutationsPerFile = 200;

std::uint64_t g_state = 0x243f6a8885a308d3;
std::uint64_t next_random() {
    g_state ^= g_state << 13;
    g_state ^= g_state >> 7;
    g_state ^= g_state << 17;
    return g_state;
}

void mutate(std::vector<std::uint8_t>& bytes) {
    const std::uint64_t edits = 1 + next_random() % 4;
    for (std::uint64_t i = 0; i < edits; ++i) {
        const std::size_t at = bytes.empty() ? 0 : next_random() % bytes.size();
        const auto byte = static_cast<std::uint8_t>(next_random());
        const auto here = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        switch (next_random() % 4) {
            case 0:
                bytes.insert(here, byte);
                break;
            case 1:
                if (!bytes.empty()) bytes.erase(here);
                break;
            case 2:
                if (!bytes.empty()) *here = byte;
                break;
            default:
                bytes.resize(at);
                break;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> files;
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
            if (entry.is_regular_file()) files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) {
        std::fprintf(stderr, "no corpus file in the directories named\n");
        return 2;
    }
    for (const std::string& file : files) {
        std::ifstream in(file, std::ios::binary);
        const std::vector<std::uint8_t> seed{std::istreambuf_iterator<char>(in), {}};
        LLVMFuzzerTestOneInput(seed.data(), seed.size());
        for (int i = 0; i < kMutationsPerFile; ++i) {
            std::vector<std::uint8_t> bytes = seed;
            mutate(bytes);
            LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
        }
    }
    std::printf("replayed %zu files, %d mutations each\n", files.size(), kMutationsPerFile);
    return 0;
}
