// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/prefix_cache.hpp"

namespace aisle::workloads {

int KvBlocks::known(std::span<const std::int64_t> ids) const {
  int count = 0;
  for (const std::int64_t id : ids) {
    if (!entries_.contains(id)) break;
    ++count;
  }
  return count;
}

void KvBlocks::use(std::span<const std::int64_t> ids) {
  for (const std::int64_t id : ids) {
    Entry& entry = entries_.at(id);
    if (entry.users++ == 0) unused_.erase(entry.unused);
  }
}

bool KvBlocks::keep(std::int64_t id) {
  if (of_id_ == 0) return false;
  const auto [entry, fresh] = entries_.try_emplace(id);
  if (fresh) entry->second.users = 1;
  return fresh;
}

void KvBlocks::release(std::span<const std::int64_t> ids) {
  // The ends of prefixes are given up before their beginnings.
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    Entry& entry = entries_.at(*id);
    if (--entry.users == 0) entry.unused = unused_.insert(unused_.end(), *id);
  }
}

bool KvBlocks::take(std::int64_t blocks) {
  if (available() < blocks) return false;
  while (free_ < blocks) {
    entries_.erase(unused_.front());
    unused_.pop_front();
    free_ += of_id_;
  }
  free_ -= blocks;
  return true;
}

}  // namespace aisle::workloads
