// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/assemble.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

namespace aisle::workloads::traces {
namespace {

/// Most tensors that one operator may have: a bound on hostile lists.
constexpr std::size_t kTensors = 4096;

/// The elements of a list literal of JSON or Python, each as its text.
std::vector<std::string_view> elements(std::string_view list) {
  std::vector<std::string_view> out;
  list = trimmed(list);
  if (list.size() < 2 || (list.front() != '[' && list.front() != '(')) return out;
  list = list.substr(1, list.size() - 2);
  std::size_t from = 0;
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    const char letter = i < list.size() ? list[i] : ',';
    if (quote != 0) {
      if (letter == '\\') {
        ++i;
      } else if (letter == quote) {
        quote = 0;
      }
      continue;
    }
    if (letter == '"' || letter == '\'') quote = letter;
    if (letter == '[' || letter == '(') ++depth;
    if (letter == ']' || letter == ')') --depth;
    if (letter != ',' || (depth > 0 && i < list.size())) continue;
    const std::string_view element = trimmed(list.substr(from, i - from));
    if (!element.empty() && out.size() < kTensors) out.push_back(element);
    from = i + 1;
  }
  return out;
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// "Tensor(c10::Half)" is an operand of type c10::Half.
std::optional<std::string_view> tensor_type(std::string_view type) {
  constexpr std::string_view kTensor = "Tensor(";
  if (!type.starts_with(kTensor) || !type.ends_with(')')) return std::nullopt;
  return type.substr(kTensor.size(), type.size() - kTensor.size() - 1);
}

std::vector<std::int64_t> shape_of(std::string_view list) {
  std::vector<std::int64_t> shape;
  for (const std::string_view length : elements(list)) {
    const auto value = to_integer(length);
    if (!value) return {};
    shape.push_back(*value);
  }
  return shape;
}

/// The types inside "GenericList[Tensor(float),Int]".
std::vector<std::string_view> inner_types(std::string_view type) {
  const std::size_t open = type.find('[');
  if (open == std::string_view::npos) return {};
  return elements(type.substr(open));
}

}  // namespace

std::vector<Operands::Tensor> parse_tensors(std::string_view shapes, std::string_view types) {
  std::vector<Operands::Tensor> out;
  const std::vector<std::string_view> lists = elements(shapes), names = elements(types);
  for (std::size_t i = 0; i < std::max(lists.size(), names.size()); ++i) {
    const std::string_view list = i < lists.size() ? lists[i] : std::string_view();
    const std::string_view type = i < names.size() ? unquoted(names[i]) : std::string_view();
    if (const auto inner = tensor_type(type)) {
      out.push_back({shape_of(list), std::string(*inner)});
      continue;
    }
    const std::vector<std::string_view> each = elements(list), each_type = inner_types(type);
    bool tensors = false;
    for (std::size_t j = 0; j < std::min(each.size(), each_type.size()); ++j) {
      const auto inner = tensor_type(each_type[j]);
      if (!inner) continue;
      tensors = true;
      if (out.size() < kTensors) out.push_back({shape_of(each[j]), std::string(*inner)});
    }
    const bool untyped = type.empty();
    if (!tensors)
      out.push_back({untyped ? shape_of(list) : std::vector<std::int64_t>(),
                     std::string(type.substr(0, 64))});
  }
  return out;
}

std::string parse_scalars(std::string_view values, std::string_view types) {
  constexpr std::size_t kLongest = 512;  // longer ones are tables, no arguments
  const std::vector<std::string_view> each = elements(values), names = elements(types);
  std::string out = "[";
  bool any = false;
  for (std::size_t i = 0; i < each.size(); ++i) {
    const std::string_view type = i < names.size() ? unquoted(names[i]) : std::string_view();
    const bool tensor = type.find("Tensor(") != std::string_view::npos;
    if (i > 0) out += ", ";
    out += '"';
    if (!tensor) {
      const std::string_view value = unquoted(each[i]);
      any = any || !value.empty();
      for (const char letter : value) out += letter == '"' ? '\'' : letter;
    }
    out += '"';
    if (out.size() > kLongest) return {};
  }
  return any ? out + "]" : std::string();
}

std::optional<std::int64_t> scaled_integer(std::string_view decimal, int exponent) {
  constexpr std::int64_t kMost = 4'000'000'000'000'000'000;
  decimal = trimmed(decimal);
  const bool negative = decimal.starts_with('-');
  if (negative || decimal.starts_with('+')) decimal.remove_prefix(1);
  if (const std::size_t e = decimal.find_first_of("eE"); e != std::string_view::npos) {
    const auto power = to_integer(decimal.substr(e + 1));
    if (!power || std::abs(*power) > 30) return std::nullopt;
    exponent += static_cast<int>(*power);
    decimal = decimal.substr(0, e);
  }
  const std::size_t point = std::min(decimal.find('.'), decimal.size());
  std::string digits(decimal.substr(0, point));
  const std::size_t whole = digits.size();
  if (point < decimal.size()) digits += decimal.substr(point + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  const std::int64_t keep = static_cast<std::int64_t>(whole) + exponent;
  std::int64_t value = 0;
  for (std::int64_t i = 0; i < keep; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const int digit = at < digits.size() ? digits[at] - '0' : 0;
    if (value == 0 && at >= digits.size()) break;  // zero, however many zeros follow
    if (value > (kMost - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  if (keep >= 0 && static_cast<std::size_t>(keep) < digits.size() &&
      digits[static_cast<std::size_t>(keep)] >= '5') {
    ++value;
  }
  return negative ? -value : value;
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  text = trimmed(text);
  if (text.find_first_of(".eE") != std::string_view::npos) return std::nullopt;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  for (const char letter : text) {
    if (letter < '0' || letter > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, letter - '0', &value)) {
      return std::nullopt;
    }
  }
  return negative ? -value : value;
}

std::optional<double> to_number(std::string_view text) {
  const std::string copy(trimmed(text));
  if (copy.empty() || copy.size() > 64) return std::nullopt;
  if (copy.find_first_not_of("0123456789+-.eE") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace aisle::workloads::traces
