// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/software.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

constexpr int kFirstMonth = 2025 * 12 + 8;  // of 2025-09, counted from 0

/// Months from year 0 on; nothing where the text is no "YYYY-MM".
std::optional<int> months_of(const std::string& date) {
  int year = 0, month = 0;
  constexpr std::size_t kDash = 4, kLength = 7;
  if (date.size() != kLength || date[kDash] != '-') return std::nullopt;
  const char* text = date.data();
  const auto read = [](const char* from, const char* to, int& value) {
    const auto [end, failure] = std::from_chars(from, to, value);
    return failure == std::errc() && end == to;
  };
  if (!read(text, text + kDash, year) || !read(text + kDash + 1, text + kLength, month)) {
    return std::nullopt;
  }
  constexpr int kMonths = 12;
  if (year < 2000 || month < 1 || month > kMonths) return std::nullopt;
  return year * kMonths + month - 1;
}

}  // namespace

double software_factor(const pb::Software& software, const SourceMap& places,
                       Diagnostics& diagnostics) {
  const auto error = [&](const char* field, std::string sentence, const char* hint) {
    const std::string path = std::string("workload.training.software.") + field;
    diagnostics.error(places.find(path), path, std::move(sentence), hint);
  };
  const double factor = software.factor();
  constexpr double kMost = 100;
  if (!(factor > 0 && factor <= kMost)) {
    error("factor", fmt::format("must lie above 0 and up to {:g}, is {:g}", kMost, factor),
          "1.3: three tenths longer than the kernels");
    return 1;
  }
  if (software.has_date() != software.has_half_life_months()) {
    error(software.has_date() ? "half_life_months" : "date",
          "date and half-life go together, and one of them is missing",
          "date: \"2026-02\" half_life_months: 18");
    return 1;
  }
  if (!software.has_date()) return factor;
  const std::optional<int> months = months_of(software.date());
  if (!months) {
    error("date", fmt::format("'{}' is no year and month", software.date()), "\"2026-02\"");
    return 1;
  }
  if (!(software.half_life_months() > 0)) {
    error("half_life_months", fmt::format("must be above 0, is {:g}", software.half_life_months()),
          "18");
    return 1;
  }
  return factor * std::exp2(-(*months - kFirstMonth) / software.half_life_months());
}

}  // namespace aisle::workloads::parallel
