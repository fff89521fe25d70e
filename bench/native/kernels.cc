// Where the time of a training step and of inference goes, kernel by kernel, on one thread, in place: with
// the caches as the step leaves them and with gradients as training makes them. As Markdown:
//   native_bench_kernels [digits.bin] [seconds] [network: notebook, or another of networks.h]
// The fastest of all runs of 10 batches is shown, so that other programs hardly count. A cycle is one of the
// clock that the machine's peak implies: 32 single-precision operations a cycle, as of two multiply-add units
// for 8 numbers.
#include "cpu/kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "bench/native/job.h"
#include "bench/native/networks.h"
#include "bench/native/peak.h"

// The table that dispatch.cc chooses, under another name: the network gets one with a clock around each
// kernel.
#define kernels chosenKernels
#include "cpu/dispatch.cc"
#undef kernels

using namespace convsweep;
using namespace convsweep::bench;
using cpu::ConvKernels;
using cpu::Kernels;
using cpu::StemKernels;

namespace {

uint64_t ticks() {
#if defined(CONVSWEEP_X86)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

struct Timed {
  const char* name;
  uint64_t ticks = 0, calls = 0;
};
std::vector<Timed> timed;

template <typename Table>
const Table& chosen() {
  if constexpr (std::is_same_v<Table, StemKernels>) {
    return *cpu::chosenKernels().stem;
  } else if constexpr (std::is_same_v<Table, ConvKernels>) {
    return *cpu::chosenKernels().conv;
  } else {
    return cpu::chosenKernels();
  }
}

template <auto kKernel>
size_t place;

/** Adds the time until it goes to a kernel's. */
struct Clock {
  Timed& to;
  const uint64_t begin = ticks();
  ~Clock() {
    to.ticks += ticks() - begin;
    ++to.calls;
  }
};

template <auto kKernel, typename Table, typename Result, typename... Arguments>
void add(Table& table, const char* name, Result (*Table::*)(Arguments...)) {
  place<kKernel> = timed.size();
  timed.push_back({name});
  table.*kKernel = [](Arguments... arguments) {
    const Clock clock{timed[place<kKernel>]};
    return (chosen<Table>().*kKernel)(arguments...);
  };
}

#define CONVSWEEP_TIME(table, Table, kernel) add<&Table::kernel>(table, #kernel, &Table::kernel)

Kernels clocked() {
  static StemKernels stem = *cpu::chosenKernels().stem;
  static ConvKernels conv = *cpu::chosenKernels().conv;
  Kernels all = cpu::chosenKernels();
  all.stem = &stem;
  all.conv = &conv;
  CONVSWEEP_TIME(stem, StemKernels, inkRows);
  CONVSWEEP_TIME(stem, StemKernels, firstRows);
  CONVSWEEP_TIME(stem, StemKernels, firstForward);
  CONVSWEEP_TIME(stem, StemKernels, secondKernel);
  CONVSWEEP_TIME(stem, StemKernels, secondTile);
  CONVSWEEP_TIME(stem, StemKernels, secondMultiply);
  CONVSWEEP_TIME(stem, StemKernels, secondPool);
  CONVSWEEP_TIME(stem, StemKernels, secondNormalise);
  CONVSWEEP_TIME(conv, ConvKernels, pack);
  CONVSWEEP_TIME(conv, ConvKernels, correlate);
  CONVSWEEP_TIME(conv, ConvKernels, weightSums);
  CONVSWEEP_TIME(conv, ConvKernels, toPlanes);
  CONVSWEEP_TIME(conv, ConvKernels, correlatePlanes);
  CONVSWEEP_TIME(conv, ConvKernels, planeSums);
  CONVSWEEP_TIME(conv, ConvKernels, tileInputs);
  CONVSWEEP_TIME(conv, ConvKernels, tileResults);
  CONVSWEEP_TIME(conv, ConvKernels, tileGradients);
  CONVSWEEP_TIME(conv, ConvKernels, tileKernel);
  CONVSWEEP_TIME(conv, ConvKernels, tileKernelGradient);
  CONVSWEEP_TIME(conv, ConvKernels, listByFilter);
  CONVSWEEP_TIME(conv, ConvKernels, addPatches);
  CONVSWEEP_TIME(conv, ConvKernels, listByPatch);
  CONVSWEEP_TIME(conv, ConvKernels, spread);
  CONVSWEEP_TIME(all, Kernels, rescale);
  CONVSWEEP_TIME(all, Kernels, affine);
  CONVSWEEP_TIME(all, Kernels, poolRow);
  CONVSWEEP_TIME(all, Kernels, largestOf);
  CONVSWEEP_TIME(all, Kernels, poolBackward);
  CONVSWEEP_TIME(all, Kernels, relu);
  CONVSWEEP_TIME(all, Kernels, dropout);
  CONVSWEEP_TIME(all, Kernels, multiply);
  CONVSWEEP_TIME(all, Kernels, gemm);
  CONVSWEEP_TIME(all, Kernels, biasRelu);
  CONVSWEEP_TIME(all, Kernels, moments);
  CONVSWEEP_TIME(all, Kernels, normalise);
  CONVSWEEP_TIME(all, Kernels, reluBackward);
  CONVSWEEP_TIME(all, Kernels, columnSums);
  CONVSWEEP_TIME(all, Kernels, normSums);
  CONVSWEEP_TIME(all, Kernels, normBackward);
  CONVSWEEP_TIME(stem, StemKernels, secondNormSums);
  CONVSWEEP_TIME(stem, StemKernels, secondGradient);
  CONVSWEEP_TIME(stem, StemKernels, listByFilter);
  CONVSWEEP_TIME(stem, StemKernels, secondWeights);
  CONVSWEEP_TIME(stem, StemKernels, listByPosition);
  CONVSWEEP_TIME(stem, StemKernels, secondInput);
  CONVSWEEP_TIME(stem, StemKernels, firstQuads);
  CONVSWEEP_TIME(stem, StemKernels, firstWeights);
  CONVSWEEP_TIME(all, Kernels, adam);
  return all;
}

/** One run, or the fastest of several: seconds in all and per kernel. */
struct Run {
  double seconds = 1e9;
  std::vector<double> kernels;
};

template <typename Work>
void measure(Run& best, const Work& work) {
  for (Timed& kernel : timed) kernel.ticks = kernel.calls = 0;
  const uint64_t empty = [] {
    uint64_t least = ~uint64_t{0};
    for (int i = 0; i < 100; ++i) {
      const uint64_t begin = ticks();
      least = std::min(least, ticks() - begin);
    }
    return least;
  }();
  const double begin = now();
  const uint64_t first = ticks();
  work();
  const double all = seconds(begin);
  const double perTick = all / static_cast<double>(ticks() - first);
  Run run{all, {}};
  for (const Timed& kernel : timed) {
    const double net = static_cast<double>(kernel.ticks) - static_cast<double>(kernel.calls * empty);
    run.kernels.push_back(net * perTick);
    // Twice: once within and once around what was timed.
    run.seconds -= static_cast<double>(2 * kernel.calls * empty) * perTick;
  }
  if (run.seconds < best.seconds) best = run;
}

void line(const char* name, double train, const Run& training, double infer, const Run& inference,
          double cycles) {
  std::printf("| %s | %.0f | %.1f %% | %.0f | %.1f %% |\n", name, train * cycles,
              100 * train / training.seconds, infer * cycles, 100 * infer / inference.seconds);
}

}  // namespace

const Kernels& convsweep::cpu::kernels() {
  static const Kernels table = clocked();
  return table;
}

int main(int argc, char** argv) {
  const Digits digits = argc > 1 && *argv[1] ? readDigits(argv[1]) : strokes(7000);
  const double limit = argc > 2 ? std::atof(argv[2]) : 5;
  const std::string name = argc > 3 ? argv[3] : "notebook";
  const std::vector<Named> all = networks();
  const auto chosen =
      std::find_if(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
  if (chosen == all.end()) {
    std::fprintf(stderr, "there is no network %s\n", name.c_str());
    return 1;
  }
  constexpr size_t kImages = 1280;
  const bool colour = chosen->layers.front().inputShape[2] == 3;
  const Digits images = colour ? noise(kImages, 32 * 32 * 3) : digits;
  const size_t count = images.labels.size();
  const auto dataset = backend::createDataset(0, images.images.data(), images.labels.data(), count,
                                              images.images.size() / count);
  Network network(0, chosen->layers, Adam{}, {1});
  initialise(network);
  flushDenormals();

  Run training, inference;
  Control control;
  const std::vector<uint32_t> sizes(10, 128);
  double gigaflops = 0;
  size_t first = 0;
  for (const double begin = now(); seconds(begin) < limit; first += kImages) {
    std::vector<uint32_t> rows(kImages);
    for (size_t i = 0; i < kImages; ++i) rows[i] = static_cast<uint32_t>((first + i) % count);
    gigaflops = std::max(gigaflops, peak());
    measure(training, [&] { network.trainEpoch(*dataset, rows, sizes, control); });
    measure(inference, [&] { network.evaluate(*dataset, rows, 128, control); });
  }

  const double cycles = gigaflops * 1e9 / 32 / kImages;
  std::printf("%s, %.2f GHz; cycles per image and share of the time\n\n", cpu::kernels().name,
              gigaflops / 32);
  std::printf("| kernel | training | | inference | |\n| --- | --- | --- | --- | --- |\n");
  double train = training.seconds, infer = inference.seconds;
  for (size_t i = 0; i < timed.size(); ++i) {
    if (training.kernels[i] + inference.kernels[i] > 0)
      line(timed[i].name, training.kernels[i], training, inference.kernels[i], inference, cycles);
    train -= training.kernels[i];
    infer -= inference.kernels[i];
  }
  line("between the kernels", train, training, infer, inference, cycles);
  line("all", training.seconds, training, inference.seconds, inference, cycles);
}
