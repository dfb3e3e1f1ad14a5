// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/calibration.pb.h"
#include "tests/unit/topology/support.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <filesystem>
#include <fstream>

namespace aisle::topology {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(Catalogue, FindsNamesInAnySpelling) {
  for (const char* name : {"h100-sxm", "H100 SXM 80GB", "H100", "H100-SXM", "h100_sxm"}) {
    const auto* found = shipped().accelerator(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->name(), "h100-sxm");
  }
  EXPECT_EQ(shipped().accelerator("A100-SXM4-80GB")->name(), "a100-80gb-sxm");
  EXPECT_EQ(shipped().accelerator("Ascend 910C (A3 384)")->name(), "ascend-910c");
  EXPECT_EQ(shipped().accelerator("h1000"), nullptr);
  EXPECT_EQ(shipped().system("NVL72")->name(), "gb200-nvl72");
  EXPECT_EQ(shipped().fabric("mpft")->name(), "so-deepseek-mpft");
}

TEST(Catalogue, UsualSystemIsANodeWithAPowerFigure) {
  EXPECT_EQ(shipped().usual_system("H100")->name(), "dgx-h100");
  EXPECT_EQ(shipped().usual_system("H800")->name(), "h800-node");
  EXPECT_EQ(shipped().usual_system("gb200")->name(), "gb200-nvl72");
  EXPECT_EQ(shipped().usual_system("h20"), nullptr);
}

TEST(Catalogue, KnowsTheFileOfAnEntry) {
  EXPECT_EQ(shipped().file_of("accelerator", "H100"), "catalogue/accelerators/h100-sxm.textproto");
  EXPECT_EQ(shipped().file_of("accelerator", "no such"), "");
}

/// A catalogue of the test's own, in a folder that goes when the test does.
class OwnCatalogue : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("aisle_catalogue_" + std::to_string(getpid()));
    fs::create_directories(root_ / "catalogue/accelerators");
  }

  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  std::string errors() const {
    Diagnostics diagnostics;
    EXPECT_FALSE(Catalogue::read(root_.string(), diagnostics).has_value());
    std::string all;
    for (const auto& d : diagnostics.all()) all += to_string(d) + "\n";
    return all;
  }

  fs::path root_;
};

TEST_F(OwnCatalogue, MayLackFolders) {
  Diagnostics diagnostics;
  const auto catalogue = Catalogue::read(root_.string(), diagnostics);
  ASSERT_TRUE(catalogue.has_value());
  EXPECT_TRUE(catalogue->accelerators().empty());
  EXPECT_TRUE(catalogue->calibrations().empty());
}

TEST_F(OwnCatalogue, MissingRootNamesTheVariable) {
  fs::remove_all(root_);
  EXPECT_THAT(errors(), HasSubstr("AISLE_SCENARIOS"));
}

TEST_F(OwnCatalogue, DuplicateNamesBothPlaces) {
  write("catalogue/accelerators/a.textproto", "name: \"one\"\nalias: \"Chip 1\"\n");
  write("catalogue/accelerators/b.textproto", "name: \"two\"\nalias: \"chip_1\"\n");
  const std::string text = errors();
  EXPECT_THAT(text, HasSubstr("b.textproto:2"));
  EXPECT_THAT(text, HasSubstr("a.textproto"));
  EXPECT_THAT(text, HasSubstr("chip_1"));
}

TEST_F(OwnCatalogue, EveryBadFigureIsReportedAtItsPlace) {
  write("catalogue/accelerators/a.textproto",
        "name: \"one\"\n"
        "hbm_bandwidth { value: \"3.35 TB\" }\n"
        "tdp { value: \"700\" }\n"
        "cores { value: \"many\" }\n"
        "rental { basis: vendor }\n");
  const std::string text = errors();
  for (const char* place :
       {"a.textproto:2:", "a.textproto:3:", "a.textproto:4:", "a.textproto:5:"}) {
    EXPECT_THAT(text, HasSubstr(place));
  }
}

TEST_F(OwnCatalogue, SystemsAndCalibrationsNameKnownAccelerators) {
  write("catalogue/accelerators/a.textproto", "name: \"chip-one\"\nalias: \"C1\"\n");
  write("catalogue/systems/s.textproto", "name: \"s\"\naccelerator: \"chip-onne\"\n");
  EXPECT_THAT(errors(), HasSubstr("chip-one"));

  write("catalogue/systems/s.textproto", "name: \"s\"\naccelerator: \"c1\"\n");
  write("calibration/c.textproto", "accelerator: \"chip one\"\n");
  Diagnostics diagnostics;
  const auto catalogue = Catalogue::read(root_.string(), diagnostics);
  ASSERT_TRUE(catalogue.has_value());
  EXPECT_NE(catalogue->calibration("C1"), nullptr);
  EXPECT_NE(catalogue->usual_system("chip-one"), nullptr);
}

}  // namespace
}  // namespace aisle::topology
