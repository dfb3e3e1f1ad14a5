// SPDX-License-Identifier: Apache-2.0
// Plans as users write them: read, simulated, solved, reported.
#include "sim/report/plan.hpp"
#include "sim/report/report.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/plan.hpp"
#include "sim/study/plan_terms.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/sweep.hpp"
#include "sim/study/sweep_store.hpp"
#include "tests/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

namespace aisle::sim {
namespace {

using testing::HasSubstr;

const topology::Catalogue& shipped() {
  static const topology::Catalogue catalogue = [] {
    Diagnostics diagnostics;
    return std::move(topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics)).value();
  }();
  return catalogue;
}

constexpr const char* kTraining = R"(
engine: analytic
cluster { accelerator: "h100-sxm" count: 8 }
workload { training { model: "llama-3.1-8b" global_batch: 64 parallel { tensor: 2 data: 4 zero: 1 } recompute: selective } }
)";

constexpr const char* kServing = R"(
cluster { accelerator: "h100-sxm" count: 8 }
workload { serving { model: "llama-3.1-8b" requests { rate: 8 count: 200 prompt { mean: 500 } output { mean: 100 } } slo { first_token: "2 s" token: "60 ms" } } }
)";

constexpr const char* kPlan = R"(title: "Small"
plan {
  from: "2026-Q1" quarters: 4
  demand { name: "train" training { deadline: "2026-Q3" } alternative { name: "8b" study: "training.textproto" tokens: 0.1e12 } }
  demand { name: "chat" serving { tokens_per_s: 20000 growth: 1.2 start: "2026-Q2" } alternative { name: "8b" study: "serving.textproto" search: "tensor" } }
  system { accelerator: "h100-sxm" }
  system { accelerator: "h20" chips_per_quarter: [400, 800] }
  site { name: "north" power { value: "1 MW" } }
}
)";

class Plans : public testing::Test {
 protected:
  Plans() {
    write("training.textproto", kTraining);
    write("serving.textproto", kServing);
  }

  void write(const std::string& name, const std::string& text) { folder_.file(name, text); }

  std::optional<PlanOutcome> make(const std::string& text, const PlanOptions& options = {}) {
    write("study.textproto", text);
    Diagnostics diagnostics;
    std::optional<PlanOutcome> outcome;
    const auto study = load(path("study.textproto"), {}, diagnostics);
    if (study) outcome = plan(*study, shipped(), options, diagnostics);
    errors_.clear();
    for (const Diagnostic& d : diagnostics.all()) errors_ += to_string(d) + "\n";
    return outcome;
  }

  static PlanOptions quick() {
    PlanOptions options;
    options.sensitivity = false;
    return options;
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  TestFolder folder_{"plan"};
  std::string errors_;
};

// Points out of results that are there: the fastest of a sweep, and a run.
TEST_F(Plans, TakeResultsOfSweepsAndRuns) {
  Diagnostics diagnostics;
  write("swept.textproto", std::string(kTraining) +
                               "sweep { axis { path: \"workload.training.micro_batch\" value: "
                               "[\"1\", \"2\"] } }");
  const auto swept = load(path("swept.textproto"), {}, diagnostics);
  ASSERT_TRUE(swept && sweep(*swept, shipped(), path("swept.db"), {}, diagnostics));
  const auto served = load(path("serving.textproto"), {}, diagnostics);
  const auto result = run(*served, shipped(), {}, diagnostics);
  ASSERT_TRUE(result);
  write_result(*result, path("served"));
  std::string text = kPlan;
  text.insert(
      text.rfind('}'),
      "  found { from: \"swept.db\" demand: \"train\" alternative: \"8b\" }\n"
      "  found { from: \"served\" demand: \"chat\" alternative: \"8b\" system: \"h100-sxm\" }\n");
  const auto outcome = make(text, quick());
  ASSERT_TRUE(outcome) << errors_;
  EXPECT_EQ(outcome->simulated, 2);  // H20's
  for (const pb::PlanPoint& point : outcome->points) {
    if (point.system() != "h100-sxm") continue;
    if (point.demand() == "train") {
      double fastest = 0;
      const auto store = SweepStore::read(path("swept.db"), diagnostics);
      for (std::int64_t id = 0; id < 2; ++id) {
        fastest =
            std::max(fastest, *metric_of(*store->result(id, "analytic"), "tokens_per_s_per_chip"));
      }
      EXPECT_EQ(point.tokens_per_s_per_chip(), fastest);
      EXPECT_EQ(point.layout(), "tensor 2, pipeline 1, data 4");
    } else {
      EXPECT_EQ(point.tokens_per_s_per_chip(), *metric_of(*result, "output_tokens_per_s_per_chip"));
      EXPECT_GT(point.power_w(), point.idle_power_w());
    }
  }
}

TEST_F(Plans, SayWhatResultsDoNotTell) {
  const auto with = [&](const std::string& found) {
    std::string text = kPlan;
    text.insert(text.rfind('}'), "  found { " + found + " }\n");
    make(text, quick());
    return errors_;
  };
  EXPECT_THAT(with("from: \"none.db\" demand: \"train\" alternative: \"8b\""),
              HasSubstr("no such file"));
  EXPECT_THAT(with("from: \"none.db\" demand: \"tran\" alternative: \"8b\""),
              HasSubstr("the plan has no demand 'tran'"));
  Diagnostics diagnostics;
  const auto served = load(path("serving.textproto"), {}, diagnostics);
  const auto result = run(*served, shipped(), {}, diagnostics);
  ASSERT_TRUE(result);
  write_result(*result, path("served"));
  EXPECT_THAT(with("from: \"served\" demand: \"train\" alternative: \"8b\""),
              HasSubstr("no result there says how 'train' runs"));
}

TEST_F(Plans, AreSimulatedSolvedAndKept) {
  PlanOptions options;
  options.database = path("points.db");
  options.sensitivity = false;
  const auto first = make(kPlan, options);
  ASSERT_TRUE(first) << errors_;
  EXPECT_EQ(first->simulated, 4);
  ASSERT_TRUE(first->feasible) << plan_text(*first);
  EXPECT_GT(first->objective_value, 0);
  // The quarters add up to the objective, and every load is met.
  double cost = 0, trained = 0;
  for (std::size_t q = 0; q < first->quarters.size(); ++q) {
    cost += first->quarters[q].cost_usd;
    trained += first->quarters[q].trained_tokens;
    EXPECT_LE(first->quarters[q].power_w, 1e6 * (1 + 1e-6));
  }
  EXPECT_NEAR(cost, first->objective_value, 1e-4 * cost);
  EXPECT_NEAR(trained, 0.1e12, 1e7);
  const auto again = make(kPlan, options);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->simulated, 0);
  EXPECT_EQ(again->found, 4);
  EXPECT_EQ(again->objective_value, first->objective_value);
  // The points as a file do as well as the database.
  write("points.textproto", plan_points_text(*first));
  std::string with_file = kPlan;
  with_file.insert(with_file.find("  from:"), "  points: \"points.textproto\"\n");
  const auto from_file = make(with_file, quick());
  ASSERT_TRUE(from_file) << errors_;
  EXPECT_EQ(from_file->simulated, 0);
  EXPECT_NEAR(from_file->objective_value, first->objective_value, 1e-6 * cost);
}

/// A point without a key is somebody's own: it stands in place of a simulation.
TEST_F(Plans, TakePointsOfOnesOwn) {
  write("own.textproto", R"(
point { system: "h100-sxm" demand: "chat" alternative: "8b" chips: 8 tokens_per_s_per_chip: 2000 power_w: 900 idle_power_w: 300 layout: "measured" basis: measured }
)");
  std::string text = kPlan;
  text.insert(text.find("  from:"), "  points: \"own.textproto\"\n");
  const auto outcome = make(text, quick());
  ASSERT_TRUE(outcome && outcome->feasible) << errors_;
  EXPECT_EQ(outcome->found, 1);
  EXPECT_EQ(outcome->simulated, 3);
  for (const PlanUse& use : outcome->uses) {
    if (use.demand != "chat" || use.system != "h100-sxm") continue;
    EXPECT_NEAR(use.tokens / use.chips, 2000 * kQuarterSeconds, 1e3);
  }
}

TEST_F(Plans, AreReportedInEveryForm) {
  auto outcome = make(kPlan);
  ASSERT_TRUE(outcome && outcome->feasible) << errors_;
  EXPECT_FALSE(outcome->tornado.empty());
  simdjson::dom::parser parser;
  const simdjson::padded_string json(plan_json(*outcome));
  const simdjson::dom::element document = parser.parse(json);
  EXPECT_EQ(double(document["cost_usd"]), outcome->objective_value);
  EXPECT_EQ(document["quarters"].get_array().size(), 4u);
  EXPECT_THAT(plan_text(*outcome), HasSubstr("What binds"));
  EXPECT_THAT(*plan_report(*outcome, ReportForm::markdown), HasSubstr("| quarter |"));
  const std::string page = *plan_report(*outcome, ReportForm::html);
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_TRUE(plan_report(*outcome, ReportForm::pdf)->starts_with("%PDF"));
}

TEST_F(Plans, StoppedOnesKeepWhatIsFinished) {
  const std::atomic<bool> stop = true;
  PlanOptions options;
  options.stop = &stop;
  options.database = path("points.db");
  const auto outcome = make(kPlan, options);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->stopped);
  EXPECT_FALSE(outcome->feasible);
}

TEST_F(Plans, TooLittlePowerIsExplainedWhereItIsStated) {
  std::string text = kPlan;
  text.replace(text.find("1 MW"), 4, "1 kW");
  const auto outcome = make(text, quick());
  ASSERT_TRUE(outcome) << errors_;
  EXPECT_FALSE(outcome->feasible);
  bool power = false;
  for (const PlanConflict& conflict : outcome->conflicts) {
    if (conflict.limit != "power of north") continue;
    power = true;
    EXPECT_EQ(conflict.place.line, 8);
  }
  EXPECT_TRUE(power) << plan_text(*outcome);
}

struct Fault {
  const char* from;
  const char* to;
  int line;
  const char* says;
};

class Faults : public Plans, public testing::WithParamInterface<Fault> {};

TEST_P(Faults, AreLocated) {
  std::string text = kPlan;
  const std::size_t at = text.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, std::string(GetParam().from).size(), GetParam().to);
  EXPECT_FALSE(make(text));
  EXPECT_THAT(errors_, HasSubstr("study.textproto:" + std::to_string(GetParam().line) + ":"));
  EXPECT_THAT(errors_, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Of, Faults,
    testing::Values(Fault{"deadline: \"2026-Q3\"", "start: \"2026-Q3\" deadline: \"2026-Q1\"", 4,
                          "before the start"},
                    Fault{"\"2026-Q3\"", "\"2027-Q3\"", 4, "outside the plan"},
                    Fault{"\"2026-Q3\"", "\"summer\"", 4, "is no quarter"},
                    Fault{"tokens_per_s: 20000", "tokens_per_s: -1", 5, "must not be negative"},
                    Fault{"training.textproto", "nothing.textproto", 4, "cannot be read"},
                    Fault{"training.textproto", "serving.textproto", 4, "has no training workload"},
                    Fault{"accelerator: \"h100-sxm\"", "system: \"dgx-h1000\"", 6, "dgx-h100"},
                    Fault{"accelerator: \"h20\"", "accelerator: \"a800-sxm\"", 7,
                          "nobody published what"},
                    Fault{"[400, 800]", "[400, -800]", 7, "must not be negative"},
                    Fault{"power { value: \"1 MW\" }", "", 8, "is missing"},
                    Fault{"1 MW", "1 MB", 8, "MB"},
                    Fault{"name: \"north\"", "name: \"north\" fleet { system: \"h21\" chips: 8 }",
                          8, "no system 'h21'"},
                    Fault{"tokens: 0.1e12", "", 4, "tokens"},
                    Fault{"quarters: 4", "quarters: 0", 3, "cannot be planned"},
                    Fault{"quarters: 4", "quarters: 4 export_regime: \"chine\"", 3, "china"},
                    Fault{"chips_per_quarter: [400, 800]", "supply: \"cowo\"", 7, "cowos"}));

}  // namespace
}  // namespace aisle::sim
