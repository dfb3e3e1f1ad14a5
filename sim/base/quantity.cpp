// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"

#include "sim/base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>
#include <vector>

namespace aisle {
namespace {

// A unit without prefix, its size in SI units, and the prefixes that people write before it.
struct Atom {
  std::string_view symbol;
  Dimension dimension;
  double factor;
  std::string_view prefixes;
};

constexpr Dimension kByte{.byte = 1}, kOperation{.operation = 1}, kSecond{.second = 1};
constexpr Dimension kOperationRate{.operation = 1, .second = -1}, kPerSecond{.second = -1};
constexpr Dimension kJoule{.joule = 1}, kWatt{.second = -1, .joule = 1}, kDollar{.dollar = 1};
constexpr Dimension kKilogram{.kilogram = 1}, kCubicMetre{.cubic_metre = 1};

constexpr Atom kAtoms[] = {
    {"B", kByte, 1, "kKMGTPE"},
    {"iB", kByte, 1, "KMGTP"},
    {"b", kByte, 0.125, "kKMGTP"},
    {"bit", kByte, 0.125, "kKMGTP"},
    {"FLOP", kOperation, 1, "kMGTPEZY"},
    {"OP", kOperation, 1, "kMGTPEZY"},
    {"FLOPS", kOperationRate, 1, "kMGTPEZ"},
    {"OPS", kOperationRate, 1, "kMGTPEZ"},
    {"s", kSecond, 1, "pnum"},
    {"min", kSecond, 60, ""},
    {"h", kSecond, 3600, ""},
    {"day", kSecond, 86400, ""},
    {"J", kJoule, 1, "fpnumkMGT"},
    {"Wh", kJoule, 3600, "kMGT"},
    {"W", kWatt, 1, "numkMG"},
    {"USD", kDollar, 1, "kM"},
    {"g", kKilogram, 1e-3, "umk"},
    {"t", kKilogram, 1e3, "kM"},
    {"L", kCubicMetre, 1e-3, "mkM"},
    {"m3", kCubicMetre, 1, ""},
    {"Hz", kPerSecond, 1, "kMGT"},
};

// What a dimension is called, a unit to suggest, the units to print it in (smallest first), and its
// SI unit, in which every value has an exact text.
struct Kind {
  Dimension dimension;
  std::string_view name;
  std::string_view example;
  std::vector<std::string_view> printed;
  std::string_view si;
};

template <Dimension D>
constexpr Dimension dimension_of(Quantity<D> /*quantity*/) {
  return D;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {dimension_of(Bytes{}), "an amount of data", "GB", {"B", "kB", "MB", "GB", "TB", "PB"}, "B"},
      {dimension_of(Flops{}),
       "a number of operations",
       "TFLOP",
       {"FLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP", "ZFLOP", "YFLOP"},
       "FLOP"},
      {dimension_of(Seconds{}), "a time", "us", {"ns", "us", "ms", "s", "h", "day"}, "s"},
      {dimension_of(Joules{}),
       "an energy",
       "kWh",
       {"pJ", "nJ", "uJ", "mJ", "J", "kJ", "kWh", "MWh", "GWh"},
       "J"},
      {dimension_of(Dollars{}), "an amount of money", "USD", {"USD", "kUSD", "MUSD"}, "USD"},
      {dimension_of(Kilograms{}), "a mass", "kg", {"g", "kg", "t", "kt", "Mt"}, "kg"},
      {dimension_of(CubicMetres{}), "a volume", "L", {"L", "m3"}, "m3"},
      {dimension_of(BytesPerSecond{}),
       "a bandwidth",
       "Gb/s",
       {"B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"},
       "B/s"},
      {dimension_of(FlopsPerSecond{}),
       "a compute rate",
       "TFLOP/s",
       {"FLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "EFLOP/s"},
       "FLOP/s"},
      {dimension_of(Hertz{}), "a frequency", "MHz", {"Hz", "kHz", "MHz", "GHz"}, "Hz"},
      {dimension_of(Watts{}), "a power", "W", {"mW", "W", "kW", "MW", "GW"}, "W"},
      {dimension_of(JoulesPerByte{}),
       "an energy per byte",
       "pJ/B",
       {"fJ/B", "pJ/B", "nJ/B", "uJ/B", "J/B"},
       "J/B"},
      {dimension_of(JoulesPerFlop{}),
       "an energy per operation",
       "pJ/FLOP",
       {"fJ/FLOP", "pJ/FLOP", "nJ/FLOP", "J/FLOP"},
       "J/FLOP"},
      {dimension_of(DollarsPerSecond{}), "a rate of cost", "USD/h", {"USD/h"}, "USD/s"},
      {dimension_of(DollarsPerJoule{}), "an energy price", "USD/kWh", {"USD/kWh"}, "USD/J"},
      {dimension_of(KilogramsPerJoule{}),
       "a carbon intensity",
       "g/kWh",
       {"g/kWh", "kg/kWh"},
       "kg/J"},
      {dimension_of(CubicMetresPerJoule{}), "a water intensity", "L/kWh", {"L/kWh"}, "m3/J"},
  };
  return all;
}

const Kind* find_kind(const Dimension& dimension) {
  const auto found = std::find_if(kinds().begin(), kinds().end(),
                                  [&](const Kind& k) { return k.dimension == dimension; });
  return found == kinds().end() ? nullptr : &*found;
}

// Numerator and denominator stay apart so that "0.08 USD/kWh" is the very double that
// `0.08 * USD / kWh` is.
struct Unit {
  Dimension dimension;
  double numerator = 1;
  double denominator = 1;

  double to_si(double number) const { return number * numerator / denominator; }

  double from_si(double value) const { return value * denominator / numerator; }
};

double prefix_factor(char prefix, bool binary) {
  constexpr std::string_view kUp = "KMGTPEZY";
  constexpr double kThousands[] = {1e3, 1e6, 1e9, 1e12, 1e15, 1e18, 1e21, 1e24};
  const std::size_t power = kUp.find(prefix == 'k' ? 'K' : prefix);
  if (power != std::string_view::npos) {
    return binary ? std::ldexp(1.0, 10 * (static_cast<int>(power) + 1)) : kThousands[power];
  }
  switch (prefix) {
    case 'm':
      return 1e-3;
    case 'u':
      return 1e-6;
    case 'n':
      return 1e-9;
    case 'p':
      return 1e-12;
    default:
      return 1e-15;
  }
}

std::optional<Unit> parse_simple_unit(std::string_view text) {
  for (const Atom& atom : kAtoms) {
    const bool binary = atom.symbol == "iB";  // means nothing without a prefix
    if (text == atom.symbol && !binary) return Unit{atom.dimension, atom.factor, 1};
    if (text.size() == atom.symbol.size() + 1 && text.substr(1) == atom.symbol &&
        atom.prefixes.find(text[0]) != std::string_view::npos) {
      return Unit{atom.dimension, prefix_factor(text[0], binary) * atom.factor, 1};
    }
  }
  return std::nullopt;
}

std::optional<Unit> parse_unit(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto top = parse_simple_unit(text.substr(0, slash));
  if (slash == std::string_view::npos || !top) return top;
  const auto bottom = parse_simple_unit(text.substr(slash + 1));
  if (!bottom) return std::nullopt;
  const Dimension &a = top->dimension, &b = bottom->dimension;
  return Unit{{a.byte - b.byte, a.operation - b.operation, a.second - b.second, a.joule - b.joule,
               a.dollar - b.dollar, a.kilogram - b.kilogram, a.cubic_metre - b.cubic_metre},
              top->numerator,
              bottom->numerator};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Words that people write for a unit's symbol, as a rule in lower case.
std::string symbol_of_word(const std::string& word) {
  static const std::vector<std::pair<std::string_view, std::string_view>> words = {
      {"sec", "s"},      {"secs", "s"},      {"second", "s"},   {"seconds", "s"},   {"hr", "h"},
      {"hour", "h"},     {"hours", "h"},     {"days", "day"},   {"d", "day"},       {"$", "USD"},
      {"dollar", "USD"}, {"dollars", "USD"}, {"byte", "B"},     {"bytes", "B"},     {"bits", "bit"},
      {"watt", "W"},     {"watts", "W"},     {"joule", "J"},    {"joules", "J"},    {"litre", "L"},
      {"liter", "L"},    {"litres", "L"},    {"liters", "L"},   {"tonne", "t"},     {"tonnes", "t"},
      {"tons", "t"},     {"gram", "g"},      {"grams", "g"},    {"gco2", "g"},      {"gco2e", "g"},
      {"kgco2", "kg"},   {"kgco2e", "kg"},   {"minute", "min"}, {"minutes", "min"},
  };
  const std::string key = lower(word);
  for (const auto& [from, to] : words) {
    if (key == from) return std::string(to);
  }
  return word;
}

// The right spellings of one unit without `/`: itself if it is right, or those that differ in case.
std::vector<std::string> spellings(const std::string& word) {
  const std::string symbol = symbol_of_word(word);
  if (parse_simple_unit(symbol)) return {symbol};
  std::vector<std::string> out;
  const std::string key = lower(symbol);
  for (const Atom& atom : kAtoms) {
    const auto consider = [&](const std::string& spelling) {
      if (lower(spelling) == key && parse_simple_unit(spelling)) out.push_back(spelling);
    };
    consider(std::string(atom.symbol));
    for (const char prefix : atom.prefixes) {
      if (prefix != 'K' || atom.symbol == "iB") consider(prefix + std::string(atom.symbol));
    }
  }
  return out;
}

// Units of `dimension` that the author of `text` may have meant: "gb/s", "GBps", "$/kwh", "GB / s".
std::vector<std::string> meant_units(std::string_view text, const Dimension& dimension) {
  std::string word;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view two = text.substr(i, 2);
    if (two == "\xC2\xB5" || two == "\xCE\xBC") {  // micro sign, Greek mu
      word += 'u';
      ++i;
    } else if (text[i] != ' ' && text[i] != '\t') {
      word += text[i];
    }
  }
  std::vector<std::string> forms = {word};
  if (word.size() > 2 && lower(word.substr(word.size() - 2)) == "ps") {
    forms.push_back(word.substr(0, word.size() - 2) + "/s");
  }
  if (lower(word.substr(0, word.find('/'))).ends_with("flops")) {
    const std::size_t s = word.find('/') == std::string::npos ? word.size() : word.find('/');
    forms.push_back(word.substr(0, s - 1) + word.substr(s));
  }
  if (word.find('/') == std::string::npos) forms.push_back(word + "/s");
  std::vector<std::string> out;
  for (const std::string& form : forms) {
    const std::size_t slash = form.find('/');
    for (const std::string& top : spellings(form.substr(0, slash))) {
      if (slash == std::string::npos) {
        out.push_back(top);
        continue;
      }
      for (const std::string& bottom : spellings(form.substr(slash + 1))) {
        out.push_back(std::string(top).append("/").append(bottom));
      }
    }
    std::erase_if(out, [&](const std::string& unit) {
      const auto parsed = parse_unit(unit);
      return !parsed || !(parsed->dimension == dimension);
    });
    if (!out.empty()) break;
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct NumberText {
  double value = 0;
  std::string_view digits;
  std::string_view rest;
};

// The number at the front of `text`; an error is added and nothing returned where there is none, or
// one that is negative or not finite. `example` is a right text.
std::optional<NumberText> leading_number(std::string_view text, const std::string& example,
                                         const Place& place, std::string_view field,
                                         Diagnostics& diagnostics) {
  const auto fail = [&](const std::string& what) {
    diagnostics.error(place, std::string(field), fmt::format("'{}' {}", text, what),
                      fmt::format("write for example '{}'", example));
    return std::nullopt;
  };
  const std::string_view body = trim(text);
  if (body.empty()) return fail("is empty");
  NumberText out;
  const auto [end, code] = std::from_chars(body.data(), body.data() + body.size(), out.value);
  if (code == std::errc::invalid_argument) return fail("does not start with a number");
  if (code == std::errc::result_out_of_range) return fail("is beyond the range of numbers");
  if (!std::isfinite(out.value)) return fail("is not a finite number");
  if (std::signbit(out.value)) return fail("is negative");
  out.digits = body.substr(0, static_cast<std::size_t>(end - body.data()));
  out.rest = trim(body.substr(out.digits.size()));
  if (!out.rest.empty() && out.rest.front() == ',') {
    return fail("has a comma in its number; digits are not grouped, and decimals follow a point");
  }
  return out;
}

std::string wrong_unit_hint(const NumberText& number, const Kind& kind) {
  std::vector<std::string> meant = meant_units(number.rest, kind.dimension);
  for (std::string& unit : meant) unit = fmt::format("'{} {}'", number.digits, unit);
  if (meant.empty()) return fmt::format("write for example '{} {}'", number.digits, kind.example);
  return fmt::format("did you mean {}?", fmt::join(meant, " or "));
}

std::optional<double> parse_si(std::string_view text, const Dimension& dimension,
                               const Place& place, std::string_view field,
                               Diagnostics& diagnostics) {
  const Kind* kind = find_kind(dimension);
  AISLE_ASSERT(kind != nullptr, "every instantiated quantity has a row in the table of kinds");
  const auto number =
      leading_number(text, fmt::format("400 {}", kind->example), place, field, diagnostics);
  if (!number) return std::nullopt;
  const auto fail = [&](const std::string& what, const std::string& hint) {
    diagnostics.error(place, std::string(field), fmt::format("'{}' {}", text, what), hint);
    return std::nullopt;
  };
  if (number->rest.empty()) {
    return fail("has no unit",
                fmt::format("write for example '{} {}'", number->digits, kind->example));
  }
  const auto unit = parse_unit(number->rest);
  if (!unit) {
    const std::size_t blank = number->rest.find_first_of(" \t");
    const auto first = parse_unit(number->rest.substr(0, blank));
    const std::string hint = wrong_unit_hint(*number, *kind);
    if (blank != std::string_view::npos && first && first->dimension == dimension) {
      return fail(fmt::format("has text after its unit '{}'", number->rest.substr(0, blank)),
                  fmt::format("write just '{} {}'", number->digits, number->rest.substr(0, blank)));
    }
    return fail(fmt::format("has an unknown unit '{}'", number->rest), hint);
  }
  if (!(unit->dimension == dimension)) {
    const Kind* other = find_kind(unit->dimension);
    return fail(other != nullptr ? fmt::format("is {}, not {}", other->name, kind->name)
                                 : fmt::format("is not {}", kind->name),
                wrong_unit_hint(*number, *kind));
  }
  const double value = unit->to_si(number->value);
  if (!std::isfinite(value)) return fail("is beyond the range of numbers", "write less of it");
  return value;
}

double read_back(const std::string& digits) {
  double out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return out;
}

Unit known_unit(std::string_view symbol) {
  const auto unit = parse_unit(symbol);
  AISLE_ASSERT(unit.has_value(), "the table of kinds holds units that can be parsed");
  return *unit;
}

std::string_view suitable_unit(const Kind& kind, double value) {
  std::string_view best = kind.printed.front();
  for (const std::string_view symbol : kind.printed) {
    if (std::abs(value) >= known_unit(symbol).to_si(1)) best = symbol;
  }
  return value == 0 ? kind.si : best;
}

// The shortest number that, in this unit, is exactly `value`; none where the unit's factor skips
// it.
std::optional<std::string> exact_number(double value, const Unit& unit) {
  const double guess = unit.from_si(value);
  for (int digits = 0; digits < 17; ++digits) {
    const double number = read_back(fmt::format("{:.{}e}", guess, digits));
    if (unit.to_si(number) == value) return fmt::format("{}", number);
  }
  for (const double number : {std::nextafter(guess, 0), std::nextafter(guess, 2 * guess)}) {
    if (unit.to_si(number) == value) return fmt::format("{}", number);
  }
  return std::nullopt;
}

std::string print_si(double value, const Dimension& dimension) {
  const Kind& kind = *find_kind(dimension);
  constexpr std::size_t kTidy = 15;  // more characters than that are rounding noise of the unit
  const std::string_view suited = suitable_unit(kind, value);
  auto number = exact_number(value, known_unit(suited));
  if (number && number->size() <= kTidy) return fmt::format("{} {}", *number, suited);
  std::string best = fmt::format("{} {}", value, kind.si);
  if (number && number->size() + suited.size() + 1 <= best.size()) {
    best = fmt::format("{} {}", *number, suited);
  }
  for (const std::string_view symbol : kind.printed) {
    number = exact_number(value, known_unit(symbol));
    if (number && number->size() + symbol.size() + 1 < best.size()) {
      best = fmt::format("{} {}", *number, symbol);
    }
  }
  return best;
}

double three_digits(double value) {
  return read_back(fmt::format("{:.2e}", value));
}

std::string print_short_si(double value, const Dimension& dimension) {
  const Kind& kind = *find_kind(dimension);
  const double rounded = three_digits(value);  // first, so that 999.9 GB becomes 1 TB
  const std::string_view suited = suitable_unit(kind, rounded);
  return fmt::format("{} {}", three_digits(known_unit(suited).from_si(value)), suited);
}

}  // namespace

template <typename Q>
std::optional<Q> parse_quantity(std::string_view text, const Place& place, std::string_view field,
                                Diagnostics& diagnostics) {
  const auto value = parse_si(text, dimension_of(Q{}), place, field, diagnostics);
  return value ? std::optional<Q>(Q::from_si(*value)) : std::nullopt;
}

template <typename Q>
std::string print_quantity(Q quantity) {
  return print_si(quantity.si(), dimension_of(quantity));
}

template <typename Q>
std::string print_short(Q quantity) {
  return print_short_si(quantity.si(), dimension_of(quantity));
}

std::optional<double> parse_number(std::string_view text, const Place& place,
                                   std::string_view field, Diagnostics& diagnostics) {
  const auto number = leading_number(text, "132", place, field, diagnostics);
  if (!number) return std::nullopt;
  if (!number->rest.empty()) {
    diagnostics.error(place, std::string(field),
                      fmt::format("'{}' has text after its number", text),
                      fmt::format("write just '{}'", number->digits));
    return std::nullopt;
  }
  return number->value;
}

#define AISLE_QUANTITY(Q)                                                                       \
  template std::optional<Q> parse_quantity<Q>(std::string_view, const Place&, std::string_view, \
                                              Diagnostics&);                                    \
  template std::string print_quantity<Q>(Q);                                                    \
  template std::string print_short<Q>(Q);

AISLE_QUANTITY(Bytes)
AISLE_QUANTITY(Flops)
AISLE_QUANTITY(Seconds)
AISLE_QUANTITY(Joules)
AISLE_QUANTITY(Dollars)
AISLE_QUANTITY(Kilograms)
AISLE_QUANTITY(CubicMetres)
AISLE_QUANTITY(BytesPerSecond)
AISLE_QUANTITY(FlopsPerSecond)
AISLE_QUANTITY(Hertz)
AISLE_QUANTITY(Watts)
AISLE_QUANTITY(JoulesPerByte)
AISLE_QUANTITY(JoulesPerFlop)
AISLE_QUANTITY(DollarsPerSecond)
AISLE_QUANTITY(DollarsPerJoule)
AISLE_QUANTITY(KilogramsPerJoule)
AISLE_QUANTITY(CubicMetresPerJoule)

#undef AISLE_QUANTITY

}  // namespace aisle
