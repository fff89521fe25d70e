// Times each kernel of the convolution stem on one image that stays in the caches, in cycles at the clock
// that the machine's peak implies (32 single-precision operations per cycle; wrong by a factor where a core
// does more or less):
//   native_bench_kernels [digits.bin]
#include "cpu/kernels.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "bench/native/peak.h"
#include "engine/buffer.h"

using namespace convsweep;
using namespace convsweep::cpu;

namespace {

template <typename T>
T* room(size_t size) {
  static std::vector<std::unique_ptr<Buffer<T>>> kept;
  kept.push_back(std::make_unique<Buffer<T>>(size + 256));
  kept.back()->zero(size + 256);
  return kept.back()->data();
}

template <typename Run>
void time(const char* name, const Run& run) {
  double best = 1e9, clock = 0;
  for (int round = 0; round < 30; ++round) {
    const double hertz = bench::peak() / 32 * 1e9;
    const double start = bench::now();
    for (int i = 0; i < 50; ++i) run();
    const double cycles = (bench::now() - start) / 50 * hertz;
    if (cycles < best) best = cycles, clock = hertz;
  }
  std::printf("%-16s %8.0f cycles  (%.2f GHz)\n", name, best, clock / 1e9);
}

}  // namespace

int main(int, char**) {
  const Kernels& all = kernels();
  const StemKernels& k = *all.stem;
  const StemShape s{28, 28, 13, 13, 5, 5, 28, 28, 2, 2};
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const auto fill = [&](float* to, size_t size) {
    std::generate_n(to, size, [&] { return uniform(random); });
  };
  const auto floats = [&](size_t size) {
    float* to = room<float>(size);
    fill(to, size);
    return to;
  };
  const size_t c = 32;
  uint8_t* pixels = room<uint8_t>(784);
  for (int y = 4; y < 24; ++y) {
    for (int x = 8; x < 20; ++x) pixels[y * 28 + x] = static_cast<uint8_t>(random());
  }
  uint16_t* first = room<uint16_t>(256);
  uint16_t* second = room<uint16_t>(64);
  Ink ink{0, 25, first, second};
  for (uint16_t i = 0; i < 25; ++i) second[i] = static_cast<uint16_t>(i / 5 << 8 | i % 5);
  uint16_t blank = 75;
  for (uint16_t y = 0; y < 13; ++y) {
    for (uint16_t x = 0; x < 13; ++x) {
      const bool inked = ink.inked1 < 75 && y > 0 && x > 2 && x < 10;
      first[inked ? ink.inked1++ : blank++] = static_cast<uint16_t>(y << 8 | x);
    }
  }
  float* rows = room<float>(28 * 4 * kRowStride);
  float* values1 = room<float>(s.map1());
  uint8_t* winners1 = room<uint8_t>(s.map1());
  uint8_t* winners2 = room<uint8_t>(s.map2());
  float* sums = room<float>(8 * c);
  float* batch = room<float>(36 * k.tiles * c);
  float* products = room<float>(36 * k.tiles * c);
  float* values2 = room<float>(4 * s.map2());
  float* gradient1 = room<float>(s.map1());
  float* quads = room<float>(27 * 27 * 4);
  float* out = room<float>(720);
  float* scratch = room<float>(s.listScratch());
  const Products list{room<float>(s.map2()), room<int32_t>(s.map2())};
  uint32_t* begins = room<uint32_t>(128);
  float *weights1 = floats(12 * c), *bias = floats(c), *zero = room<float>(c), *u = floats(36 * 28 * c);
  float *weights2 = floats(9 * 28 * c), *kernelSums = floats(9 * 28 * c), *coefficients = floats(3 * c);
  float* gradient2 = room<float>(4 * s.map2());
  for (size_t i = 0; i < s.map2(); ++i) {
    gradient2[i] = i % c < 28 && random() % 10 < 7 ? uniform(random) : 0;
    winners2[i] = static_cast<uint8_t>(random() % 4);
  }
  std::vector<TileTarget> targets(k.tiles);
  for (size_t i = 0; i < k.tiles; ++i) targets[i] = {values2 + i * c, winners2 + i * c};
  std::vector<uint8_t> winnersOut(4 * s.map2());
  for (size_t i = 0; i < k.tiles; ++i) targets[i].winners = winnersOut.data() + i * c;

  std::printf("%s\n", all.name);
  uint64_t bits[kMaxWidth];
  time("inkRows", [&] { k.inkRows(s, pixels, bits); });
  time("firstRows", [&] { k.firstRows(s, pixels, rows); });
  time("first training",
       [&] { k.firstForward(s, rows, ink, weights1, bias, zero, {}, values1, winners1, sums); });
  time("first inference",
       [&] { k.firstForward(s, rows, ink, weights1, bias, zero, {}, values1, nullptr, nullptr); });
  for (const TileKind kind : {TileKind{false, false}, {false, true}, {true, false}, {true, true}}) {
    std::printf("%zu tiles of %zu products\n", k.tiles, kind.products());
    time("  secondTile", [&] {
      for (size_t i = 0; i < k.tiles; ++i) k.secondTile(s, kind, values1, i % 3, i % 4, i, batch);
    });
    time("  secondMultiply", [&] { k.secondMultiply(s, kind, batch, u, products); });
    time("  pool training",
         [&] { k.secondPool(s, kind, products, k.tiles, bias, zero, targets.data(), sums); });
    time("  pool inference",
         [&] { k.secondPool(s, kind, products, k.tiles, bias, zero, targets.data(), nullptr); });
  }
  time("secondNormalise", [&] { k.secondNormalise(s, values2, bias, zero, out); });
  time("secondNormSums", [&] { k.secondNormSums(s, out, values2, bias, sums); });
  time("secondGradient", [&] { k.secondGradient(s, out, coefficients, ink, values2, sums); });
  time("listByFilter", [&] { k.listByFilter(s, gradient2, winners2, scratch, list, begins); });
  time("secondWeights", [&] { k.secondWeights(s, values1, list, begins, {}, kernelSums); });
  std::printf("  %u products\n", begins[28]);
  time("listByPosition", [&] { k.listByPosition(s, gradient2, winners2, list, begins); });
  time("secondInput", [&] { k.secondInput(s, weights2, list, begins, {}, gradient1); });
  time("firstQuads", [&] { k.firstQuads(s, pixels, quads); });
  time("firstWeights", [&] {
    k.firstWeights(s, quads, ink, gradient1, values1, winners1, zero, coefficients, weights1, sums);
  });
}
