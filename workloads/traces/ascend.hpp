// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/assemble.hpp"
#include "workloads/traces/trace.hpp"

#include <string_view>

/// Names of Ascend's collective library. Used by the ascend_*.cpp alone.
namespace aisle::workloads::traces {

/// "hcom_allReduce__271_0_1@1102..." without group and numbers: "hcom_allReduce_".
std::string_view hccl_operation(std::string_view name);

/// The end of a group's id by which names call it: "5862276114690318097" is "097".
std::string_view hccl_group(std::string_view id);

/// Kind, group and sequence that a name like "hcom_allReduce__271_0_1" tells: 271 is the tail of
/// the group's id, 0 the number of the call in it.
CollectiveCall hccl_call(std::string_view name, Assembler& assembler);

}  // namespace aisle::workloads::traces
