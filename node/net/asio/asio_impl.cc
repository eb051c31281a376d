// SPDX-License-Identifier: Apache-2.0
// The one place where Asio is compiled; every other file sees declarations only.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
