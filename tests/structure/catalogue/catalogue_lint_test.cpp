// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/hardware.pb.h"
#include "workloads/models/model.pb.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

namespace aisle::topology {
namespace {

namespace fs = std::filesystem;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// The string or enum field of that name, as text; empty where the message has none or it is unset.
std::string text_of(const Message& message, const std::string& name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() ||
      !message.GetReflection()->HasField(message, field)) {
    return {};
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return message.GetReflection()->GetEnum(message, field)->name();
  }
  return message.GetReflection()->GetString(message, field);
}

/// Calls `visit` for every figure below `message`, with its path and with the source and basis that
/// hold for it: its own, else those of the nearest message around it that has them.
using Visit = std::function<void(const std::string& path, const pb::Figure& figure,
                                 const std::string& source, const std::string& basis)>;

void for_each_figure(const Message& message, const std::string& path, std::string source,
                     std::string basis, const Visit& visit) {
  if (const std::string own = text_of(message, "source"); !own.empty()) source = own;
  if (const std::string own = text_of(message, "basis"); !own.empty()) basis = own;
  if (message.GetDescriptor() == pb::Figure::descriptor()) {
    visit(path, static_cast<const pb::Figure&>(message), source, basis);
    return;
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string below = path.empty() ? field->name() : path + "." + field->name();
    if (!field->is_repeated()) {
      for_each_figure(message.GetReflection()->GetMessage(message, field), below, source, basis,
                      visit);
      continue;
    }
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      for_each_figure(message.GetReflection()->GetRepeatedMessage(message, field, i),
                      below + "[" + std::to_string(i) + "]", source, basis, visit);
    }
  }
}

const Catalogue& shipped() {
  static const Catalogue catalogue = [] {
    Diagnostics diagnostics;
    auto read = Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    for (const auto& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
    return std::move(read).value();
  }();
  return catalogue;
}

template <typename T>
int lint(const std::vector<const T*>& entries) {
  int figures = 0;
  for (const T* entry : entries) {
    for_each_figure(*entry, "", "", "",
                    [&](const std::string& path, const pb::Figure& figure,
                        const std::string& source, const std::string& basis) {
                      ++figures;
                      const std::string place = entry->name() + "." + path;
                      EXPECT_FALSE(figure.value().empty()) << place;
                      EXPECT_FALSE(source.empty()) << place << " has no source";
                      EXPECT_FALSE(basis.empty() || basis == "BASIS_UNSPECIFIED")
                          << place << " has no basis";
                    });
  }
  return figures;
}

/// Reading reports every figure that does not parse in the dimension of its field, and every name
/// used twice.
TEST(CatalogueLint, ReadsWithoutAWord) {
  Diagnostics diagnostics;
  EXPECT_TRUE(Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics).has_value());
  for (const auto& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
}

TEST(CatalogueLint, EveryFigureHasSourceAndBasis) {
  EXPECT_GT(lint(shipped().accelerators()), 600);
  EXPECT_GT(lint(shipped().systems()), 100);
  EXPECT_GT(lint(shipped().fabrics()), 300);
  lint(shipped().models());
}

TEST(CatalogueLint, TheWalkFindsWhatIsMissing) {
  pb::Accelerator entry;
  entry.mutable_package()->mutable_hbm_stacks()->set_value("5");
  entry.add_peak()->mutable_rate()->set_value("1 TFLOP/s");
  entry.mutable_tdp()->set_source("own");
  std::set<std::string> without_source;
  for_each_figure(entry, "", "", "",
                  [&](const std::string& path, const pb::Figure&, const std::string& source,
                      const std::string&) {
                    if (source.empty()) without_source.insert(path);
                  });
  EXPECT_THAT(without_source, testing::ElementsAre("package.hbm_stacks", "peak[0].rate"));
}

TEST(CatalogueLint, EveryAcceleratorIsThere) {
  EXPECT_GE(shipped().accelerators().size(), 39U);
  for (const char* name : {"a100-40gb-sxm",   "a100-80gb-sxm", "a800-sxm",    "h100-sxm",
                           "h100-pcie",       "h800-sxm",      "h20",         "h200-sxm",
                           "b200-sxm",        "b300-sxm",      "gb200",       "gb300",
                           "rubin",           "mi250x",        "mi300x",      "mi325x",
                           "mi355x",          "tpu-v4",        "tpu-v5e",     "tpu-v5p",
                           "tpu-v6e",         "tpu-v7x",       "trainium1",   "inferentia2",
                           "trainium2",       "trainium3",     "maia-100",    "gaudi2",
                           "gaudi3",          "ascend-910b",   "ascend-910c", "ascend-950dt",
                           "t-head-ppu",      "kunlun-p800",   "groq-lpu-v1", "cerebras-wse-3",
                           "sambanova-sn40l", "graphcore-bow", "l40s",        "rtx-pro-6000",
                           "v100-sxm"}) {
    ASSERT_NE(shipped().accelerator(name), nullptr) << name;
    EXPECT_EQ(shipped().accelerator(name)->name(), name);
  }
}

/// Spellings of published ledgers and kernel tables.
TEST(CatalogueLint, SpellingsOfLedgersAreKnown) {
  for (const char* name : {"H100 SXM 80GB",
                           "A100 80GB SXM",
                           "B200 SXM 180GB",
                           "GB200 (per GPU, NVL72)",
                           "Ascend 910B (B3, 64GB)",
                           "TPU v6e (Trillium)",
                           "A100 40GB SXM",
                           "H200 SXM 141GB",
                           "TPU v5p",
                           "Trainium1",
                           "MI300X 192GB",
                           "H800 SXM 80GB",
                           "Gaudi2",
                           "V100-SXM",
                           "RTX PRO 6000",
                           "H100",
                           "B200",
                           "H200",
                           "MI300X",
                           "A100",
                           "GB200",
                           "H800",
                           "Inferentia2",
                           "Ascend 910C (A3)",
                           "Ascend 910B (A2)",
                           "B300",
                           "Trainium2",
                           "TPU v6e",
                           "MI355X",
                           "TPU v4",
                           "Groq LPU",
                           "Cerebras WSE-3",
                           "TPU v5e",
                           "Ascend 910B",
                           "B200-SXM",
                           "H100-SXM",
                           "A100-SXM4-80GB",
                           "A100-SXM4",
                           "H200-SXM",
                           "A100-SXM4-40GB",
                           "Ascend 910C (A3 384)",
                           "TPU7x (Ironwood)",
                           "H20",
                           "A800",
                           "a100_sxm",
                           "h100_sxm",
                           "b200_sxm",
                           "gb200",
                           "h800",
                           "h20"}) {
    EXPECT_NE(shipped().accelerator(name), nullptr) << name;
  }
}

TEST(CatalogueLint, FilesAreNamedAfterTheirEntriesAndSayTheirSchema) {
  int files = 0;
  for (const char* folder : {"accelerators", "systems", "fabrics"}) {
    for (const auto& file :
         fs::directory_iterator(fs::path(AISLE_SOURCE_DIR) / "scenarios/catalogue" / folder)) {
      ++files;
      std::ifstream in(file.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      EXPECT_THAT(text, testing::HasSubstr("# proto-message: aisle.pb.")) << file.path();
      EXPECT_THAT(text, testing::HasSubstr("name: \"" + file.path().stem().string() + "\""))
          << file.path();
    }
  }
  EXPECT_GE(files, 39 + 24 + 96);
}

}  // namespace
}  // namespace aisle::topology
