// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/requests.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

// A stream is refused with an error, or holds requests in order with lengths above zero.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto blocks = [text = std::string(data, data + size), at = std::size_t{0}](
                          char* to, std::size_t room) mutable {
    const std::size_t taken = text.copy(to, room, at);
    at += taken;
    return taken;
  };
  aisle::Diagnostics diagnostics;
  const auto stream = aisle::workloads::parse_requests(blocks, "fuzz", diagnostics);
  AISLE_ASSERT(stream.has_value() == !diagnostics.has_errors(), "refused if and only if an error");
  if (!stream) return 0;
  AISLE_ASSERT(!stream->requests.empty(), "a stream holds requests");
  double before = 0;
  for (const auto& request : stream->requests) {
    AISLE_ASSERT(request.prompt > 0 && request.output > 0, "requests ask for something");
    AISLE_ASSERT(std::isfinite(request.arrival_s) && request.arrival_s >= before, "in order");
    const auto end = static_cast<std::size_t>(request.first_prefix + request.prefixes);
    AISLE_ASSERT(end <= stream->prefix_ids.size(), "prefixes are the stream's");
    before = request.arrival_s;
  }
  return 0;
}
