// SPDX-License-Identifier: Apache-2.0
// Writes or checks the generated pages of docs/reference.
//   reference_pages --write DIR            all pages
//   reference_pages --check DIR PAGE       ends with 1 when DIR/PAGE.md is not current
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "bench/mock/reference.h"
#include "cli/help.h"
#include "mesh/mesh.h"
#include "node/config/reference.h"
#include "node/observe/events.h"
#include "node/observe/metrics.h"

namespace {

std::string metrics_page() {
    return vidai::node::observe::metrics_markdown(vidai::mesh::Mesh::metric_catalogue());
}

struct Page {
    std::string_view name;
    std::string (*markdown)();
};
constexpr Page kPages[] = {{"config", vidai::node::config::config_markdown},
                           {"events", vidai::node::observe::events_markdown},
                           {"metrics", metrics_page},
                           {"vidai-mock", vidai::bench::mock::reference_markdown},
                           {"vidaictl", vidai::cli::reference_markdown}};

std::string file_of(std::string_view folder, const Page& page) {
    return std::string(folder) + "/" + std::string(page.name) + ".md";
}

int write_all(std::string_view folder) {
    for (const Page& page : kPages) {
        std::ofstream out(file_of(folder, page), std::ios::binary);
        out << page.markdown();
        if (!out.flush()) {
            std::fprintf(stderr, "cannot write %s\n", file_of(folder, page).c_str());
            return 1;
        }
    }
    return 0;
}

int check(std::string_view folder, std::string_view name) {
    for (const Page& page : kPages) {
        if (page.name != name) continue;
        std::ifstream in(file_of(folder, page), std::ios::binary);
        const std::string found{std::istreambuf_iterator<char>(in), {}};
        if (found == page.markdown()) return 0;
        std::fprintf(stderr,
                     "docs/reference/%s.md is not current; run: "
                     "build/dev/bin/reference_pages --write docs/reference\n",
                     std::string(name).c_str());
        return 1;
    }
    std::fprintf(stderr, "no page of that name\n");
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view verb = argc > 1 ? argv[1] : "";
    if (verb == "--write" && argc == 3) return write_all(argv[2]);
    if (verb == "--check" && argc == 4) return check(argv[2], argv[3]);
    std::fprintf(stderr, "usage: reference_pages --write DIR | --check DIR PAGE\n");
    return 2;
}
