// SPDX-License-Identifier: Apache-2.0
// Does the catalogue hold the models that tables of measurements name, with the sizes they give?
#include "sim/base/csv.hpp"
#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/models/model.pb.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace aisle::workloads {
namespace {

const std::string kShared = AISLE_SOURCE_DIR "/../shared/";

std::optional<CsvTable> table(const std::string& name) {
  Diagnostics diagnostics;
  if (!std::filesystem::exists(kShared + name)) return std::nullopt;
  const auto text = read_input(kShared + name, diagnostics);
  auto read = text ? parse_csv(*text, name, diagnostics) : std::nullopt;
  for (const Diagnostic& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
  return read;
}

topology::Catalogue catalogue() {
  Diagnostics diagnostics;
  auto read = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  for (const Diagnostic& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
  return std::move(*read);
}

// Too little is published of these, or they have layers that a description does not have.
const std::set<std::string> kNotDescribed = {"GPT 46B", "deepseek-v4-pro", "kimi-k3",
                                             "qwen3-next-80b-a3b"};

TEST(LedgerModels, EveryNameIsKnown) {
  const topology::Catalogue known = catalogue();
  for (const char* name : {"validation/training.csv", "validation/inference.csv",
                           "facts/models.csv", "facts/quality.csv"}) {
    const auto rows = table(name);
    if (!rows) GTEST_SKIP() << "no " << name;
    const auto column = static_cast<std::size_t>(rows->column("model"));
    for (const auto& row : rows->rows) {
      const std::string& model = row[column].text;
      const bool cut = model.find("proxy") != std::string::npos;  // a few layers of another model
      const bool single_trial =
          model.starts_with("GPT h") || model.find("wide layers") < model.size();
      if (cut || single_trial || kNotDescribed.contains(model)) continue;
      EXPECT_NE(known.model(model), nullptr) << name << ": " << model;
    }
  }
}

// Rows of one name differ in vocabulary (padding) and sometimes in heads; layers and width are the
// model. A table that names 24 layers of width 2048 GPT 1.7B is not the paper's.
TEST(LedgerModels, SizesAreThoseOfTheTables) {
  const topology::Catalogue known = catalogue();
  const auto rows = table("validation/training.csv");
  if (!rows) GTEST_SKIP() << "no ledger";
  int compared = 0;
  for (const auto& row : rows->rows) {
    const auto cell = [&](const char* column) {
      return row[static_cast<std::size_t>(rows->column(column))].text;
    };
    const pb::Model* model = known.model(cell("model"));
    if (model == nullptr || cell("layers").empty() || cell("id") == "mlm-001") continue;
    ++compared;
    EXPECT_EQ(std::to_string(model->layers()), cell("layers")) << cell("id");
    EXPECT_EQ(std::to_string(model->hidden()), cell("hidden")) << cell("id");
  }
  EXPECT_GT(compared, 400);
}

}  // namespace
}  // namespace aisle::workloads
