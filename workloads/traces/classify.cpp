// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/classify.hpp"

#include "workloads/traces/kernel_names.hpp"
#include "workloads/traces/match.hpp"

#include <algorithm>

namespace aisle::workloads::traces {

namespace {

bool fill(const KernelName& name, const CommunicationName& row, KernelClass& found) {
  if (!name.has(row.pattern)) return false;
  found.known = found.communication = true;
  found.rendezvous = row.rendezvous;
  found.library = row.library;
  found.collective_known = row.kind.has_value() && row.certain;
  found.collective = row.kind.value_or(CollectiveKind::all_reduce);
  return true;
}

bool fill(const KernelName& name, const ComputeName& row, KernelClass& found) {
  if (!name.has(row.pattern)) return false;
  found.known = true;
  found.family = row.family;
  found.library = row.library;
  if (row.precision) found.precision = row.precision;
  if (row.direction) found.direction = *row.direction;
  found.direction_known = row.direction.has_value();
  return true;
}

/// Direction by words that every library uses alike.
void direct(const KernelName& name, KernelClass& found) {
  if (found.direction_known || found.communication) return;
  for (const std::string_view word : backward_words()) {
    if (!name.has(word)) continue;
    found.direction = name.has("wgrad") ? Direction::wgrad : Direction::dgrad;
    found.direction_known = true;
    return;
  }
}

}  // namespace

KernelClass classify(std::string_view kernel_name) {
  const KernelName name(kernel_name);
  KernelClass found;
  found.precision = name.precision();
  const auto first = [&](auto rows) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const auto& row) { return fill(name, row, found); });
  };
  if (!first(communication_names()) && !first(library_names())) first(framework_names());
  direct(name, found);
  return found;
}

}  // namespace aisle::workloads::traces
