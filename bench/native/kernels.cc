// Where the time of a training step and of inference goes, kernel by kernel, on one thread, in place: with
// the caches as the step leaves them and with gradients as training makes them. As Markdown:
//   native_bench_kernels [digits.bin] [seconds] [a network of networks.h]
// Without a name, of the notebook's network with dense widths 60, 60, 60.
// The fastest of all runs of 10 batches is shown, so that other programs hardly count. A cycle is one of the
// clock that the machine's peak implies: 32 single-precision operations a cycle, as of two multiply-add units
// for 8 numbers, which is what the peak is measured with. Counted are, of the
// kernels that most of the time goes to, the vectors' multiply-adds, of which a cycle has at most two (of
// matrix products also those that are left out, since a factor is 0), and
// the bytes of the arrays that are passed over once.
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
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/** Multiply-adds of vectors, and bytes. */
struct Work {
  uint64_t products = 0, bytes = 0;

  void operator+=(const Work& other) {
    products += other.products;
    bytes += other.bytes;
  }
};

struct Timed {
  const char* name;
  uint64_t ticks = 0, calls = 0;
  Work work = {};
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

struct Nothing {
  template <typename... Arguments>
  Work operator()(const Arguments&...) const {
    return {};
  }
};

template <auto kKernel, typename Count = Nothing, typename Table, typename Result, typename... Arguments>
void add(Table& table, const char* name, Result (*Table::*)(Arguments...), Count = {}) {
  place<kKernel> = timed.size();
  timed.push_back({name});
  table.*kKernel = [](Arguments... arguments) {
    Timed& to = timed[place<kKernel>];
    to.work += Count{}(arguments...);
    const Clock clock{to};
    return (chosen<Table>().*kKernel)(arguments...);
  };
}

/** The last argument, if there is one, says what a call amounts to. */
#define CONVSWEEP_TIME(table, Table, kernel, ...) \
  add<&Table::kernel>(table, #kernel, &Table::kernel __VA_OPT__(, ) __VA_ARGS__)

size_t vectors(size_t size) {
  const size_t lanes = cpu::chosenKernels().conv->lanes;
  return (size + lanes - 1) / lanes;
}
/** The same in halves, where the last vector may be half a one: with AVX-512. */
size_t halves(size_t size) {
  const size_t lanes = cpu::chosenKernels().conv->lanes;
  return lanes == 16 ? (size + 7) / 8 : 2 * vectors(size);
}
size_t patchHalves(size_t run) {
  return vectors(run) <= 2 ? halves(run) : 2 * vectors(run);
}

/** Of `arrays` that are read or written once. */
Work passes(size_t arrays, size_t size) {
  return {0, arrays * size * sizeof(float)};
}

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
  CONVSWEEP_TIME(conv, ConvKernels, correlate,
                 [](const cpu::Windows& w, const cpu::PackedKernel& k, const auto&...) {
                   return Work{w.count * w.depth() * halves(k.filters) / 2};
                 });
  CONVSWEEP_TIME(conv, ConvKernels, weightSums,
                 [](const cpu::Windows& w, const float*, size_t filters, const auto&...) {
                   return Work{w.lines * w.count * w.depth() * halves(filters) / 2};
                 });
  CONVSWEEP_TIME(conv, ConvKernels, toPlanes);
  CONVSWEEP_TIME(conv, ConvKernels, correlatePlanes,
                 [](const cpu::PlaneWindows& w, const float*, size_t filters, const auto&...) {
                   return Work{vectors(w.count) * w.rows * w.columns * w.channels * filters};
                 });
  CONVSWEEP_TIME(conv, ConvKernels, planeSums,
                 [](const cpu::PlaneWindows& w, const float*, const cpu::PlaneLayout& g, const auto&...) {
                   return Work{w.lines * vectors(w.count) * w.rows * w.columns * w.channels * g.channels};
                 });
  CONVSWEEP_TIME(conv, ConvKernels, tileInputs);
  CONVSWEEP_TIME(conv, ConvKernels, tileResults);
  CONVSWEEP_TIME(conv, ConvKernels, tileGradients);
  CONVSWEEP_TIME(conv, ConvKernels, tileKernel);
  CONVSWEEP_TIME(conv, ConvKernels, tileKernelGradient);
  CONVSWEEP_TIME(conv, ConvKernels, listByFilter);
  CONVSWEEP_TIME(conv, ConvKernels, addPatches,
                 [](const float*, size_t, size_t rows, size_t run, size_t filters, const cpu::WinnerList&,
                    size_t, const uint32_t* counts, float*) {
                   uint64_t all = 0;
                   for (size_t f = 0; f < filters; ++f) all += counts[f];
                   return Work{all * rows * patchHalves(run) / 2};
                 });
  CONVSWEEP_TIME(conv, ConvKernels, listByPatch);
  CONVSWEEP_TIME(
      conv, ConvKernels, spread,
      [](const float*, size_t, size_t rows, size_t run, const cpu::WinnerList&, const cpu::Patch* patches,
         size_t count, float*) { return Work{patches[count].begin * rows * patchHalves(run) / 2}; });
  CONVSWEEP_TIME(all, Kernels, rescale);
  CONVSWEEP_TIME(all, Kernels, affine);
  CONVSWEEP_TIME(all, Kernels, poolRow);
  CONVSWEEP_TIME(all, Kernels, largestOf);
  CONVSWEEP_TIME(all, Kernels, poolBackward, [](const PoolSpec& pool, const auto&...) {
    return passes(1, pool.in.size() + 2 * pool.out.size());
  });
  CONVSWEEP_TIME(all, Kernels, relu);
  CONVSWEEP_TIME(all, Kernels, dropout);
  CONVSWEEP_TIME(all, Kernels, multiply);
  CONVSWEEP_TIME(all, Kernels, gemm,
                 [](size_t m, size_t n, size_t k, const auto&...) { return Work{m * k * vectors(n)}; });
  CONVSWEEP_TIME(all, Kernels, biasRelu, [](float*, size_t rows, size_t columns, const auto&...) {
    return passes(2, rows * columns);
  });
  CONVSWEEP_TIME(all, Kernels, moments, [](const float*, size_t rows, size_t columns, const auto&...) {
    return passes(2, rows * columns);
  });
  CONVSWEEP_TIME(all, Kernels, normalise, [](const float*, size_t rows, size_t columns, const auto&...) {
    return passes(2, rows * columns);
  });
  CONVSWEEP_TIME(all, Kernels, reluBackward,
                 [](const float*, const float*, size_t size, float*) { return passes(3, size); });
  CONVSWEEP_TIME(all, Kernels, columnSums,
                 [](const float*, size_t rows, size_t columns, float*) { return passes(1, rows * columns); });
  CONVSWEEP_TIME(all, Kernels, normSums,
                 [](const float*, const float*, size_t rows, size_t columns, const auto&...) {
                   return passes(2, rows * columns);
                 });
  CONVSWEEP_TIME(all, Kernels, normBackward,
                 [](const float*, const float*, size_t rows, size_t columns, const auto&...) {
                   return passes(3, rows * columns);
                 });
  CONVSWEEP_TIME(stem, StemKernels, secondNormSums);
  CONVSWEEP_TIME(stem, StemKernels, secondGradient);
  CONVSWEEP_TIME(stem, StemKernels, listByFilter);
  CONVSWEEP_TIME(stem, StemKernels, secondWeights);
  CONVSWEEP_TIME(stem, StemKernels, listByPosition);
  CONVSWEEP_TIME(stem, StemKernels, secondInput);
  CONVSWEEP_TIME(stem, StemKernels, firstQuads);
  CONVSWEEP_TIME(stem, StemKernels, firstWeights);
  CONVSWEEP_TIME(all, Kernels, adam, [](float*, float*, float*, const float*, size_t size, const auto&...) {
    return passes(7, size);
  });
  return all;
}

/** One run, or the fastest of several: seconds in all and per kernel. */
struct Run {
  double seconds = 1e9;
  std::vector<double> kernels;
  std::vector<Work> works;
};

template <typename Body>
void measure(Run& best, const Body& body) {
  for (Timed& kernel : timed) kernel = {kernel.name};
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
  body();
  const double all = seconds(begin);
  const double perTick = all / static_cast<double>(ticks() - first);
  Run run{all, {}, {}};
  for (const Timed& kernel : timed) {
    const double net = static_cast<double>(kernel.ticks) - static_cast<double>(kernel.calls * empty);
    run.kernels.push_back(net * perTick);
    run.works.push_back(kernel.work);
    // Twice: once within and once around what was timed.
    run.seconds -= static_cast<double>(2 * kernel.calls * empty) * perTick;
  }
  if (run.seconds < best.seconds) best = run;
}

/** A kernel's, or what is left: cycles an image, their share, multiply-adds and bytes an image. */
void cells(double seconds, double all, double cycles, const Work& work, size_t images) {
  std::printf(" %.0f | %.1f %% |", seconds * cycles, 100 * seconds / all);
  const auto count = [&](uint64_t n) {
    if (n > 0) {
      std::printf(" %.0f |", static_cast<double>(n) / static_cast<double>(images));
    } else {
      std::printf(" |");
    }
  };
  count(work.products);
  count(work.bytes);
}

}  // namespace

const Kernels& convsweep::cpu::kernels() {
  static const Kernels table = clocked();
  return table;
}

int main(int argc, char** argv) {
  const Digits digits = argc > 1 && *argv[1] ? readDigits(argv[1]) : strokes(7000);
  const double limit = argc > 2 ? std::atof(argv[2]) : 5;
  const std::string name = argc > 3 ? argv[3] : "60, 60, 60";
  std::vector<Named> all = networks();
  all.push_back({"60, 60, 60", notebook(3, 60, 60, 60).layers});
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

  const double clock = gigaflops / 32;
  const double cycles = clock * 1e9 / kImages;
  std::printf("%s, %s, %.2f GHz; cycles, multiply-adds of vectors and bytes per image\n\n", name.c_str(),
              cpu::kernels().name, clock);
  std::printf(
      "| kernel | training | | multiply-adds | bytes | inference | | multiply-adds | bytes |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  const auto line = [&](const char* title, double train, const Work& trained, double infer,
                        const Work& inferred) {
    std::printf("| %s |", title);
    cells(train, training.seconds, cycles, trained, kImages);
    cells(infer, inference.seconds, cycles, inferred, kImages);
    std::printf("\n");
  };
  double train = training.seconds, infer = inference.seconds;
  Work trained, inferred;
  for (size_t i = 0; i < timed.size(); ++i) {
    const double t = training.kernels[i], n = inference.kernels[i];
    if (t + n > 0) line(timed[i].name, t, training.works[i], n, inference.works[i]);
    train -= t;
    infer -= n;
    trained += training.works[i];
    inferred += inference.works[i];
  }
  line("between the kernels", train, {}, infer, {});
  line("all", training.seconds, trained, inference.seconds, inferred);
}
