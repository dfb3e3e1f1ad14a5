// SPDX-License-Identifier: Apache-2.0
// The members of a Kineto file beside its events.
#include "workloads/traces/kineto.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

namespace aisle::workloads::traces {
namespace {

// The DOM, not simdjson's on-demand reader: that one must not be asked again after an error.
namespace json = simdjson::dom;

std::int64_t number(const json::object& object, std::string_view key, std::int64_t otherwise) {
  std::int64_t value = 0;
  return object[key].get_int64().get(value) == simdjson::SUCCESS ? value : otherwise;
}

std::string string(const json::object& object, std::string_view key) {
  std::string_view value;
  return object[key].get_string().get(value) == simdjson::SUCCESS ? std::string(value)
                                                                  : std::string();
}

std::int32_t small(std::int64_t value) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, -1, 1 << 30));
}

// PyTorch writes a list, Kineto's daemon a string with a list in it.
std::vector<std::int32_t> ranks_of(const json::object& group) {
  std::vector<std::int32_t> ranks;
  json::array list;
  if (group["ranks"].get_array().get(list) == simdjson::SUCCESS) {
    for (const json::element entry : list) {
      std::int64_t rank = 0;
      if (entry.get_int64().get(rank) == simdjson::SUCCESS) ranks.push_back(small(rank));
    }
    return ranks;
  }
  const std::string text = string(group, "ranks");
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    std::int32_t rank = 0;
    const auto [behind, failure] = std::from_chars(at, end, rank);
    if (failure == std::errc()) ranks.push_back(rank);
    at = std::max(at + 1, behind);
  }
  return ranks;
}

}  // namespace

void KinetoBuilder::add_member(std::string_view name, std::string_view raw) {
  if (name == "baseTimeNanoseconds") {
    constexpr std::int64_t kLatest = 3'800'000'000'000'000'000;  // 2090
    std::string_view digits = raw;
    if (digits.starts_with('"')) digits = digits.substr(1, digits.size() - 2);
    trace_->origin_ns = std::clamp<std::int64_t>(whole(digits, 0), 0, kLatest);
    return;
  }
  const bool devices = name == "deviceProperties", job = name == "distributedInfo";
  if (!devices && !job) return;
  json::parser parser;
  json::element document;
  if (parser.parse(raw.data(), raw.size()).get(document) != simdjson::SUCCESS) return;
  if (devices) {
    json::array list;
    if (document.get_array().get(list) != simdjson::SUCCESS) return;
    for (const json::element entry : list) {
      json::object device;
      if (entry.get_object().get(device) != simdjson::SUCCESS) continue;
      Rank properties;
      numbers_.push_back(small(number(device, "id", 0)));
      properties.device = string(device, "name");
      properties.cores = small(number(device, "numSms", 0));
      properties.memory_bytes = number(device, "totalGlobalMem", 0);
      devices_.push_back(std::move(properties));
    }
    return;
  }
  json::object info;
  if (document.get_object().get(info) != simdjson::SUCCESS) return;
  Rank& rank = trace_->ranks.back();
  rank.number = small(number(info, "rank", kNone));
  rank.world = std::max(small(number(info, "world_size", 0)), 0);
  json::array groups;
  if (info["pg_config"].get_array().get(groups) != simdjson::SUCCESS) return;
  for (const json::element entry : groups) {
    json::object config;
    if (entry.get_object().get(config) != simdjson::SUCCESS) continue;
    Group group;
    group.name = string(config, "pg_name");
    group.description = string(config, "pg_desc");
    group.size = std::max(small(number(config, "pg_size", 0)), 0);
    group.ranks = ranks_of(config);
    known_group(std::move(group));
  }
}

}  // namespace aisle::workloads::traces
