// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/reference.h"

#include <string_view>

#include "bench/mock/options.h"

namespace vidai::bench::mock {
namespace {

constexpr std::string_view kIntro = R"(# vidai-mock

Generated from `bench/mock`; do not edit. An OpenAI-compatible provider for trying things out, tests
and benchmarks: it needs no API key, answers any model, fails on purpose, and keeps an exact bill of
what it was asked for. To the gateway it is a provider like any other:

```yaml
providers:
  mock:
    base_url: http://127.0.0.1:8081/v1   # with /v1, as for every OpenAI-compatible server
models:
  demo:
    - {provider: mock, model: mock-small}
  slow:
    - {provider: mock, model: fault-ttft-200+rate-20+tokens-24}
  broken:
    - {provider: mock, model: fault-503}
    - {provider: mock, model: mock-small}   # what the gateway falls back to
```

It serves `POST /v1/chat/completions`, streaming and not, and `GET /v1/models`.

## Faults through the gateway

The gateway sends a provider none of its client's own headers, so `x-mock-fault` reaches the mock
only without a gateway between. Through one, say it in the model's name, as above: `fault-`, then
directives separated by `+`, each `NAME-VALUE`; a bare number is a status. A name that does not
parse is an ordinary model. Or make a rule in the mock, for all calls or for those of one model or
credential, so many times or so likely:

```sh
curl http://127.0.0.1:8081/mock/faults \
  -d '{"fault":"status=503,retry-after=1","model":"mock-small","count":3,"probability":0.5}'
curl -X DELETE http://127.0.0.1:8081/mock/faults
```

`GET /mock/bill` has what each credential was billed per model, `GET /mock/requests?last=N` the last
requests as they arrived, byte for byte, `GET /mock/stats` connections and requests. `--ports-file`
gets `{"mock": PORT}`.

## `vidai-mock --help`

```text
)";

}  // namespace

std::string reference_markdown() {
    char program[] = "vidai-mock";
    char flag[] = "--help";
    char* arguments[] = {program, flag, nullptr};
    std::string help;
    static_cast<void>(parse_options(2, arguments, help));
    return std::string(kIntro) + help + "```\n";
}

}  // namespace vidai::bench::mock
