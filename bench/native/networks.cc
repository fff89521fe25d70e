// Measures training and inference of several small networks on one thread, and the machine's peak beside
// them:
//   native_bench_networks [digits.bin] [rounds] [names, separated by commas]
// The networks take turns, so that whatever else happens to the machine happens to all of them; medians are
// shown.
#include "bench/native/networks.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/native/job.h"
#include "bench/native/peak.h"

using namespace convsweep;
using namespace convsweep::bench;

namespace {

struct Job {
  std::string name;
  std::vector<Layer> layers;
  std::unique_ptr<Network> network;
  std::vector<double> train, infer;
};

std::vector<Job> jobs() {
  std::vector<Job> list;
  for (Named& one : networks()) list.push_back({one.name, std::move(one.layers), nullptr, {}, {}});
  return list;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  flushDenormals();
  const Digits digits = argc > 1 && *argv[1] ? readDigits(argv[1]) : strokes(7000);
  const size_t colourSize = 32 * 32 * 3;
  const Digits colours = noise(1280, colourSize);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  std::string names(",");
  if (argc > 3) names.append(argv[3]).append(",");
  const auto dataset =
      backend::createDataset(0, digits.images.data(), digits.labels.data(), digits.labels.size(), 784);
  const auto colourSet = backend::createDataset(0, colours.images.data(), colours.labels.data(),
                                                colours.labels.size(), colourSize);
  std::vector<Job> list = jobs();
  std::erase_if(list, [&](const Job& job) {
    return argc > 3 && names.find(std::string(",").append(job.name).append(",")) == std::string::npos;
  });
  for (Job& job : list) {
    job.network = std::make_unique<Network>(0, job.layers, Adam{}, SessionOptions{1});
    initialise(*job.network);
  }
  std::vector<double> peaks;
  Control control;
  constexpr size_t kImages = 1280;
  for (int round = 0; round < rounds; ++round) {
    for (Job& job : list) {
      const DeviceDataset& images = job.network->plan().imageSize == colourSize ? *colourSet : *dataset;
      const size_t count = &images == colourSet.get() ? colours.labels.size() : digits.labels.size();
      std::vector<uint32_t> rows(kImages);
      for (size_t i = 0; i < kImages; ++i)
        rows[i] = static_cast<uint32_t>((static_cast<size_t>(round) * kImages + i) % count);
      const std::vector<uint32_t> sizes(kImages / 128, 128);
      peaks.push_back(peak());
      auto start = now();
      job.network->trainEpoch(images, rows, sizes, control);
      job.train.push_back(kImages / seconds(start));
      start = now();
      job.network->evaluate(images, rows, 128, control);
      job.infer.push_back(kImages / seconds(start));
    }
  }
  std::printf("%s, peak %.0f GFLOP/s\n", backend::buildInfo().instructionSet.c_str(), median(peaks));
  for (const Job& job : list) {
    std::printf("%-18s train %8.0f images/s  infer %8.0f images/s\n", job.name.c_str(), median(job.train),
                median(job.infer));
  }
}
