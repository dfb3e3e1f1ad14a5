// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "sim/base/random.hpp"
#include "workloads/serving/arrival_gaps.hpp"
#include "workloads/serving/request_clients.hpp"
#include "workloads/serving/request_lengths.hpp"
#include "workloads/serving/requests.hpp"
#include "workloads/serving/requests.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>

namespace aisle::workloads {

namespace {

constexpr int kUsualCount = 1000, kMostCount = 50'000'000;
constexpr int kDrawnPrefix = 16;  ///< tokens of a prefix id of drawn streams

Gaps gaps_of(const pb::ServingRequests& asked) {
  switch (asked.arrivals()) {
    case pb::at_once:
      return Gaps(Gaps::Kind::none);
    case pb::evenly:
      return Gaps(Gaps::Kind::equal);
    case pb::gamma:
      return Gaps::of_variation(Gaps::Kind::gamma, asked.gap_variation());
    case pb::weibull:
      return Gaps::of_variation(Gaps::Kind::weibull, asked.gap_variation());
    case pb::poisson:
      break;
  }
  return Gaps(Gaps::Kind::exponential);
}

/// Gives every session's arrivals anew.
void draw_arrivals(const pb::ServingRequests& asked, std::uint64_t seed, RequestStream& stream) {
  Random random(seed, "arrivals");
  const Gaps gaps = gaps_of(asked);
  const double rate = asked.rate() > 0 ? asked.rate() : 1;
  constexpr double kDay = 86400;
  double now = 0;
  bool first = true;
  for (Request& request : stream.requests) {
    if (request.waits) continue;
    const double swing = 1 - asked.daily_swing() * std::cos(2 * std::numbers::pi * now / kDay);
    if (!first) now += gaps.draw(random) / (rate * swing);
    first = false;
    request.arrival_s = now;
  }
}

/// Cuts to the window asked for; sessions stay whole.
void cut(double from, double duration, std::size_t count, RequestStream& stream) {
  std::vector<Request> kept;
  for (const Request& request : stream.requests) {
    if (request.arrival_s < from || request.arrival_s >= from + duration) continue;
    if (kept.size() >= count) break;
    kept.push_back(request);
    kept.back().arrival_s -= from;
  }
  stream.requests = std::move(kept);
}

/// Checks of numbers in the scenario.
class Checker {
 public:
  Checker(const SourceMap& places, std::string path, Diagnostics& diagnostics)
      : places_(places),
        path_(path.empty() ? std::move(path) : std::move(path) + "."),
        diagnostics_(diagnostics) {}

  void error(const std::string& field, std::string sentence, std::string hint = {}) {
    diagnostics_.error(places_.find(path_ + field), path_ + field, std::move(sentence),
                       std::move(hint));
  }

  void within(double value, double low, double high, const char* field) {
    if (value >= low && value <= high) return;
    error(field, fmt::format("{:g} is not between {:g} and {:g}", value, low, high));
  }

  double seconds(const std::string& text, const char* field, double absent) {
    if (text.empty()) return absent;
    const auto time =
        parse_quantity<Seconds>(text, places_.find(path_ + field), path_ + field, diagnostics_);
    return time ? time->si() : absent;
  }

  void lengths(const pb::ServingLengths& asked, bool given, const std::string& field) {
    if (!given) {
      error(field, "the scenario gives no lengths",
            "name a trace, or add prompt { mean: 1000 } "
            "and output { mean: 200 }");
      return;
    }
    if (asked.has_to() != asked.has_from() || asked.from() > asked.to()) {
      error(field, "a range has two ends, the smaller one first", "from: 100 to: 2000");
    } else if (!asked.has_to() && !(asked.mean() >= 1 && asked.mean() <= 100e6)) {
      error(field, "the mean is no number of tokens", "mean: 1000");
    } else if (!(asked.spread() >= 0 && asked.spread() <= 20)) {
      error(field, "the spread is the standard deviation over the mean", "spread: 1");
    }
  }

 private:
  const SourceMap& places_;
  std::string path_;
  Diagnostics& diagnostics_;
};

void check_lengths(const pb::ServingRequests& asked, Checker& checker) {
  if (asked.has_lengths()) return;
  checker.lengths(asked.prompt(), asked.has_prompt(), "prompt");
  checker.lengths(asked.output(), asked.has_output(), "output");
}

void check(const pb::ServingRequests& asked, Checker& checker) {
  checker.within(asked.speed_up(), 1e-6, 1e6, "speed_up");
  checker.within(asked.gap_variation(), 0.05, 50, "gap_variation");
  checker.within(asked.daily_swing(), 0, 0.99, "daily_swing");
  checker.within(asked.urgent_share(), 0, 1, "urgent_share");
  checker.within(asked.turns(), 1, 1000, "turns");
  checker.within(asked.think_s(), 0, 1e6, "think_s");
  if (asked.has_rate()) checker.within(asked.rate(), 1e-6, 1e7, "rate");
  if (asked.has_count()) checker.within(asked.count(), 1, kMostCount, "count");
  if (asked.has_concurrency()) checker.within(asked.concurrency(), 1, 1e7, "concurrency");
  if (asked.has_trace()) return;
  check_lengths(asked, checker);
  const bool times = asked.has_rate() || asked.has_concurrency() || asked.arrivals() == pb::at_once;
  if (!times) {
    checker.error("rate", "nothing says when requests arrive",
                  "rate: 5 (per second), concurrency: 64, or arrivals: at_once");
  }
}

/// Requests with the scenario's turns; their arrivals come after.
RequestStream draw_requests(const pb::ServingRequests& asked, const LengthSource& lengths,
                            std::uint64_t seed) {
  RequestStream stream;
  Random prompts(seed, "prompts"), outputs(seed, "outputs"), thinking(seed, "thinking");
  const int turns = std::max(1, asked.turns());
  const int sessions = std::max(1, (asked.has_count() ? asked.count() : kUsualCount) / turns);
  std::int64_t fresh = asked.shared_prefix() / kDrawnPrefix;
  const bool prefixes = turns > 1 || fresh > 0;
  const std::int64_t shared = fresh;
  std::vector<Request> later;
  for (int session = 0; session < sessions; ++session) {
    std::int32_t history = 0;
    std::vector<std::int64_t> ids;
    for (std::int64_t id = 0; id < shared; ++id) ids.push_back(id);
    for (int turn = 0; turn < turns; ++turn) {
      Request request;
      const auto [prompt, output] = lengths.draw(prompts, outputs);
      request.prompt = history + prompt;
      request.output = output;
      request.waits = turn > 0;
      if (turn > 0) request.arrival_s = asked.think_s() * thinking.exponential();
      history = request.prompt + request.output;
      if (prefixes) {
        while (ids.size() < static_cast<std::size_t>(history / kDrawnPrefix))
          ids.push_back(fresh++);
        request.first_prefix = static_cast<std::int32_t>(stream.prefix_ids.size());
        request.prefixes = request.prompt / kDrawnPrefix;
        stream.prefix_ids.insert(stream.prefix_ids.end(), ids.begin(),
                                 ids.begin() + request.prefixes);
      }
      (turn == 0 ? stream.requests : later).push_back(request);
    }
  }
  if (prefixes) stream.prefix_tokens = kDrawnPrefix;
  for (std::size_t i = 0; i < later.size(); ++i) {
    const auto behind = static_cast<std::size_t>(turns - 1);
    Request& before = i % behind == 0 ? stream.requests[i / behind] : later[i - 1];
    before.next = static_cast<std::int32_t>(stream.requests.size() + i);
  }
  stream.requests.insert(stream.requests.end(), later.begin(), later.end());
  return stream;
}

/// A recorded stream, or one drawn from recorded rates.
std::optional<RequestStream> read_trace(const pb::ServingRequests& asked, const std::string& folder,
                                        const LengthSource& lengths, const ClientDraw& draw,
                                        Checker& checker, Diagnostics& diagnostics) {
  const std::string file = (std::filesystem::path(folder) / asked.trace()).string();
  const auto head = open_blocks(file, diagnostics);
  if (!head) return std::nullopt;
  std::vector<CsvTable::Cell> cells;
  std::vector<std::string> names;
  if (CsvStream(*head, file).next(cells) == CsvStream::Got::record) {
    for (const CsvTable::Cell& cell : cells) names.push_back(cell.text);
  }
  if (!is_client_rates(names)) {
    const auto whole = open_blocks(file, diagnostics);
    return whole ? parse_requests(*whole, file, diagnostics) : std::nullopt;
  }
  check_lengths(asked, checker);
  if (diagnostics.has_errors()) return std::nullopt;
  const auto table = read_csv(file, diagnostics);
  return table ? draw_clients(*table, lengths, draw, diagnostics) : std::nullopt;
}

void draw_urgency(double share, std::uint64_t seed, RequestStream& stream) {
  Random random(seed, "urgency");
  for (Request& request : stream.requests) request.priority = random.uniform() < share ? 1 : 0;
}

}  // namespace

void lengthen_prefixes(RequestStream& stream, int tokens) {
  const int joined = tokens / stream.prefix_tokens;
  std::vector<std::int64_t> ids;
  for (Request& request : stream.requests) {
    const auto* const own = stream.prefix_ids.data() + request.first_prefix;
    request.first_prefix = static_cast<std::int32_t>(ids.size());
    request.prefixes /= joined;
    for (int i = 1; i <= request.prefixes; ++i) ids.push_back(own[i * joined - 1]);
  }
  stream.prefix_ids = std::move(ids);
  stream.prefix_tokens = tokens;
}

std::optional<RequestStream> read_requests(const pb::ServingRequests& asked,
                                           const SourceMap& places, const std::string& path,
                                           const std::string& folder, std::uint64_t seed,
                                           Diagnostics& diagnostics) {
  Diagnostics own;
  Checker checker(places, path, own);
  check(asked, checker);
  constexpr double kEver = 1e300;
  const double from = checker.seconds(asked.from(), "from", 0);
  const double duration = checker.seconds(asked.duration(), "duration", kEver);
  // A window is one of recorded time; drawn arrivals come after it.
  const bool drawn = !asked.has_trace() || asked.has_rate();
  const std::size_t count =
      asked.has_count() ? static_cast<std::size_t>(asked.count()) : std::size_t{kMostCount};
  auto lengths =
      asked.has_lengths()
          ? LengthSource::read((std::filesystem::path(folder) / asked.lengths()).string(), own)
          : std::optional(LengthSource(asked));
  std::optional<RequestStream> read;
  if (!own.has_errors() && asked.has_trace()) {
    const ClientDraw draw{from, drawn ? kEver : from + duration, static_cast<std::int64_t>(count),
                          seed};
    read = read_trace(asked, folder, *lengths, draw, checker, own);
  } else if (!own.has_errors()) {
    read = draw_requests(asked, *lengths, seed);
  }
  diagnostics.append(own);
  if (!read || own.has_errors()) return std::nullopt;
  RequestStream stream = std::move(*read);
  if (asked.has_trace()) cut(from, drawn ? kEver : duration, count, stream);
  if (asked.has_concurrency()) {
    stream.concurrency = asked.concurrency();
    for (Request& request : stream.requests) request.arrival_s *= request.waits ? 1 : 0;
  } else if (drawn) {
    draw_arrivals(asked, seed, stream);
    if (asked.turns() <= 1) cut(0, duration, count, stream);
  } else {
    for (Request& request : stream.requests) request.arrival_s /= asked.speed_up();
  }
  if (stream.requests.empty()) {
    checker.error("duration", "no request arrives in this window");
    diagnostics.append(own);
    return std::nullopt;
  }
  if (asked.has_urgent_share()) draw_urgency(asked.urgent_share(), seed, stream);
  return stream;
}

}  // namespace aisle::workloads
