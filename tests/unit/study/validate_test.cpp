// SPDX-License-Identifier: Apache-2.0
#include "sim/study/validate.hpp"

#include "sim/report/validation.hpp"
#include "tests/command.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>

namespace {

using aisle::Diagnostics;
using aisle::sim::Validation;
using aisle::sim::ValidationRow;
using testing::HasSubstr;
namespace units = aisle::units;

constexpr const char* kHeader =
    "id,collective,algorithm,protocol,chip,nodes,gpus,fabric,nic_gbps_per_gpu,message_bytes,"
    "time_us,algbw_GBps,busbw_GBps\n";

const aisle::topology::Catalogue& catalogue() {
  static const auto read = [] {
    Diagnostics diagnostics;
    return aisle::topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

std::optional<Validation> validate(const std::string& ledger, Diagnostics& diagnostics) {
  const aisle::tests::Folder folder;
  return aisle::sim::validate({{folder.write("l.csv", ledger)}, {}, {}}, catalogue(), diagnostics);
}

TEST(ErrorGroup, GivesQuantilesBetweenNeighbours) {
  const auto group = aisle::sim::error_group("chip", "x", {0.4, 0.1, 0.3, 0.2});
  EXPECT_EQ(group.rows, 4);
  EXPECT_DOUBLE_EQ(group.median, 0.25);
  EXPECT_DOUBLE_EQ(group.mean, 0.25);
  EXPECT_DOUBLE_EQ(group.p90, 0.37);
  EXPECT_DOUBLE_EQ(group.worst, 0.4);
  EXPECT_EQ(aisle::sim::error_group("chip", "x", {}).rows, 0);
  EXPECT_DOUBLE_EQ(aisle::sim::error_group("chip", "x", {0.7}).p90, 0.7);
}

TEST(ErrorGroup, TwiceAndHalfWeighTheSame) {
  ValidationRow twice, half;
  twice.measured = half.measured = 10;
  twice.predicted = 20;
  half.predicted = 5;
  EXPECT_DOUBLE_EQ(twice.absolute_error(), std::log(2));
  EXPECT_DOUBLE_EQ(half.absolute_error(), std::log(2));
}

TEST(Halves, GoByWholeSweeps) {
  EXPECT_EQ(aisle::sim::sweep_of("aic-h100-ar8-003"), "aic-h100-ar8");
  EXPECT_EQ(aisle::sim::sweep_of("run12"), "run");
  EXPECT_EQ(aisle::sim::sweep_of("plain"), "plain");
  EXPECT_EQ(aisle::sim::sweep_of("42"), "42");
  int held_out = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string half = aisle::sim::half_of("sweep-" + std::to_string(i));
    EXPECT_TRUE(half == "fitted" || half == "held-out");
    held_out += half == "held-out" ? 1 : 0;
  }
  EXPECT_NEAR(held_out, 500, 60);
  EXPECT_EQ(aisle::sim::half_of("aic-h100-ar8"), aisle::sim::half_of("aic-h100-ar8"));
}

TEST(SizeClass, HasThreeSteps) {
  EXPECT_EQ(aisle::sim::size_class(64.0 * units::KiB), "<= 64 KiB");
  EXPECT_EQ(aisle::sim::size_class(64.0 * units::KiB + 1.0 * units::B), "to 16 MiB");
  EXPECT_EQ(aisle::sim::size_class(16.0 * units::MiB), "to 16 MiB");
  EXPECT_EQ(aisle::sim::size_class(1.0 * units::GiB), "above");
}

TEST(Validate, PredictsRowsAndGroupsThem) {
  Diagnostics diagnostics;
  const auto validation =
      validate(std::string(kHeader) +
                   "h-ar-1,all_reduce,auto,auto,H100-SXM,1,8,NVLink4 NVSwitch,,1073741824,4300,,\n"
                   "h-ar-2,all_reduce,auto,auto,H100-SXM,2,16,8x IB NDR400 per node,400,8192,26,,\n"
                   "h-ar-3,all_reduce,auto,auto,Q1,1,8,NVLink4 NVSwitch,,1024,10,,\n",
               diagnostics);
  ASSERT_TRUE(validation) << to_string(diagnostics.all().front());
  EXPECT_EQ(validation->rows.size(), 3U);
  EXPECT_EQ(validation->expressed, 2);
  EXPECT_EQ(validation->rows[0].reach, "inside");
  EXPECT_EQ(validation->rows[1].reach, "across");
  EXPECT_EQ(validation->rows[1].size, "<= 64 KiB");
  EXPECT_FALSE(validation->rows[2].predicted);
  EXPECT_THAT(validation->rows[2].reason, HasSubstr("'Q1'"));
  EXPECT_GT(*validation->rows[0].predicted, 1000);
  EXPECT_LT(*validation->rows[0].predicted, 20000);
}

TEST(Validate, BadLedgersAreLocated) {
  const std::pair<std::string, const char*> cases[] = {
      {"a,b\n1,2\n", "l.csv:1:1: error: the columns are those of no ledger"},
      {"id,collective,chip,nodes,gpus,fabric,bytes,time_us\n",
       "l.csv:1:1: error: a ledger of collectives needs the column message_bytes"},
      {kHeader, "l.csv:1:1: error: the ledger has no rows"},
      {std::string(kHeader) + "r,all_reduce,,,H100,1,8,NVLink,,12x,5,,\n",
       "l.csv:2:33: error: message_bytes: '12x' is not a number"},
      {std::string(kHeader) + "r,all_reduce,,,H100,1,8,NVLink,,12,-5,,\n",
       "l.csv:2:36: error: time_us: -5 is out of range"},
      {std::string(kHeader) + "r,all_reduce,,,H100,1,2.5,NVLink,,12,5,,\n",
       "l.csv:2:23: error: gpus: 2.5 is no count"},
      {"id,model,chip,n_chips,isl,osl,metric,value\nx,y,z,none,8,1,m,2\n",
       "l.csv:2:7: error: n_chips: 'none' is no count"},
      {"id,model,chip,n_chips,tp,metric,value\nx,y,z,1,8,m,2\n",
       "l.csv:1:1: error: a ledger of training needs the column global_batch_seqs"},
  };
  for (const auto& [ledger, message] : cases) {
    Diagnostics diagnostics;
    EXPECT_FALSE(validate(ledger, diagnostics)) << message;
    ASSERT_FALSE(diagnostics.all().empty()) << message;
    EXPECT_THAT(to_string(diagnostics.all().front()), HasSubstr(message));
  }
}

TEST(Validate, JsonKeepsItsContract) {
  Diagnostics diagnostics;
  const auto validation =
      validate(std::string(kHeader) +
                   "h-ar-1,all_reduce,auto,auto,H100-SXM,1,8,NVLink4,,1048576,60,,\n"
                   "h-ar-2,all_reduce,auto,auto,Q1,1,8,NVLink4,,1048576,60,,\n",
               diagnostics);
  ASSERT_TRUE(validation);
  simdjson::dom::parser parser;
  const simdjson::padded_string text(aisle::sim::validation_json(*validation, 0.25 * units::s));
  const simdjson::dom::element document = parser.parse(text).value();
  const auto keys = [](const simdjson::dom::element& element) {
    std::vector<std::string> out;
    const simdjson::dom::object object = element;
    for (const auto field : object) out.emplace_back(field.key);
    return out;
  };
  EXPECT_THAT(keys(document), testing::ElementsAre("summary", "groups", "rows", "wall_time_s"));
  EXPECT_THAT(keys(document["summary"].value()),
              testing::ElementsAre("rows", "expressed", "median_abs_error", "mean_abs_error",
                                   "p90_abs_error", "worst"));
  EXPECT_THAT(keys(document["groups"].at(0).value()),
              testing::ElementsAre("by", "name", "rows", "median_abs_error", "p90_abs_error"));
  EXPECT_THAT(keys(document["rows"].at(0).value()),
              testing::ElementsAre("id", "kind", "chip", "model", "metric", "measured", "predicted",
                                   "error", "expressed", "reason"));
  const simdjson::dom::element row = document["rows"].at(0).value();
  EXPECT_NEAR(row["error"].get_double().value(), row["predicted"].get_double().value() / 60 - 1,
              1e-12);
  EXPECT_TRUE(document["rows"].at(1)["predicted"].is_null());
  EXPECT_EQ(document["wall_time_s"].get_double().value(), 0.25);
}

TEST(Validate, TextNamesGroupsWorstAndReasons) {
  Diagnostics diagnostics;
  const auto validation =
      validate(std::string(kHeader) +
                   "h-ar-1,all_reduce,auto,auto,H100-SXM,1,8,NVLink4,,1048576,60,,\n"
                   "h-ar-2,all_reduce,auto,auto,Q1,1,8,NVLink4,,1048576,60,,\n"
                   "h-ar-3,all_reduce,auto,auto,H100-SXM,2,16,Weave 9,400,1048576,60,,\n",
               diagnostics);
  ASSERT_TRUE(validation);
  const std::string text = aisle::sim::validation_text(*validation);
  EXPECT_THAT(text, HasSubstr("3 rows, 2 expressed"));
  EXPECT_THAT(text, HasSubstr("inside, to 16 MiB"));
  EXPECT_THAT(text, HasSubstr("worst"));
  EXPECT_THAT(text, HasSubstr("Not expressed:\n     1  the catalogue has no accelerator 'Q1'"));
  EXPECT_THAT(text, HasSubstr("Assumed:\n     1  the network of 'Weave 9' is taken as InfiniBand"));
}

TEST(Validate, PlotHoldsAMarkPerRow) {
  Diagnostics diagnostics;
  const auto validation = validate(
      std::string(kHeader) +
          "h-ar-1,all_reduce,auto,auto,H100-SXM,1,8,NVLink4,,1048576,60,,\n"
          "h-ar-2,all_reduce,auto,auto,H100-SXM,2,16,8x IB NDR400 per node,400,8192,26,,\n",
      diagnostics);
  ASSERT_TRUE(validation);
  const std::string svg = aisle::sim::validation_svg(*validation);
  EXPECT_THAT(svg, HasSubstr("<title>h-ar-1: H100-SXM all_reduce"));
  EXPECT_THAT(svg, HasSubstr("<title>h-ar-2: H100-SXM all_reduce"));
  EXPECT_EQ(aisle::sim::validation_svg(Validation{}), "");
  // Errors by chip: one line, two marks, its name and its median.
  const std::string strips = aisle::sim::error_strips_svg(*validation, "chip");
  std::size_t marks = 0;
  for (std::size_t at = 0; (at = strips.find("<circle", at)) != std::string::npos; ++at) ++marks;
  EXPECT_EQ(marks, 2U);
  EXPECT_THAT(strips, HasSubstr(">h100-sxm</text>"));
  EXPECT_THAT(strips, HasSubstr(">2, "));
  EXPECT_EQ(aisle::sim::error_strips_svg(*validation, "chips"), "");
}

TEST(Validate, ShippedRowsAreFound) {
  const auto ledgers = aisle::sim::shipped_ledgers();
  EXPECT_THAT(ledgers, testing::ElementsAre(testing::EndsWith("validation/collectives.csv"),
                                            testing::EndsWith("validation/inference.csv"),
                                            testing::EndsWith("validation/training.csv")));
}

}  // namespace
