#include "cpu/conv/block.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv/ink.h"
#include "cpu/conv/list.h"
#include "cpu/conv/turn.h"
#include "cpu/pool/image.h"

namespace convsweep::cpu {
namespace {

/** Values of a map that stay in the second-level cache until something else is done with them. */
constexpr size_t kCached = 64 * 1024;
/** The same of deferred input, beside what it is made of and what is made of it. */
constexpr size_t kDeferred = 32 * 1024;

size_t imagesOf(size_t values, size_t size) {
  return std::max(values / size, size_t{1});
}

/**
 * Windows of one position need no neighbours: where they are taken as they come, short lines are put
 * together, as many as stay in the first-level cache, to fill tiles. An image keeps its own, whose blank ends
 * are left out.
 */
ConvSpec inLongLines(ConvSpec spec, bool image) {
  constexpr int kMost = 4096;
  const Window& w = spec.window;
  if (image || spec.pool || w.height * w.width > 1 || spec.in.height != spec.out.height ||
      spec.in.width != spec.out.width)
    return spec;
  int lines = spec.in.height;
  while (lines > 1 && (spec.in.height % lines != 0 || lines * spec.in.width * spec.in.channels > kMost))
    --lines;
  spec.in = {spec.in.height / lines, spec.in.width * lines, spec.in.channels};
  spec.out = {spec.out.height / lines, spec.out.width * lines, spec.out.channels};
  return spec;
}

}  // namespace

ConvBlock::ConvBlock(const Context& context, const Node& from, const ConvSpec& spec)
    : CpuBlock(context, from, spec.pool ? spec.pool->out.size() : spec.out.size()),
      given_(spec),
      spec_(inLongLines(spec, from.pixels)),
      frame_(inputFrame(spec_)),
      forward_(makeForward(context.kernels, spec_)),
      kernelGradient_(makeKernelGradient(context.kernels, spec_)) {}

bool ConvBlock::pool(const PoolSpec& spec) {
  if (!follower_ || pool_) return false;
  pool_ = spec;
  return true;
}

const ConvForward& ConvBlock::prepareForward(size_t n, Mode mode) {
  const float* const bias = spec_.bias ? parameters(spec_.parameters.second) : nullptr;
  if (follower_) follower_->begin(n, mode);
  if (mode == Mode::Training || !folds()) {
    forward_->prepare(kernel(), bias);
    return *forward_;
  }
  if (!foldedForward_) {
    ConvSpec folded = given_;
    folded.relu = follower_->relu();
    folded.pool = pool_;
    foldedForward_ = makeForward(context_.kernels, inLongLines(folded, from_.pixels));
  }
  const size_t rows = weightsOf(spec_) / filters();
  foldedKernel_.ensure(rows * filters());
  foldedBias_.ensure(filters());
  follower_->fold(kernel(), rows, bias, foldedKernel_.data(), foldedBias_.data());
  foldedForward_->prepare(foldedKernel_.data(), foldedBias_.data());
  return *foldedForward_;
}

ConvArrays ConvBlock::arrays(size_t first, const float* x, float* y) {
  const size_t in = first * from_.size, out = first * to_.size;
  return {x,
          from_.pixels ? ink_.data() + first * static_cast<size_t>(spec_.out.height) : nullptr,
          y,
          spec_.pool ? winners_.data() + out : nullptr,
          to_.gradient ? to_.gradient + out : nullptr,
          from_.gradient ? from_.gradient + in : nullptr};
}

const float* ConvBlock::input(Deferred* deferred, size_t first, size_t last, float* memory) const {
  if (!deferred) return from_.values + first * from_.size;
  deferred->values(first, last, memory);
  return memory;
}

void ConvBlock::forward(size_t n, Mode mode) {
  float* const y = prepare(n, mode);
  const bool training = mode == Mode::Training;
  if (training && spec_.pool) winners_.ensure(n * to_.size);
  const ConvForward& implementation = prepareForward(n, mode);
  const size_t lines = static_cast<size_t>(spec_.in.height), results = static_cast<size_t>(spec_.out.height);
  if (from_.pixels) {
    ink_.ensure(n * results);
    inkedLines_.ensure(team().workers() * lines);
  }
  Deferred* const deferred = training ? from_.deferred : nullptr;
  // Statistics are of whole shards; without them what follows can come sooner.
  size_t most = shardImages(n);
  if (deferred) most = imagesOf(kDeferred, from_.size);
  const bool follows = follower_ && (training || !folds());
  if (follows && !training) most = imagesOf(kCached, to_.size);
  const size_t size = implementation.scratch(), inputs = deferred ? most * from_.size + kSlack : 0;
  // Pooled while they are in the cache.
  const bool pools = follows && !training && pool_;
  const size_t stride = training || !pool_ ? to_.size : pool_->out.size();
  const size_t all = size + inputs + (pools ? most * to_.size + kSlack : 0);
  float* const memory = scratch(all);
  team().forEachShard(n, [&](const Shard& shard, size_t worker) {
    float* const mine = memory + worker * all;
    Span* const inked = inkedLines_.data() + worker * lines;
    for (size_t i = shard.first; from_.pixels && i < shard.last; ++i) {
      kernels().conv->inkOf(from_.values + i * from_.size, spec_.in, inked);
      resultsWithInk(spec_, inked, ink_.data() + i * results);
    }
    for (size_t first = shard.first, last; first < shard.last; first = last) {
      last = std::min(first + most, shard.last);
      float* const out = y + first * stride;
      float* const to = pools ? mine + size + inputs : out;
      ConvArrays part = arrays(first, input(deferred, first, last, mine + size), to);
      if (!training) part.winners = nullptr;
      implementation.run(last - first, part, mine);
      if (follows && !training) follower_->forward({shard.index, first, last}, mode, to);
      for (size_t i = 0; pools && i < last - first; ++i)
        poolImage(kernels(), *pool_, to + i * to_.size, out + i * stride, nullptr);
    }
    if (follows && training) follower_->forward(shard, mode, y + shard.first * stride);
  });
}

void ConvBlock::backward(size_t n) {
  const bool passOn = from_.gradient != nullptr;
  if (passOn) {
    if (!inputGradient_) inputGradient_ = makeInputGradient(context_.kernels, spec_);
    inputGradient_->prepare(kernel());
  }
  const size_t shards = shardsOf(n), sums = kernelGradient_->sums();
  kernelSums_.ensure(shards * sums);
  biasSums_.ensure(shards * filters());
  Deferred* const deferred = from_.deferred;
  const size_t most = deferred ? imagesOf(kDeferred, from_.size) : shardImages(n);
  const size_t size = std::max(kernelGradient_->scratch(), passOn ? inputGradient_->scratch() : 0);
  const size_t all = size + (deferred ? most * from_.size + kSlack : 0);
  float* const memory = scratch(all);
  team().forEachShard(n, [&](const Shard& shard, size_t worker) {
    const size_t at = shard.first * to_.size, count = (shard.last - shard.first) * to_.size;
    float* const gradient = to_.gradient + at;
    if (follower_) follower_->backward(shard);
    if (spec_.relu) kernels().reluBackward(to_.values + at, gradient, count, gradient);
    // The bias gradient does not depend on where in its window a pooled value came from.
    if (spec_.bias)
      kernels().columnSums(gradient, count / filters(), filters(),
                           biasSums_.data() + shard.index * filters());
    float* const shardSums = kernelSums_.data() + shard.index * sums;
    std::memset(shardSums, 0, sums * sizeof(float));
    float* const mine = memory + worker * all;
    for (size_t first = shard.first, last; first < shard.last; first = last) {
      last = std::min(first + most, shard.last);
      const float* const x = input(deferred, first, last, mine + size);
      kernelGradient_->run(last - first, arrays(first, x, nullptr), shardSums, mine);
    }
    if (passOn) inputGradient_->run(shard.last - shard.first, arrays(shard.first, nullptr, nullptr), mine);
    if (deferred) deferred->takeGradient(shard);
  });
  addShards(kernelSums_.data(), shards, sums);
  kernelGradient_->finish(kernelSums_.data(), gradients(spec_.parameters.first));
  if (!spec_.bias) return;
  addShards(biasSums_.data(), shards, filters());
  std::memcpy(gradients(spec_.parameters.second), biasSums_.data(), filters() * sizeof(float));
}

void ConvBlock::addShards(float* sums, size_t shards, size_t size) {
  for (size_t s = 1; s < shards; ++s) {
    for (size_t i = 0; i < size; ++i) sums[i] += sums[s * size + i];
  }
}

int ConvBlock::winner(size_t image, size_t element) const {
  if (spec_.relu && !(to_.values[image * to_.size + element] > 0)) return -1;
  if (!spec_.pool) return 0;
  const Window& pool = spec_.pool->window;
  const size_t width = static_cast<size_t>(spec_.pool->out.width);
  const size_t x = element / filters() % width, y = element / filters() / width;
  const int32_t winner = winners_.data()[image * to_.size + element];
  // All of the window is blank: the first of its positions that lies in the map.
  if (winner < 0) {
    const int above = std::max(pool.padTop - static_cast<int>(y) * pool.strideY, 0);
    return above * pool.width + std::max(pool.padLeft - static_cast<int>(x) * pool.strideX, 0);
  }
  const size_t at = static_cast<size_t>(winner);
  const int row = static_cast<int>(at / (static_cast<size_t>(spec_.window.strideY) * frame_.pitch()));
  const int column =
      static_cast<int>(at % frame_.pitch() / (static_cast<size_t>(spec_.window.strideX) * frame_.channels));
  return (row - (static_cast<int>(y) * pool.strideY - pool.padTop)) * pool.width + column -
         (static_cast<int>(x) * pool.strideX - pool.padLeft);
}

}  // namespace convsweep::cpu
