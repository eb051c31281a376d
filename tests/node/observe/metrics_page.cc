// SPDX-License-Identifier: Apache-2.0
// Prints an exposition with every family, for promtool.
#include <cstdio>

#include "tests/node/observe/sample_metrics.h"

int main() {
    const vidai::node::observe::Log log({}, 2);
    const auto metrics = vidai::node::observe::sample_metrics();
    metrics->watch(log);
    std::fputs(metrics->prometheus_text().c_str(), stdout);
    return 0;
}
