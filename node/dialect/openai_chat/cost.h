// SPDX-License-Identifier: Apache-2.0
// What a chat completion request says about the most that it can cost. A second look at the body,
// for requests under a hard budget alone: the others need not pay for it. Where two readers could
// take the body differently, or a field may carry what nobody here knows, it is taken for the
// dearer: a known part is cheap because it is known. A service tier that a project has as its
// default is not in the body; such a project's prices belong on the rate card. Pure; any thread.
#pragma once

#include <string_view>

#include "node/request/cost_facts.h"

namespace vidai::node::dialect::openai_chat {

// `body` is one that RequestReader has read. The facts may point into it.
request::CostFacts read_cost_facts(std::string_view body);

}  // namespace vidai::node::dialect::openai_chat
