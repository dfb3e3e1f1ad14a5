// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace aisle {
namespace {

std::string letters_and_digits(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += c;
    }
  }
  return out;
}

// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

constexpr double kFar = 1;

// 0: the same but for case and punctuation; up to 0.4: near; kFar: shares too little.
double distance(const std::string& word, const std::string& candidate) {
  if (word.empty() || candidate.empty()) return kFar;
  if (word == candidate) return 0;
  const std::string& shorter = word.size() < candidate.size() ? word : candidate;
  const std::string& longer = word.size() < candidate.size() ? candidate : word;
  const auto length = static_cast<double>(longer.size());
  const double share = static_cast<double>(edit_distance(word, candidate)) / length;
  if (shorter.size() >= 3 && longer.find(shorter) != std::string::npos) {
    return std::min(share, 0.2 + 0.2 * (1 - static_cast<double>(shorter.size()) / length));
  }
  return share <= 0.4 ? share : kFar;
}

}  // namespace

void Diagnostics::error(Place place, std::string field, std::string sentence, std::string hint) {
  all_.push_back(
      {Severity::error, std::move(place), std::move(field), std::move(sentence), std::move(hint)});
  ++errors_;
}

void Diagnostics::warning(Place place, std::string field, std::string sentence, std::string hint) {
  all_.push_back({Severity::warning, std::move(place), std::move(field), std::move(sentence),
                  std::move(hint)});
}

void Diagnostics::note(Place place, std::string field, std::string sentence, std::string hint) {
  all_.push_back(
      {Severity::note, std::move(place), std::move(field), std::move(sentence), std::move(hint)});
}

void Diagnostics::append(const Diagnostics& other) {
  all_.insert(all_.end(), other.all_.begin(), other.all_.end());
  errors_ += other.errors_;
}

std::string to_string(const Diagnostic& diagnostic) {
  std::string out;
  const Place& place = diagnostic.place;
  if (!place.file.empty()) {
    out += place.file;
    if (place.line > 0) out += fmt::format(":{}", place.line);
    if (place.line > 0 && place.column > 0) out += fmt::format(":{}", place.column);
    out += ": ";
  }
  switch (diagnostic.severity) {
    case Severity::error:
      out += "error: ";
      break;
    case Severity::warning:
      out += "warning: ";
      break;
    case Severity::note:
      out += "note: ";
      break;
  }
  if (!diagnostic.field.empty()) out += diagnostic.field + ": ";
  out += diagnostic.sentence;
  if (!diagnostic.hint.empty()) out += " (" + diagnostic.hint + ")";
  return out;
}

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates,
                                 std::size_t limit) {
  const std::string plain = letters_and_digits(word);
  std::vector<std::pair<double, const std::string*>> near;
  for (const std::string& candidate : candidates) {
    const double d = distance(plain, letters_and_digits(candidate));
    if (d < kFar) near.emplace_back(d, &candidate);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (const auto& [d, candidate] : near) {
    if (out.size() == limit) break;
    if (std::find(out.begin(), out.end(), *candidate) == out.end()) out.push_back(*candidate);
  }
  return out;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::vector<std::string> near = nearest(word, candidates);
  std::string out;
  for (std::size_t i = 0; i < near.size(); ++i) {
    if (i > 0) out += i + 1 == near.size() ? " or " : ", ";
    out += "'" + near[i] + "'";
  }
  return out.empty() ? out : "did you mean " + out + "?";
}

void assertion_failed(const char* condition, const char* sentence, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal error: %s (%s)\n", file, line, sentence, condition);
  std::abort();
}

}  // namespace aisle
