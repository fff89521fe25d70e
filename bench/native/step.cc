// Measures training and inference of the reference network on one and on two threads, between two
// measurements of the machine's peak:
//   native_bench_step [digits.bin] [seconds] [train|infer|both] [widths: a b c]
// digits.bin: records of one label byte and 784 pixels. Without it, random strokes.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "backend/buffer.h"
#include "bench/native/job.h"
#include "bench/native/networks.h"
#include "bench/native/peak.h"

using namespace convsweep;
using namespace convsweep::bench;

namespace {

struct Rates {
  std::vector<double> train, infer, peak;
};

/** Trains for an epoch of 10 steps, evaluates, and so on, with the peak measured in between. */
void measure(const Digits& digits, const DeviceDataset& dataset, const int* widths, double limit,
             const std::string& mode, Rates& rates) {
  flushDenormals();
  Network network(0, notebook(3, widths[0], widths[1], widths[2]).layers, Adam{}, {1});
  initialise(network);
  constexpr size_t kImages = 1280;
  Control control;
  std::vector<uint32_t> sizes(10, 128);
  const size_t count = digits.labels.size();
  size_t first = 0;
  const auto begin = now();
  while (seconds(begin) < limit) {
    std::vector<uint32_t> rows(kImages);
    for (size_t i = 0; i < kImages; ++i) rows[i] = static_cast<uint32_t>((first + i) % count);
    first += kImages;
    rates.peak.push_back(peak());
    auto start = now();
    if (mode != "infer") network.trainEpoch(dataset, rows, sizes, control);
    rates.train.push_back(kImages / seconds(start));
    start = now();
    if (mode != "train") network.evaluate(dataset, rows, 128, control);
    rates.infer.push_back(kImages / seconds(start));
  }
}

double at(std::vector<double> values, double quantile) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(quantile * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const Digits digits = argc > 1 && *argv[1] ? readDigits(argv[1]) : strokes(7000);
  const double limit = argc > 2 ? std::atof(argv[2]) : 3;
  int widths[3] = {100, 80, 60};
  for (int i = 0; i < 3 && argc > 4 + i; ++i) widths[i] = std::atoi(argv[4 + i]);
  const std::string mode = argc > 3 ? argv[3] : "both";
  const auto dataset =
      backend::createDataset(0, digits.images.data(), digits.labels.data(), digits.labels.size(), 784);
  // GFLOP of an image's training without regard to what can be skipped, as in bench/job.ts.
  const auto [a, b, c] = widths;
  const double dense =
      2e-9 * (2.0 * 26 * 26 * 9 * 28 + 3.0 * (11 * 11 * 9 * 28 * 28 + 700 * a + a * b + b * c + c * 10));
  const size_t before = hostBytesInUse;
  for (int threads : {1, 2}) {
    std::vector<Rates> rates(static_cast<size_t>(threads));
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back(
          [&, t] { measure(digits, *dataset, widths, limit, mode, rates[static_cast<size_t>(t)]); });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(limit / 2));
    const size_t bytes = (hostBytesInUse - before) / static_cast<size_t>(threads);
    for (std::thread& thread : running) thread.join();
    for (double quantile : {0.5, 0.9, 1.0}) {
      double train = 0, infer = 0, fma = 0;
      for (const Rates& r : rates) {
        train += at(r.train, quantile);
        infer += at(r.infer, quantile);
        fma += at(r.peak, quantile);
      }
      std::printf(
          "%s %d thread(s) q%.1f: train %7.0f img/s  infer %7.0f img/s  peak %5.0f GFLOP/s  %4.0f%% of peak "
          "(dense)  bytes %zu\n",
          backend::buildInfo().instructionSet.c_str(), threads, quantile, train, infer, fma,
          train * dense / fma * 100, bytes);
    }
  }
}
