// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>
