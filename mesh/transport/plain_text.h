// SPDX-License-Identifier: Apache-2.0
// What a person is told of a failed system call. KJ's own words begin with the expression that
// failed and end with its operands. Any thread.
#pragma once

#include <string>

#include <kj/exception.h>

namespace vidai::mesh::transport {

// "::read(fd, buffer, size): Connection reset by peer; fd = 7" -> "Connection reset by peer"; what
// does not name a call stays as it is.
std::string plain_text(const kj::Exception& e);

}  // namespace vidai::mesh::transport
