// The text of kernels whose threads work together, on threads of the host beneath ThreadSanitizer: no two
// touch a value without a barrier between them, and what they leave is bit by bit what the stand-in for CUDA
// computes in turn.
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "block_threads.h"
#include "cuda/block_kernel.h"
#include "cuda/bodies.h"
#include "cuda/launch.h"
#include "cuda/reduce_kernel.h"

// The stand-in's queue, which is not what is tested here.
cudaError_t standinLaunch(cudaStream_t, std::function<void()> kernel) {
  kernel();
  return cudaSuccess;
}
void convsweep::cuda::check(cudaError_t, Place) {}

namespace convsweep::cuda {
namespace {

std::mt19937 random(1);
int failures = 0;

std::vector<float> randomValues(size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

template <typename T>
void expectSameBits(const T* actual, const T* expected, size_t count, const std::string& what) {
  if (std::memcmp(actual, expected, count * sizeof(T)) == 0) return;
  std::printf("FAILED %s\n", what.c_str());
  ++failures;
}

template <typename Body>
void reduceWithThreads(uint32_t blocks, const Body& body) {
  test::runBlocks(blocks, kThreads, [&] { reduceKernel(body); });
}

void testChannelSums(uint32_t n, Order order, uint32_t images) {
  const auto gradient = randomValues(n * order.size()), y = randomValues(n * order.size());
  const uint32_t blocks = (n + images - 1) / images * order.channels;
  std::vector<float> actual(blocks), expected(blocks), clipped(gradient.size()), alsoClipped(gradient.size());
  const ReluBackward map{y.data(), gradient.data(), clipped.data()};
  const ReluBackward alsoMap{y.data(), gradient.data(), alsoClipped.data()};
  reduceWithThreads(blocks, ChannelSums<ReluBackward>{map, n, order, images, actual.data()});
  reduce(nullptr, blocks, ChannelSums<ReluBackward>{alsoMap, n, order, images, expected.data()});
  const std::string what = "channel sums of " + std::to_string(n) + " x " + std::to_string(order.positions);
  expectSameBits(actual.data(), expected.data(), blocks, what);
  expectSameBits(clipped.data(), alsoClipped.data(), clipped.size(), what + ", what is summed");
}

void testCrossEntropy(uint32_t n) {
  const Order classes{1, 10};
  const auto logits = randomValues(n * classes.size());
  std::vector<uint8_t> labels(n);
  std::vector<uint32_t> rows(n);
  for (uint32_t i = 0; i < n; ++i) {
    labels[i] = static_cast<uint8_t>(random() % classes.size());
    rows[i] = n - 1 - i;
  }
  Cursor cursor;
  cursor.labels = labels.data();
  cursor.rows = rows.data();
  std::vector<float> actual(logits.size()), expected(logits.size());
  DeviceTotals actualTotals{}, expectedTotals{};
  reduceWithThreads(1, CrossEntropy{&cursor, logits.data(), n, classes, actual.data(), &actualTotals});
  reduce(nullptr, 1, CrossEntropy{&cursor, logits.data(), n, classes, expected.data(), &expectedTotals});
  const std::string what = "cross-entropy of " + std::to_string(n);
  expectSameBits(actual.data(), expected.data(), logits.size(), what + ", gradient");
  expectSameBits(&actualTotals, &expectedTotals, 1, what + ", totals");
}

/** What one pass over a dense layer and its batch norm leaves, forward and backward. */
struct Normalised {
  std::vector<float> y, out, gradient;
  /** A row per kind of value, a column per unit. */
  std::vector<float> ofUnits;
  Normalised(const std::vector<float>& x, uint32_t units)
      : y(x), out(x.size()), gradient(x.size()), ofUnits(9 * units, 0.5f) {}

  TrainingNorm norm(uint32_t units) {
    const auto row = [&](uint32_t i) { return ofUnits.data() + i * units; };
    return {row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7), 1e-3f, 0.01f, 1};
  }
};

void testDenseNorm(uint32_t n, uint32_t units) {
  const auto x = randomValues(n * units), bias = randomValues(units), gradient = randomValues(n * units);
  Normalised actual(x, units), expected(x, units);
  const auto run = [&](Normalised& it, const auto& forEachBlock) {
    const TrainingNorm norm = it.norm(units);
    forEachBlock(DenseNorm{it.y.data(), n, units, {bias.data(), true}, norm, it.out.data()});
    forEachBlock(DenseNormBackward{it.y.data(), gradient.data(), n, units, true, norm, it.gradient.data(),
                                   it.ofUnits.data() + 8 * units});
  };
  run(actual, [&](const auto& body) { test::runBlocks(units, kThreads, [&] { forEachBlockKernel(body); }); });
  run(expected, [&](const auto& body) { forEachBlock(nullptr, units, body); });
  const std::string what = "dense norm of " + std::to_string(n) + ", ";
  expectSameBits(actual.y.data(), expected.y.data(), x.size(), what + "activations");
  expectSameBits(actual.out.data(), expected.out.data(), x.size(), what + "output");
  expectSameBits(actual.gradient.data(), expected.gradient.data(), x.size(), what + "gradient");
  expectSameBits(actual.ofUnits.data(), expected.ofUnits.data(), actual.ofUnits.size(), what + "sums");
}

}  // namespace
}  // namespace convsweep::cuda

int main() {
  using namespace convsweep::cuda;
  // Fewer terms than threads, and more. Few blocks: each takes ThreadSanitizer a while.
  testChannelSums(3, {1, 2}, 3);
  testChannelSums(20, {169, 2}, 12);
  testCrossEntropy(104);
  testCrossEntropy(300);
  testDenseNorm(3, 2);
  testDenseNorm(300, 2);
  return failures == 0 ? 0 : 1;
}
