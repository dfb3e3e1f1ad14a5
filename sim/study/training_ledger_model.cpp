// SPDX-License-Identifier: Apache-2.0
// The model that a row of a ledger of training steps names: the catalogue's, or one made from the
// row's columns.
#include "sim/study/ledger_cells.hpp"
#include "sim/study/training_ledger.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/core.h>

#include <regex>

namespace aisle::sim {

namespace {

/// Name of the architecture: without what was done with it, or how many of its layers.
std::string bare_name(const std::string& name) {
  static const std::regex around(R"(\s*\([^)]*\)|\s+(LoRA|SFT)\b)");
  return std::regex_replace(name.substr(0, 200), around, std::string());
}

const pb::Model* named_model(const TrainingRow& row, const topology::Catalogue& catalogue) {
  const pb::Model* entry = catalogue.model(row.model);
  return entry != nullptr ? entry : catalogue.model(bare_name(row.model));
}

bool differs(const std::optional<int>& stated, int known) {
  return stated && *stated != known;
}

/// Whether the row's widths are those of the description; depth and vocabulary may be cut or
/// padded.
bool same_widths(const TrainingRow& row, const pb::Model& model) {
  const pb::Attention& attention = model.attention();
  const bool grouped = attention.kind() == pb::Attention::gqa;
  const pb::Experts& experts = model.experts();
  return !differs(row.hidden, model.hidden()) && !differs(row.heads, attention.heads()) &&
         !(grouped && differs(row.kv_heads, attention.kv_heads())) &&
         !(!row.experts && differs(row.feed_forward, model.ffn_hidden())) &&
         !differs(row.experts, experts.routed()) && !differs(row.top_k, experts.top_k()) &&
         !(row.experts && differs(row.expert_width, experts.hidden()));
}

/// Feed-forward width of a row that gives none: Llama's two thirds of four times the hidden size,
/// in multiples of 256.
int usual_width(int hidden) {
  return (8 * hidden / 3 + 255) / 256 * 256;
}

void add_experts(const TrainingRow& row, pb::Model& model) {
  pb::Experts& experts = *model.mutable_experts();
  experts.set_routed(*row.experts);
  experts.set_top_k(row.top_k.value_or(1));
  experts.set_shared(row.shared_experts.value_or(0));
  experts.set_hidden(row.expert_width.value_or(row.feed_forward.value_or(model.ffn_hidden())));
  model.set_family("moe");
}

/// Sizes from the row's columns. Blocks of four times the hidden size are GPT's: two matrices with
/// biases, one matrix for both embeddings; others are Llama's.
pb::Model from_columns(const TrainingRow& row, std::vector<std::string>& assumed) {
  pb::Model model;
  const int hidden = *row.hidden, heads = *row.heads;
  const int width = row.feed_forward.value_or(usual_width(hidden));
  const bool gated = width != 4 * hidden;
  model.set_name(row.model);
  model.set_family("dense");
  model.set_layers(*row.layers);
  model.set_hidden(hidden);
  pb::Attention& attention = *model.mutable_attention();
  attention.set_heads(heads);
  attention.set_head_dim(hidden / heads);
  if (row.kv_heads.value_or(heads) != heads) {
    attention.set_kind(pb::Attention::gqa);
    attention.set_kv_heads(*row.kv_heads);
  } else {
    attention.set_kind(pb::Attention::mha);
  }
  attention.set_bias(!gated);
  model.set_ffn_hidden(width);
  model.set_gated(gated);
  model.set_tied_embeddings(!gated);
  constexpr int kPaddedGpt2 = 51200;
  model.set_vocabulary(row.vocabulary.value_or(kPaddedGpt2));
  if (row.experts) add_experts(row, model);
  assumed.push_back(gated ? "blocks as Llama's, sizes from the row"
                          : "blocks as GPT's, sizes from the row");
  if (!row.vocabulary) assumed.push_back("vocabulary 51200");
  return model;
}

/// Prediction modules: by the note, else none in models cut short, else the catalogue's.
void set_prediction_modules(const TrainingRow& row, bool cut, pb::Model& model,
                            std::vector<std::string>& assumed) {
  if (model.mtp_layers() == 0) return;
  static const std::regex without(R"(no MTP|w/o MTP|without MTP)"), with(R"(one MTP|w/ MTP)");
  if (std::regex_search(row.note, with)) return;
  if (std::regex_search(row.note, without)) {
    model.set_mtp_layers(0);
    return;
  }
  if (cut) model.set_mtp_layers(0);
  assumed.push_back(fmt::format("{} prediction module", cut ? "no" : "one"));
}

/// What the note says of layers with and without experts.
void set_expert_layers(const std::string& note, pb::Model& model) {
  if (!model.has_experts()) return;
  static const std::regex first(R"(first (\d{1,3}) layers? dense)");
  std::smatch match;
  if (std::regex_search(note, match, first)) {
    model.mutable_experts()->set_first_dense(std::stoi(match[1]));
  }
  if (note.find("every other layer") != std::string::npos) model.mutable_experts()->set_every(2);
}

}  // namespace

std::optional<pb::Model> model_of_row(const TrainingRow& row, const topology::Catalogue& catalogue,
                                      std::vector<std::string>& assumed) {
  const pb::Model* entry = named_model(row, catalogue);
  std::optional<pb::Model> model;
  bool cut = false;
  if (entry != nullptr && same_widths(row, *entry)) {
    model = *entry;
    cut = row.layers && *row.layers < entry->layers();
    if (row.layers) model->set_layers(*row.layers);
    if (row.vocabulary) model->set_vocabulary(*row.vocabulary);
    if (cut && model->has_experts()) {
      model->mutable_experts()->set_first_dense(
          std::min(model->experts().first_dense(), model->layers()));
    }
  } else if (row.layers && row.hidden && row.heads) {
    model = from_columns(row, assumed);
  }
  if (!model) return std::nullopt;
  set_prediction_modules(row, cut, *model, assumed);
  set_expert_layers(row.note, *model);
  return model;
}

}  // namespace aisle::sim
