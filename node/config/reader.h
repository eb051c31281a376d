// SPDX-License-Identifier: Apache-2.0
// The steps of load(), one source each. Pure; main thread.
#pragma once

#include <map>
#include <string>

#include "node/config/config.h"
#include "node/config/load.h"
#include "node/config/problems.h"
#include "schema/yaml/yaml.h"

namespace vidai::node::config {

struct Reading {
    const Sources& sources;
    Config config;
    Problems problems;
    Origins origins;
};

// The parsed file, called `name` in messages: options, providers and models.
void read_tree(Reading& reading, const yaml::Node& root, const std::string& name);

// VIDAI_X, or the file that VIDAI_X_FILE names; an empty variable counts as absent.
void read_environment(Reading& reading);

void read_flags(Reading& reading);

// What no single value shows: pairs that belong together, ports that collide, names.
void cross_check(Reading& reading);

// The rate card, and what each target costs by it.
void read_prices(Reading& reading);

}  // namespace vidai::node::config
