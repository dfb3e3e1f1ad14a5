// SPDX-License-Identifier: Apache-2.0
// The kernels of the DeepSeek-V3 training trace against the model, each beside as much
// communication as it had in the trace. These rows are training data of the calibration: the bounds
// say that the curves follow them, not that they predict (held-out errors stand in the
// calibration).
#include "tests/unit/kernels/support.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

namespace aisle::sim {
namespace {

using workloads::Direction;
using workloads::Family;
using workloads::Kernel;

struct Row {
  std::string operation;
  Kernel kernel;
  double measured_us = 0, comm_share = 0;
};

Row parse(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> cells;
  for (std::string cell; std::getline(in, cell, ',');) { cells.push_back(cell); }
  EXPECT_EQ(cells.size(), 12u) << line;
  Row row;
  row.operation = cells[0];
  for (int family = 0; family <= static_cast<int>(Family::optimizer); ++family) {
    if (workloads::to_string(static_cast<Family>(family)) == cells[1]) {
      row.kernel.family = static_cast<Family>(family);
    }
  }
  row.kernel.direction = cells[2] == "forward" ? Direction::forward
                         : cells[2] == "dgrad" ? Direction::dgrad
                                               : Direction::wgrad;
  row.kernel.precision = *topology::parse_precision(cells[3]);
  row.kernel.m = std::stoll(cells[4]);
  row.kernel.n = std::stoll(cells[5]);
  row.kernel.k = std::stoll(cells[6]);
  row.kernel.groups = std::stoi(cells[7]);
  row.kernel.flops = std::stod(cells[8]) * units::GFLOP;
  row.kernel.hbm_bytes = std::stod(cells[9]) * units::MB;
  row.measured_us = std::stod(cells[10]);
  row.comm_share = std::stod(cells[11]);
  return row;
}

std::vector<Row> rows() {
  std::ifstream in(AISLE_SOURCE_DIR "/tests/validation/kernels/h800_trace.csv");
  std::vector<Row> all;
  bool header = true;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    if (!header) all.push_back(parse(line));
    header = false;
  }
  return all;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

TEST(H800Trace, KernelsFollowTheTrace) {
  const KernelModel model(hopper("h800-sxm"), shipped_catalogue());
  std::vector<double> products, streams;
  double measured = 0, predicted = 0;
  for (const Row& row : rows()) {
    const KernelTime time = model.time_of(row.kernel);
    const double slowed = std::max(model.interference(), time.cores / 112.0);
    const double us = time.time.in(units::us) * (1 + row.comm_share * (slowed - 1));
    const double error = std::log(us / row.measured_us);
    std::cout << row.operation << ": measured " << row.measured_us << " us, predicted " << us
              << " us\n";
    measured += row.measured_us;
    predicted += us;
    const bool product = row.kernel.flops.si() > 0;
    (product ? products : streams).push_back(std::abs(error));
    // The router's products are small and of another library; strided and small copies vary most.
    const bool wide =
        row.kernel.precision == topology::Precision::fp8 || row.kernel.family == Family::attention;
    EXPECT_LT(std::abs(error), product ? (wide ? 0.15 : 0.75) : 0.9) << row.operation;
  }
  ASSERT_EQ(products.size() + streams.size(), 55u);
  std::cout << "products: median error " << median(products) << ", streams: " << median(streams)
            << ", time in all: " << predicted / measured << '\n';
  EXPECT_LT(median(products), 0.04);
  EXPECT_LT(median(streams), 0.2);
  EXPECT_NEAR(predicted / measured, 1, 0.03);
}

}  // namespace
}  // namespace aisle::sim
