// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace aisle {
namespace {

using namespace units;

template <typename Q>
Q good(std::string_view text) {
  Diagnostics diagnostics;
  const auto value = parse_quantity<Q>(text, {"f", 1, 1}, "x", diagnostics);
  EXPECT_TRUE(value.has_value()) << text;
  EXPECT_TRUE(diagnostics.all().empty()) << text;
  return value.value_or(Q::from_si(-1));
}

// The one complaint about a wrong text.
template <typename Q>
std::string bad(std::string_view text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_quantity<Q>(text, {"f", 4, 9}, "nic", diagnostics).has_value()) << text;
  EXPECT_EQ(diagnostics.error_count(), 1) << text;
  return diagnostics.all().empty() ? "" : to_string(diagnostics.all().front());
}

TEST(Quantity, ReadsEveryDimension) {
  EXPECT_EQ(good<Bytes>("80 GiB"), 80.0 * GiB);
  EXPECT_EQ(good<Flops>("3.3e24 FLOP"), 3.3e24 * FLOP);
  EXPECT_EQ(good<Seconds>("1.2 us"), 1.2 * us);
  EXPECT_EQ(good<Joules>("2 MWh"), 2.0 * MWh);
  EXPECT_EQ(good<Dollars>("30000 USD"), 30000.0 * USD);
  EXPECT_EQ(good<Kilograms>("1360 kg"), 1360.0 * kg);
  EXPECT_EQ(good<CubicMetres>("3 m3"), 3.0 * m3);
  EXPECT_EQ(good<BytesPerSecond>("900 GB/s"), 900.0 * GB / s);
  EXPECT_EQ(good<BytesPerSecond>("400 Gb/s"), 50.0 * GB / s);
  EXPECT_EQ(good<BytesPerSecond>("3.35 TB/s"), 3.35 * TB / s);
  EXPECT_EQ(good<FlopsPerSecond>("989 TFLOP/s"), 989.0 * TFLOP / s);
  EXPECT_EQ(good<FlopsPerSecond>("1979 TOPS"), 1979.0 * TFLOP / s);
  EXPECT_EQ(good<Hertz>("1830 MHz"), 1830.0 * MHz);
  EXPECT_EQ(good<Watts>("700 W"), 700.0 * W);
  EXPECT_EQ(good<JoulesPerByte>("5 pJ/B"), 5.0 * pJ / B);
  EXPECT_DOUBLE_EQ(good<JoulesPerByte>("5 pJ/bit").si(), (40.0 * pJ / B).si());
  EXPECT_EQ(good<JoulesPerFlop>("0.5 pJ/FLOP"), 0.5 * pJ / FLOP);
  EXPECT_EQ(good<DollarsPerSecond>("2 USD/h"), 2.0 * USD / hour);
  EXPECT_EQ(good<DollarsPerJoule>("0.08 USD/kWh"), 0.08 * USD / kWh);
  EXPECT_DOUBLE_EQ(good<KilogramsPerJoule>("380 g/kWh").si(), 0.38 / 3.6e6);
  EXPECT_DOUBLE_EQ(good<CubicMetresPerJoule>("0.3 L/kWh").si(), 0.3e-3 / 3.6e6);
}

TEST(Quantity, PrefixesAreCaseSensitive) {
  EXPECT_EQ(good<Watts>("1 MW").si() / good<Watts>("1 mW").si(), 1e9);
  EXPECT_EQ(good<Bytes>("8 Gb"), good<Bytes>("1 GB"));
  EXPECT_EQ(good<Bytes>("1 KB"), good<Bytes>("1 kB"));
}

TEST(Quantity, BlanksDoNotMatter) {
  EXPECT_EQ(good<Bytes>("  80GB "), 80.0 * GB);
  EXPECT_EQ(good<Bytes>("0 B"), 0.0 * B);
  EXPECT_EQ(good<Bytes>(".5 MB"), 0.5 * MB);
  EXPECT_EQ(good<Bytes>("5e3 MB"), 5.0 * GB);
}

TEST(Quantity, BareNumberAsksForItsUnit) {
  EXPECT_EQ(bad<BytesPerSecond>("400"),
            "f:4:9: error: nic: '400' has no unit (write for example '400 Gb/s')");
  EXPECT_EQ(bad<Watts>("700"), "f:4:9: error: nic: '700' has no unit (write for example '700 W')");
}

TEST(Quantity, NearMissesNameTheRightSpelling) {
  const auto hint = [](const std::string& complaint) {
    return complaint.substr(complaint.find('(') + 1);
  };
  EXPECT_EQ(hint(bad<BytesPerSecond>("400 gb/s")), "did you mean '400 GB/s' or '400 Gb/s'?)");
  EXPECT_EQ(hint(bad<BytesPerSecond>("400 GBps")), "did you mean '400 GB/s'?)");
  EXPECT_EQ(hint(bad<BytesPerSecond>("400 Gbps")), "did you mean '400 Gb/s'?)");
  EXPECT_EQ(hint(bad<BytesPerSecond>("400 GB / s")), "did you mean '400 GB/s'?)");
  EXPECT_EQ(hint(bad<BytesPerSecond>("400 GB")), "did you mean '400 GB/s'?)");
  EXPECT_EQ(hint(bad<Flops>("7 TFLOPs")), "did you mean '7 TFLOP'?)");
  EXPECT_EQ(hint(bad<FlopsPerSecond>("7 TFLOP")), "did you mean '7 TFLOP/s'?)");
  EXPECT_EQ(hint(bad<Hertz>("1830 mhz")), "did you mean '1830 MHz'?)");
  EXPECT_EQ(hint(bad<DollarsPerJoule>("0.08 $/kwh")), "did you mean '0.08 USD/kWh'?)");
  EXPECT_EQ(hint(bad<DollarsPerSecond>("2 USD/hour")), "did you mean '2 USD/h'?)");
  EXPECT_EQ(hint(bad<Seconds>("5 \xC2\xB5s")), "did you mean '5 us'?)");
  EXPECT_EQ(hint(bad<Watts>("700 watts")), "did you mean '700 W'?)");
}

TEST(Quantity, OtherDimensionsAreNamed) {
  EXPECT_EQ(bad<BytesPerSecond>("400 W"),
            "f:4:9: error: nic: '400 W' is a power, not a bandwidth "
            "(write for example '400 Gb/s')");
  EXPECT_EQ(bad<BytesPerSecond>("4 J/h"),
            "f:4:9: error: nic: '4 J/h' is a power, not a bandwidth (write for example '4 Gb/s')");
  EXPECT_EQ(bad<Bytes>("4 GB/USD"),
            "f:4:9: error: nic: '4 GB/USD' is not an amount of data (write for example '4 GB')");
}

TEST(Quantity, WrongNumbersAreNamed) {
  EXPECT_NE(bad<Watts>("-3 W").find("is negative"), std::string::npos);
  EXPECT_NE(bad<Watts>("-0 W").find("is negative"), std::string::npos);
  EXPECT_NE(bad<Watts>("inf W").find("is not a finite number"), std::string::npos);
  EXPECT_NE(bad<Watts>("nan W").find("is not a finite number"), std::string::npos);
  EXPECT_NE(bad<Watts>("1e400 W").find("beyond the range"), std::string::npos);
  EXPECT_NE(bad<Watts>("1e308 GW").find("beyond the range"), std::string::npos);
  EXPECT_NE(bad<Watts>("1,000 W").find("comma"), std::string::npos);
  EXPECT_NE(bad<Watts>("").find("is empty"), std::string::npos);
  EXPECT_NE(bad<Watts>("much").find("does not start with a number"), std::string::npos);
  EXPECT_NE(bad<Watts>("700 W each").find("text after its unit 'W'"), std::string::npos);
  EXPECT_NE(bad<Watts>("700 W/s/s").find("unknown unit"), std::string::npos);
}

TEST(Quantity, PrintsShortExactTextInASuitableUnit) {
  EXPECT_EQ(print_quantity(3.35 * TB / s), "3.35 TB/s");
  EXPECT_EQ(print_quantity(400.0 * Gb / s), "50 GB/s");
  EXPECT_EQ(print_quantity(1.2 * us), "1.2 us");
  EXPECT_EQ(print_quantity(0.08 * USD / kWh), "0.08 USD/kWh");
  EXPECT_EQ(print_quantity(19.926 * s), "19.926 s");
  EXPECT_EQ(print_quantity(0.0 * W), "0 W");
  EXPECT_EQ(print_quantity(130.0 * kW), "130 kW");
}

TEST(Quantity, PrintsThreeDigitsForPeople) {
  EXPECT_EQ(print_short(19.926 * s), "19.9 s");
  EXPECT_EQ(print_short(999.9 * GB), "1 TB");
  EXPECT_EQ(print_short(80.0 * GiB), "85.9 GB");
  EXPECT_EQ(print_short(989.4 * TFLOP / s), "989 TFLOP/s");
  EXPECT_EQ(print_short(5.576e6 * USD), "5.58 MUSD");
  EXPECT_EQ(print_short(54.0 * day), "54 day");
}

TEST(Number, ReadsPlainCounts) {
  Diagnostics diagnostics;
  EXPECT_EQ(parse_number("132", {}, "cores", diagnostics), 132.0);
  EXPECT_EQ(parse_number(" 0.95 ", {}, "share", diagnostics), 0.95);
  EXPECT_FALSE(diagnostics.has_errors());
  EXPECT_FALSE(parse_number("132 cores", {}, "cores", diagnostics));
  EXPECT_FALSE(parse_number("-1", {}, "cores", diagnostics));
  EXPECT_FALSE(parse_number("many", {}, "cores", diagnostics));
  EXPECT_EQ(diagnostics.error_count(), 3);
  EXPECT_EQ(to_string(diagnostics.all()[0]),
            "error: cores: '132 cores' has text after its number (write just '132')");
}

}  // namespace
}  // namespace aisle
