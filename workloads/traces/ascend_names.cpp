// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/ascend.hpp"

#include <array>
#include <cctype>

namespace aisle::workloads::traces {

std::string_view hccl_operation(std::string_view name) {
  name = name.substr(0, name.find('@'));
  const std::size_t numbers = name.find("__");
  return numbers == std::string_view::npos ? name : name.substr(0, numbers + 1);
}

std::string_view hccl_group(std::string_view id) {
  constexpr std::size_t kTail = 3;
  return id.size() > kTail ? id.substr(id.size() - kTail) : id;
}

CollectiveCall hccl_call(std::string_view name, Assembler& assembler) {
  constexpr std::array<std::pair<std::string_view, CollectiveKind>, 11> kNames = {{
      {"allreduce", CollectiveKind::all_reduce},
      {"allgather", CollectiveKind::all_gather},
      {"reducescatter", CollectiveKind::reduce_scatter},
      {"alltoall", CollectiveKind::all_to_all},
      {"broadcast", CollectiveKind::broadcast},
      {"batchsendrecv", CollectiveKind::send_recv},
      {"reduce", CollectiveKind::reduce},
      {"send", CollectiveKind::send_recv},
      {"receive", CollectiveKind::send_recv},
      {"recv", CollectiveKind::send_recv},
      {"barrier", CollectiveKind::barrier},
  }};
  CollectiveCall call;
  const std::string text = lowered(hccl_operation(name));
  for (const auto& [stem, kind] : kNames) {
    if (text.find(stem) == std::string::npos) continue;
    call.kind = kind;
    call.kind_known = true;
    break;
  }
  const std::size_t at = name.find('@'), numbers = name.substr(0, at).find("__");
  std::string_view group =
      at == std::string_view::npos ? std::string_view() : hccl_group(name.substr(at + 1));
  if (numbers != std::string_view::npos) {
    const std::string_view tail = name.substr(0, at).substr(numbers + 2);
    const std::size_t end = tail.find('_');
    // The tail is the last digits of the group's id: one group under both names.
    if (end != std::string_view::npos) {
      group = tail.substr(0, end);
      const std::string_view rest = tail.substr(end + 1);
      call.sequence = to_integer(rest.substr(0, rest.find('_'))).value_or(kNone);
    }
  }
  if (!group.empty()) call.group = assembler.group(group);
  return call;
}

}  // namespace aisle::workloads::traces
