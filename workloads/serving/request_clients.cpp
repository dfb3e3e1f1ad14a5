// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/request_clients.hpp"

#include "workloads/serving/arrival_gaps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace aisle::workloads {

namespace {

constexpr double kUsualWindow_s = 600;

struct ClientWindow {
  double start_s = 0, rate = 0;
  std::string client;
  Gaps gaps{Gaps::Kind::exponential};
};

/// Reads rows of rates; every fault is reported where it stands.
class RateReader {
 public:
  RateReader(const CsvTable& table, const LengthSource& lengths, Diagnostics& diagnostics)
      : table_(table), lengths_(lengths), diagnostics_(diagnostics) {}

  std::vector<ClientWindow> read() {
    const auto at = [&](const char* name) { return static_cast<std::size_t>(table_.column(name)); };
    std::vector<ClientWindow> windows;
    const std::size_t client = at("client"), start = at("window_start_s"), rate = at("rate_rps"),
                      family = at("iat_family"), shape = at("iat_shape");
    for (const auto& row : table_.rows) {
      ClientWindow window{number(row[start], 0, 1e9), number(row[rate], 0, 1e6), row[client].text,
                          Gaps(Gaps::Kind::exponential)};
      const double form = number(row[shape], 1e-3, 1e6);
      const auto kind = kind_of(row[family]);
      if (diagnostics_.has_errors()) continue;
      window.gaps = Gaps::of_shape(kind, form);
      if (!lengths_.knows(window.client)) {
        error(row[client], fmt::format("client {} has no lengths", window.client),
              "the table that `lengths` names must hold every client");
      }
      double& before = last_.try_emplace(window.client, -1).first->second;
      if (window.start_s <= before) {
        error(row[start], "a client's windows come in order of time, each once");
      } else if (before >= 0) {
        width_ = std::min(width_, window.start_s - before);
      }
      before = window.start_s;
      windows.push_back(std::move(window));
    }
    return windows;
  }

  /// Length of a window: the smallest step between two of a client.
  double width() const { return std::isfinite(width_) ? width_ : kUsualWindow_s; }

 private:
  void error(const CsvTable::Cell& cell, std::string sentence, std::string hint = {}) {
    diagnostics_.error(table_.place(cell), {}, std::move(sentence), std::move(hint));
  }

  double number(const CsvTable::Cell& cell, double least, double most) {
    const auto value = plain_number(cell.text);
    if (value && *value >= least && *value <= most) return *value;
    error(cell, fmt::format("'{}' is not between {:g} and {:g}", cell.text, least, most));
    return least;
  }

  Gaps::Kind kind_of(const CsvTable::Cell& cell) {
    if (cell.text == "Gamma") return Gaps::Kind::gamma;
    if (cell.text == "Weibull") return Gaps::Kind::weibull;
    error(cell, fmt::format("'{}' is no family of gaps", cell.text), "Gamma or Weibull");
    return Gaps::Kind::exponential;
  }

  const CsvTable& table_;
  const LengthSource& lengths_;
  Diagnostics& diagnostics_;
  std::map<std::string, double, std::less<>> last_;
  double width_ = std::numeric_limits<double>::infinity();
};

void draw_window(const ClientWindow& window, double width, const LengthSource& lengths,
                 std::uint64_t seed, RequestStream& stream) {
  const std::string name = fmt::format("client {} from {:.0f} s", window.client, window.start_s);
  Random arrivals(seed, name), prompts(seed, name + " prompts"), outputs(seed, name + " outputs");
  const auto count = static_cast<std::size_t>(window.rate * width + arrivals.uniform());
  std::vector<double> gaps(count + 1);
  double sum = 0;
  for (double& gap : gaps) sum += gap = window.gaps.draw(arrivals);
  double now = window.start_s;
  for (std::size_t i = 0; i < count; ++i) {
    now += gaps[i] * width / sum;
    const auto [prompt, output] = lengths.draw(prompts, outputs, window.client, now);
    Request request;
    request.arrival_s = now;
    request.prompt = prompt;
    request.output = output;
    stream.requests.push_back(request);
  }
}

}  // namespace

bool is_client_rates(const std::vector<std::string>& header) {
  constexpr const char* kColumns[] = {"client", "window_start_s", "rate_rps", "iat_family",
                                      "iat_shape"};
  return std::all_of(std::begin(kColumns), std::end(kColumns), [&](const char* name) {
    return std::find(header.begin(), header.end(), name) != header.end();
  });
}

std::optional<RequestStream> draw_clients(const CsvTable& rates, const LengthSource& lengths,
                                          const ClientDraw& draw, Diagnostics& diagnostics) {
  Diagnostics own;
  RateReader reader(rates, lengths, own);
  std::vector<ClientWindow> windows = reader.read();
  diagnostics.append(own);
  if (own.has_errors()) return std::nullopt;
  const double width = reader.width();
  std::stable_sort(
      windows.begin(), windows.end(),
      [](const ClientWindow& a, const ClientWindow& b) { return a.start_s < b.start_s; });
  RequestStream stream;
  double reached = -1;
  for (const ClientWindow& window : windows) {
    if (window.start_s + width <= draw.from_s || window.start_s >= draw.until_s) continue;
    const auto size = static_cast<std::int64_t>(stream.requests.size());
    if (size >= draw.count && window.start_s > reached) break;
    if (static_cast<double>(size) + window.rate * width > 60e6) {
      diagnostics.error({rates.file, 0, 0}, {}, "draws more than 60 million requests",
                        "take a part of it: `from` and `duration`, or `count`");
      return std::nullopt;
    }
    reached = window.start_s;
    draw_window(window, width, lengths, draw.seed, stream);
  }
  std::stable_sort(stream.requests.begin(), stream.requests.end(),
                   [](const Request& a, const Request& b) { return a.arrival_s < b.arrival_s; });
  stream.caveats.push_back(fmt::format(
      "{}: arrivals drawn by client in windows of {:.0f} s; prompts and answers drawn apart.",
      rates.file, width));
  return stream;
}

}  // namespace aisle::workloads
