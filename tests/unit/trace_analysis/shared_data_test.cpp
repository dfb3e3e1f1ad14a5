// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/models/model.hpp"
#include "workloads/models/model.pb.h"
#include "workloads/traces/describe.hpp"
#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

// Recorded traces, which lie beside the repository where they are at all.
namespace {

using namespace aisle;
using namespace aisle::workloads;
using namespace aisle::workloads::traces;

const std::filesystem::path kTraces =
    std::filesystem::path(AISLE_SOURCE_DIR "/../shared/data/kernel-traces");

TEST(SharedTraces, HoldFewNamesThatNobodyKnows) {
  if (!std::filesystem::exists(kTraces)) GTEST_SKIP() << "no recorded traces beside the repository";
  constexpr double kMost = 0.03;
  for (const char* folder : {"kineto", "nsys", "jax-nsys", "ascend"}) {
    for (const auto& entry : std::filesystem::directory_iterator(kTraces / folder)) {
      Diagnostics diagnostics;
      const auto trace = read_trace({entry.path().string()}, diagnostics);
      ASSERT_TRUE(trace) << entry.path();
      double all = 0, unknown = 0;
      const auto add = [&](const KernelClass& known, Activity activity, std::int64_t ns) {
        const auto time = static_cast<double>(std::max<std::int64_t>(ns, 0));
        all += time;
        if (!known.known && activity == Activity::kernel) unknown += time;
      };
      for (const DeviceEvent& event : trace->device) {
        add(trace->class_of(event), event.activity, event.duration_ns);
      }
      for (const KernelTotal& total : trace->totals) {
        add(trace->classes[total.name], Activity::kernel, total.total_ns);
      }
      EXPECT_LE(unknown, kMost * all) << entry.path();
    }
  }
}

TEST(SharedTraces, GiveTheShapesOfTheModelThatRan) {
  const std::string file = (kTraces / "kineto/deepseek_v3_train_h800_ep64.json.gz").string();
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no recorded traces beside the repository";
  Diagnostics diagnostics;
  const auto trace = read_trace({file}, diagnostics);
  const auto catalogue = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  ASSERT_TRUE(trace && catalogue);
  const auto model = build_model(*catalogue->model("deepseek-v3"), SourceMap(), "", diagnostics);
  ASSERT_TRUE(model);
  std::map<std::string, int> products;
  double flops = 0;
  for (const Described& described : describe(*trace, &*model)) {
    const Kernel& kernel = described.kernel;
    if (described.from != ShapeFrom::model) continue;
    ++products[kernel.name];
    flops += kernel.flops.si();
  }
  // Four layers: forward, recomputation, two gradients.
  const std::map<std::string, int> expected = {{"q down-projection", 12},
                                               {"kv down-projection", 12},
                                               {"q up-projection", 16},
                                               {"kv up-projection", 16},
                                               {"o projection", 12},
                                               {"attention core", 8},
                                               {"router", 12},
                                               {"shared gate and up", 12},
                                               {"shared down", 12},
                                               {"experts gate and up", 24},
                                               {"experts down", 24}};
  EXPECT_EQ(products, expected);
  EXPECT_NEAR(flops, 68.7e12, 0.02 * 68.7e12);
}

}  // namespace
