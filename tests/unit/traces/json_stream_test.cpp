// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/json_stream.hpp"

#include <gtest/gtest.h>
