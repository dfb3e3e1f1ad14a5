// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search_load.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::sim {

namespace {

using workloads::Request;
using workloads::RequestStream;

constexpr double kMostRequests = 60'000;

}  // namespace

ScaledLoad::ScaledLoad(std::shared_ptr<const RequestStream> stream) : stream_(std::move(stream)) {
  double first = 0;
  for (const Request& request : stream_->requests) {
    prompt_ += request.prompt;
    output_ += request.output;
    if (request.waits) continue;
    ++first;
    span_s_ = std::max(span_s_, request.arrival_s);
  }
  const auto count = static_cast<double>(stream_->requests.size());
  prompt_ /= count;
  output_ /= count;
  if (closed()) {
    own_ = stream_->concurrency;
  } else if (span_s_ > 0) {
    span_s_ *= first / std::max(1.0, first - 1);  // the gap behind the last one
    own_ = count / span_s_;
  }
}

std::shared_ptr<const RequestStream> ScaledLoad::times(double factor, double seconds) const {
  const auto size = static_cast<double>(stream_->requests.size());
  auto scaled = std::make_shared<RequestStream>(*stream_);
  double copies = 1;
  if (closed()) {
    scaled->concurrency = std::max(1, static_cast<int>(std::lround(own_ * factor)));
    copies = std::ceil(10.0 * scaled->concurrency / size);
  } else {
    for (Request& request : scaled->requests) {
      if (!request.waits) request.arrival_s /= factor;
    }
    copies = std::ceil(seconds * factor / span_s_);
  }
  copies = std::clamp(copies, 1.0, std::max(1.0, std::floor(kMostRequests / size)));
  if (copies < 2) return scaled;
  const RequestStream one = *scaled;
  const auto highest = std::max_element(one.prefix_ids.begin(), one.prefix_ids.end());
  const std::int64_t ids = highest == one.prefix_ids.end() ? 0 : *highest + 1;
  for (int copy = 1; copy < static_cast<int>(copies); ++copy) {
    const auto requests = static_cast<std::int32_t>(one.requests.size()) * copy;
    const auto prefixes = static_cast<std::int32_t>(one.prefix_ids.size()) * copy;
    for (Request request : one.requests) {
      if (!request.waits && !closed()) request.arrival_s += copy * span_s_ / factor;
      if (request.next >= 0) request.next += requests;
      request.first_prefix += prefixes;
      scaled->requests.push_back(request);
    }
    for (const std::int64_t id : one.prefix_ids) scaled->prefix_ids.push_back(id + ids * copy);
  }
  return scaled;
}

}  // namespace aisle::sim
