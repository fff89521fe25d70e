#include "cpu/conv/winners.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv/windows.h"

namespace convsweep::cpu {
namespace {

/** Floats of a list, or of a list of each filter, with room for a vector past the end. */
size_t listSize(const PoolSpec& pool) {
  const size_t lists = static_cast<size_t>(pool.out.channels);
  return (pool.out.size() + std::max<size_t>(lists, 2) * kSlack + 15) / 16 * 16;
}

WinnerList listIn(const PoolSpec& pool, float* memory) {
  return {memory, reinterpret_cast<int32_t*>(memory + listSize(pool))};
}

size_t patchesOf(const PoolSpec& pool) {
  return static_cast<size_t>(pool.out.height) * pool.out.width * pool.window.height * pool.window.width + 1;
}

/** Floats of a filter's rows in whole vectors. */
size_t filterStep(const ConvKernels& kernels, const Windows& w) {
  return w.rows * wholeVectors(kernels, w.run);
}

}  // namespace

WinnersInputGradient::WinnersInputGradient(const Kernels& kernels, const ConvSpec& spec)
    : kernels_(*kernels.conv), spec_(spec), frame_(inputFrame(spec)) {
  const size_t size =
      static_cast<size_t>(spec_.out.channels) * filterStep(kernels_, windowsOf(spec_, frame_, nullptr));
  byFilter_.ensure(size);
  byFilter_.zero(size);
}

/** The framed gradient, the list, the patches. */
size_t WinnersInputGradient::scratch() const {
  static_assert(sizeof(Patch) == 2 * sizeof(float));
  return frame_.size() + kSlack + 2 * listSize(*spec_.pool) + 2 * patchesOf(*spec_.pool);
}

void WinnersInputGradient::prepare(const float* kernel) {
  const Windows w = windowsOf(spec_, frame_, nullptr);
  const size_t filters = static_cast<size_t>(spec_.out.channels), row = wholeVectors(kernels_, w.run);
  for (size_t f = 0; f < filters; ++f) {
    float* const to = byFilter_.data() + f * w.rows * row;
    for (size_t r = 0; r < w.rows; ++r) {
      for (size_t t = 0; t < w.run; ++t) to[r * row + t] = kernel[(r * w.run + t) * filters + f];
    }
  }
}

void WinnersInputGradient::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  const PoolSpec& pool = *spec_.pool;
  const Windows w = windowsOf(spec_, frame_, nullptr);
  const WinnerList list = listIn(pool, scratch + frame_.size() + kSlack);
  Patch* const patches = reinterpret_cast<Patch*>(list.factors + 2 * listSize(pool));
  for (size_t i = 0; i < images; ++i) {
    const size_t at = i * pool.out.size();
    const size_t count = kernels_.listByPatch(pool, arrays.yGradient + at, arrays.winners + at, w.lineStep,
                                              w.step, filterStep(kernels_, w), list, patches);
    std::memset(scratch, 0, (frame_.size() + kSlack) * sizeof(float));
    kernels_.spread(byFilter_.data(), w.pitch, w.rows, w.run, list, patches, count, scratch);
    frame_.take(scratch, arrays.xGradient + i * spec_.in.size());
  }
}

WinnersKernelGradient::WinnersKernelGradient(const Kernels& kernels, const ConvSpec& spec)
    : kernels_(*kernels.conv), spec_(spec), frame_(inputFrame(spec)) {}

/** The framed input, which vectors are read past the end of, the lists, how long each is. */
size_t WinnersKernelGradient::scratch() const {
  return frame_.size() + kSlack + 2 * listSize(*spec_.pool) + static_cast<size_t>(spec_.out.channels);
}

size_t WinnersKernelGradient::sums() const {
  return static_cast<size_t>(spec_.out.channels) * filterStep(kernels_, windowsOf(spec_, frame_, nullptr));
}

void WinnersKernelGradient::run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const {
  const PoolSpec& pool = *spec_.pool;
  const Windows w = windowsOf(spec_, frame_, nullptr);
  const size_t filters = static_cast<size_t>(spec_.out.channels);
  const size_t positions = static_cast<size_t>(pool.out.height) * pool.out.width;
  const size_t listStep = positions + kSlack;
  const WinnerList list = listIn(pool, scratch + frame_.size() + kSlack);
  uint32_t* const counts = reinterpret_cast<uint32_t*>(list.factors + 2 * listSize(pool));
  frame_.clear(scratch);
  for (size_t i = 0; i < images; ++i) {
    const size_t at = i * pool.out.size();
    kernels_.listByFilter(arrays.yGradient + at, arrays.winners + at, positions, filters, list, listStep,
                          counts);
    kernels_.addPatches(frame_.put(arrays.x + i * spec_.in.size(), scratch), w.pitch, w.rows, w.run, filters,
                        list, listStep, counts, sums);
  }
}

void WinnersKernelGradient::finish(const float* sums, float* gradient) const {
  const Windows w = windowsOf(spec_, frame_, nullptr);
  const size_t filters = static_cast<size_t>(spec_.out.channels), row = wholeVectors(kernels_, w.run);
  for (size_t f = 0; f < filters; ++f) {
    const float* const from = sums + f * w.rows * row;
    for (size_t r = 0; r < w.rows; ++r) {
      for (size_t t = 0; t < w.run; ++t) gradient[(r * w.run + t) * filters + f] = from[r * row + t];
    }
  }
}

}  // namespace convsweep::cpu
