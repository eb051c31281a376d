// SPDX-License-Identifier: Apache-2.0
// Prints docs/reference/errors.md from the error catalogue; with --check FILE, fails when the file
// says anything else.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "node/respond/catalogue.h"

namespace vidai::node::respond {
namespace {

constexpr std::string_view kIntroduction = R"(# Errors

<!-- Generated: build/dev/bin/error_catalogue > docs/reference/errors.md -->

Every failure reaches a client as an OpenAI error, also in the middle of a stream (then as a last
`data:` event):

```json
{"error":{"message":"...","type":"...","param":null,"code":"..."}}
```

An error that a provider answers in this form is passed on as it came, with its own `code`, which
may be null; one in another form (an empty body, a proxy's page) becomes `upstream_error` with the
provider's status. A provider's refusal of the gateway's own credential (401 or 403) is never passed
on: the next target is tried, and if none is left, it is `upstream_credential_refused`. An error
event of the provider's ends its stream as it came.

A program switches on `code`; `message` is for a person. Where the table says *specific*, the
message names what exactly was wrong and the text shown is only its fallback; elsewhere the text is
all a client gets to read, and the log has the rest under the same `x-request-id`, as far as its
bounds go ([events](events.md)). `x-should-retry` is sent with every error and overrides an SDK's
own rule: as the provider says, else as the table says (a provider's own error: by its status), but
false when a repeat cannot succeed, as for a request larger than its whole limit. A delay is sent as
`retry-after` (seconds) and `retry-after-ms`: the provider's, or for a limit the exact time until it
admits again. The log name is what log lines call the failure.

| status | code | type | retry | connection | message | log name |
|---|---|---|---|---|---|---|
)";

std::string page() {
    std::string out(kIntroduction);
    for (const CatalogueRow& row : catalogue()) {
        out += "| " + std::to_string(row.status) + " | `" + std::string(row.code) + "` | `" +
               std::string(row.type) + "` | " + (row.should_retry ? "yes" : "no");
        if (row.retry_after.count() > 0) {
            out += ", after " + std::to_string(row.retry_after.count()) + " ms";
        }
        out += std::string(" | ") + (row.closes ? "closes" : "stays") + " | " +
               std::string(row.message) + (row.says_why ? " *(specific)*" : "") + " | `" +
               std::string(error_code_name(row.error)) + "` |\n";
    }
    return out;
}

int check(const char* file) {
    std::ifstream in(file, std::ios::binary);
    const std::string found{std::istreambuf_iterator<char>(in), {}};
    if (found == page()) return 0;
    std::fprintf(stderr,
                 "%s does not match the error catalogue. Write it anew:\n"
                 "  build/dev/bin/error_catalogue > docs/reference/errors.md\n",
                 file);
    return 1;
}

}  // namespace
}  // namespace vidai::node::respond

int main(int argc, char** argv) {
    using namespace vidai::node::respond;
    if (argc == 3 && std::string_view(argv[1]) == "--check") return check(argv[2]);
    if (argc != 1) {
        std::fprintf(stderr, "usage: error_catalogue [--check FILE]\n");
        return 2;
    }
    const std::string text = page();
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}
