// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/prefix_cache.hpp"

#include <utility>

namespace aisle::workloads {

void CacheTier::put(std::int64_t id, int tokens) {
  const auto known = entries_.find(id);
  if (known != entries_.end()) {
    order_.splice(order_.end(), order_, known->second.place);
    return;
  }
  if (tokens > free_ + kept_) {
    if (below_ != nullptr) below_->put(id, tokens);
    return;
  }
  make_room(tokens);
  free_ -= tokens;
  kept_ += tokens;
  entries_.emplace(id, Entry{order_.insert(order_.end(), id), tokens});
}

bool CacheTier::reserve(std::int64_t tokens) {
  if (tokens > free_ + kept_) return false;
  make_room(tokens);
  free_ -= tokens;
  reserved_ += tokens;
  return true;
}

void CacheTier::make_room(std::int64_t tokens) {
  while (free_ < tokens) {
    const std::int64_t id = order_.front();
    const auto entry = entries_.find(id);
    const int held = entry->second.tokens;
    order_.pop_front();
    entries_.erase(entry);
    free_ += held;
    kept_ -= held;
    if (below_ != nullptr) below_->put(id, held);
  }
}

void CacheTier::forget() {
  free_ += std::exchange(kept_, 0);
  entries_.clear();
  order_.clear();
}

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
    const std::int64_t id = unused_.front();
    entries_.erase(id);
    unused_.pop_front();
    free_ += of_id_;
    if (spill_ != nullptr) spill_->put(id, of_id_ * block_tokens_);
  }
  free_ -= blocks;
  return true;
}

void KvBlocks::forget() {
  free_ = available();
  for (const std::int64_t id : unused_) entries_.erase(id);
  unused_.clear();
}

}  // namespace aisle::workloads
