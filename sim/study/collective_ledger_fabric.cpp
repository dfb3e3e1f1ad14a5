// SPDX-License-Identifier: Apache-2.0
// The free text that ledgers write about links and networks, word by word.
#include "sim/study/collective_ledger.hpp"

#include <algorithm>
#include <cctype>
#include <string>

namespace aisle::sim {

namespace {

enum class Means {
  host_links,   ///< links inside a host
  joined,       ///< `value`: accelerators of one domain as sold, 0 where the text does not say
  links_off,    ///< all traffic crosses the network
  network,      ///< `fabric` is its catalogue name
  network_off,  ///< said to be unused
  rate,         ///< of InfiniBand; `value`: Gb/s of one NIC
  adds,         ///< the network's switches add
  apart,        ///< hosts share no scale-up domain
  outside,      ///< a network that is not modelled
};

constexpr std::string_view kPlain = "rail-optimised-2-tier";  // InfiniBand NDR
constexpr std::string_view kRoce = "roce-oci-a100";           // RoCE of no stated make

struct Word {
  std::string_view text;  ///< lower case, as it stands between other letters and digits
  std::string_view fabric;
  Means means;
  int value = 0;
};

// Longer words first: what matched is not looked at again. A blank in a word matches any number of
// blanks, dashes or underscores, also none. A trailing '*' lets letters and digits follow.
constexpr Word kWords[] = {
    // Links switched off: every hop over the network.
    {"p2p and shm off", "", Means::links_off},
    {"p2p and shm disabled", "", Means::links_off},
    {"ib roce only", kPlain, Means::links_off},
    {"ib only", kPlain, Means::links_off},
    {"roce only", kRoce, Means::links_off},
    {"efa only", "so-efa", Means::links_off},
    {"rdma only", kPlain, Means::links_off},
    {"network only", kPlain, Means::links_off},
    {"pure rdma", kPlain, Means::links_off},
    {"no nvlink", "", Means::links_off},
    {"without nvlink", "", Means::links_off},
    {"nvlink disabled", "", Means::links_off},
    {"nvlink off", "", Means::links_off},
    {"xgmi off", "", Means::links_off},
    {"p2p off", "", Means::links_off},
    {"p2p disabled", "", Means::links_off},
    // The network said to be unused.
    {"ib disabled", "", Means::network_off},
    {"ib off", "", Means::network_off},
    {"roce disabled", "", Means::network_off},
    {"no ib", "", Means::network_off},
    // Hosts said to stay alone.
    {"no mnnvl", "", Means::apart},
    {"without mnnvl", "", Means::apart},
    {"mnnvl off", "", Means::apart},
    {"mnnvl disabled", "", Means::apart},
    {"inside node only", "", Means::apart},
    {"within node only", "", Means::apart},
    {"inside the node only", "", Means::apart},
    {"rdma between nodes", kPlain, Means::apart},
    // Domains of several hosts.
    {"nvl576", {}, Means::joined, 576},
    {"nvl144", {}, Means::joined, 144},
    {"nvl72", {}, Means::joined, 72},
    {"nvl36", {}, Means::joined, 36},
    {"nvl32", {}, Means::joined, 32},
    {"mnnvl", "", Means::joined},
    {"multi node nvlink", "", Means::joined},
    {"one rack", "", Means::joined},
    {"racks", "", Means::joined},
    {"nvlink domains", "", Means::joined},
    {"nvlink domain", "", Means::joined},
    {"one domain", "", Means::joined},
    {"supernode", "", Means::joined},
    {"cloudmatrix*", {}, Means::joined, 768},
    {"superpod ub", "", Means::joined},
    {"ultraserver", {}, Means::joined, 64},
    {"ici", "", Means::joined},
    {"torus", "", Means::joined},
    {"tpu pod", "", Means::joined},
    {"slices", "", Means::joined},
    {"slice", "", Means::joined},
    // Networks.
    {"gpudirect tcpxo", "so-gcp-tcpxo", Means::network},
    {"gpudirect tcpx", "so-gcp-tcpx", Means::network},
    {"tcpxo", "so-gcp-tcpxo", Means::network},
    {"fastrak", "so-gcp-tcpxo", Means::network},
    {"tcpx", "so-gcp-tcpx", Means::network},
    {"a3 mega", "so-gcp-tcpxo", Means::network},
    {"efa v1", "so-efa-v1", Means::network},
    {"efa v2", "so-efa-v2", Means::network},
    {"efa v3", "so-efa-v3", Means::network},
    {"efa v4", "so-efa-v4", Means::network},
    {"p4d", "so-efa-v1", Means::network},
    {"p4de", "so-efa-v1", Means::network},
    {"p5", "so-efa-v2", Means::network},
    {"p5e", "so-efa-v2", Means::network},
    {"p5en", "so-efa-v3", Means::network},
    {"p6 b200", "so-efa-v4", Means::network},
    {"efa", "so-efa", Means::network},  // the generation follows from the chip
    {"srd", "so-efa", Means::network},
    {"a3 high*", "so-gcp-tcpx", Means::network},
    {"a3 edge", "so-gcp-tcpx", Means::network},
    {"a3 ultra", kRoce, Means::network},
    {"a3u", kRoce, Means::network},
    {"a4 high", kRoce, Means::network},
    {"a4x", kRoce, Means::network},
    {"bm gpu*", kRoce, Means::network},
    {"pollara*", "so-amd-ref", Means::network},
    {"thor2", "so-amd-ref", Means::network},
    {"hpn*", "so-ali-hpn7", Means::network},
    {"mpft", "so-deepseek-mpft", Means::network},
    {"spectrum x", "so-simai-spectrumx", Means::network},
    {"spectrumx", "so-simai-spectrumx", Means::network},
    {"dcn", "so-tpu-dcn", Means::network},
    {"rocev2", kRoce, Means::network},
    {"roce*", kRoce, Means::network},
    {"bluefield*", "roce-bluefield3", Means::network},
    {"bf 3", "roce-bluefield3", Means::network},
    {"openshift", "roce-bluefield3", Means::network},
    {"ethernet", kRoce, Means::network},
    {"cx 5", kRoce, Means::network},
    {"connectx 5", kRoce, Means::network},
    {"infiniband", kPlain, Means::network},
    {"ib", kPlain, Means::network},
    {"cx 7", kPlain, Means::network},
    {"cx 8", kPlain, Means::network},
    {"cx 6", "infiniband-hdr", Means::network},
    {"connectx 7", kPlain, Means::network},
    {"connectx 8", kPlain, Means::network},
    {"quantum*", kPlain, Means::network},
    {"rail*", kPlain, Means::network},
    {"ethernet tcp", "", Means::outside},
    {"tcp", "", Means::outside},
    {"tcp ip", "", Means::outside},
    {"sockets", "", Means::outside},
    {"slingshot*", "", Means::outside},
    {"omni path", "", Means::outside},
    {"gpudirect rdma", kPlain, Means::network},
    {"rdma", kPlain, Means::network},
    {"sharp", "", Means::adds},
    {"ndr200", kPlain, Means::rate, 200},
    {"hdr100", "infiniband-hdr", Means::rate, 100},
    {"xdr*", kPlain, Means::rate, 800},
    {"ndr*", kPlain, Means::rate, 400},
    {"hdr*", "infiniband-hdr", Means::rate, 200},
    {"edr*", "infiniband-hdr", Means::rate, 100},
    // Links inside a host; what they are follows from the chip.
    {"nvlink*", "", Means::host_links},
    {"nvswitch*", "", Means::host_links},
    {"xgmi", "", Means::host_links},
    {"infinity fabric", "", Means::host_links},
    {"pcie*", "", Means::host_links},
    {"neuronlink*", "", Means::host_links},
    {"hccs", "", Means::host_links},
    {"ub", "", Means::host_links},
    {"hccl", "", Means::host_links},
};

bool is_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

bool is_gap(char c) {
  return c == ' ' || c == '-' || c == '_' || c == '/';
}

/// Length of the text at `from` that the word matches, or 0.
std::size_t match(std::string_view text, std::size_t from, std::string_view word) {
  if (from > 0 && is_letter(text[from - 1]) && is_letter(text[from])) return 0;
  std::size_t at = from;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '*') {
      while (at < text.size() && is_letter(text[at])) ++at;
    } else if (word[i] == ' ') {
      while (at < text.size() && is_gap(text[at])) ++at;
    } else if (at < text.size() && text[at] == word[i]) {
      ++at;
    } else {
      return 0;
    }
  }
  return at < text.size() && is_letter(text[at]) ? 0 : at - from;
}

/// The number before `at` in "2x NVL72", "20 racks" or "two racks"; 0 if there is none.
int multiple_before(std::string_view text, std::size_t at) {
  while (at > 0 && is_gap(text[at - 1])) --at;
  if (text.substr(0, at).ends_with("two")) return 2;
  if (at > 0 && text[at - 1] == 'x') --at;
  while (at > 0 && text[at - 1] == ' ') --at;
  int number = 0;
  int place = 1;
  for (; at > 0 && std::isdigit(static_cast<unsigned char>(text[at - 1])) && place < 10000; --at) {
    number += (text[at - 1] - '0') * place;
    place *= 10;
  }
  return number;
}

/// A name says more than a kind of wires, a rate more than none ("CoreWeave RoCE, CX-7").
int weight(std::string_view fabric) {
  if (fabric.empty()) return 0;
  if (fabric == kPlain) return 1;
  return fabric == kRoce || fabric.starts_with("infiniband") ? 2 : 3;
}

void note_word(const Word& word, std::string_view text, std::size_t at, FabricReading& reading) {
  switch (word.means) {
    case Means::host_links:
    case Means::network_off:
      break;
    case Means::joined:
      if (reading.domain == FabricReading::Domain::host) {
        reading.domain = FabricReading::Domain::joined;
      }
      reading.domain_size = std::max(reading.domain_size, word.value);
      reading.domains = std::max(reading.domains, multiple_before(text, at));
      break;
    case Means::links_off:
      reading.domain = FabricReading::Domain::rank;
      if (weight(word.fabric) > weight(reading.scale_out)) reading.scale_out = word.fabric;
      break;
    case Means::adds:
      reading.adds = true;
      break;
    case Means::apart:
      reading.apart = true;
      if (weight(word.fabric) > weight(reading.scale_out)) reading.scale_out = word.fabric;
      break;
    case Means::outside:
      reading.outside = text.substr(at, match(text, at, word.text));
      break;
    case Means::rate:
      reading.nic = static_cast<double>(word.value) * units::Gb / units::s;
      [[fallthrough]];
    case Means::network:
      if (weight(word.fabric) > weight(reading.scale_out)) reading.scale_out = word.fabric;
      break;
  }
  reading.words.emplace_back(text.substr(at, match(text, at, word.text)));
}

}  // namespace

FabricReading read_fabric(std::string_view written) {
  std::string text(written);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  FabricReading reading;
  for (std::size_t at = 0; at < text.size();) {
    const Word* longest = nullptr;
    std::size_t length = 0;
    for (const Word& word : kWords) {
      const std::size_t matched = is_letter(text[at]) ? match(text, at, word.text) : 0;
      if (matched > length) {
        longest = &word;
        length = matched;
      }
    }
    if (longest != nullptr) note_word(*longest, text, at, reading);
    at += std::max<std::size_t>(1, length);
  }
  if (reading.adds && reading.scale_out.empty()) reading.scale_out = kPlain;
  // Ethernet that carries TCP is no RoCE.
  if (!reading.outside.empty() && reading.scale_out == kRoce) reading.scale_out.clear();
  return reading;
}

}  // namespace aisle::sim
